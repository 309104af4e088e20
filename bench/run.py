"""`python -m bench.run`: measure whale beside what people use today, on this machine, and say how it compares."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

from bench import (
    detached_memory,
    echo,
    exec_true,
    idle_memory,
    live_shells,
    pipe,
    recorded,
    return_time,
    shell_prompt,
    streaming,
    tty_output,
)
from bench.bed import Bed
from bench.machine import facts
from bench.model import BenchError, Failure, Result
from bench.picture import draw
from bench.report import put_between_marks, to_json, to_markdown
from bench.table import terminal_report
from scripts.provision.engine import ensure_engine
from scripts.provision.paths import ROOT
from scripts.provision.say import ProvisionError, say

OUT = ROOT / "bench" / "out"
PAGE = ROOT / "docs" / "benchmarks.md"
PUBLISHED = ROOT / "docs" / "benchmarks"

BENCHMARKS: dict[str, Callable[[Bed], Result]] = {
    exec_true.NAME: exec_true.run,
    shell_prompt.NAME: shell_prompt.run,
    echo.NAME: echo.run,
    tty_output.NAME: tty_output.run,
    pipe.OUTPUT: pipe.run_output,
    pipe.INPUT: pipe.run_input,
    idle_memory.NAME: idle_memory.run,
    detached_memory.NAME: detached_memory.run,
    live_shells.NAME: live_shells.run,
    streaming.NAME: streaming.run,
    return_time.NAME: return_time.run,
    recorded.TTY: recorded.run_tty,
    recorded.PIPE: recorded.run_pipe,
    recorded.ECHO: recorded.run_echo,
}

OWN_SERVER = {
    *(idle_memory.NAME, detached_memory.NAME, streaming.NAME, return_time.NAME),
    *(recorded.TTY, recorded.PIPE, recorded.ECHO),
}
"""These start the servers they look at."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works, not for figures")
    parser.add_argument("--python", default="", help="interpreter that whale is installed for; default: the system's")
    parser.add_argument("--publish", action="store_true", help="write docs/benchmarks.md and what belongs to it")
    parser.add_argument("--strict", action="store_true", help="a missed bar is a failure")
    parser.add_argument("--profile", action="store_true", help="record where the server's time goes, with py-spy")
    options = parser.parse_args(arguments)
    if options.publish and (options.only or options.quick or options.profile):
        parser.error("only a whole run can be published, and none that was profiled")
    return options


def measure(bed: Bed, names: Sequence[str]) -> tuple[list[Result], list[Failure]]:
    """Run benchmarks one after the other; one that fails does not keep the next from running."""
    results, failures = [], []
    for name in names:
        say(f"{name} …")
        try:
            with nullcontext() if name in OWN_SERVER else bed.recorded(name):
                results.append(BENCHMARKS[name](bed))
        except (BenchError, ProvisionError, OSError) as error:
            failures.append(Failure(name, str(error)))
            say(f"{name}: {error}")
    return results, failures


def publish(machine: Mapping[str, str], results: Sequence[Result], notes: Sequence[str], document: str) -> None:
    """Put a run where readers find it."""
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    (PUBLISHED / "last.json").write_text(document)
    draw(results, PUBLISHED / "last.svg")
    PAGE.write_text(put_between_marks(PAGE.read_text(), to_markdown(machine, results, notes)))
    say(f"wrote {PAGE}")


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    with Bed(
        ensure_engine(), quick=options.quick, python=options.python, profile=OUT if options.profile else None
    ) as bed:
        results, failures = measure(bed, options.only or list(BENCHMARKS))
        machine = facts(bed.engine, bed.installed, with_ssh=bed.has_ssh)
        notes = tuple(bed.left_out)
    print(terminal_report(results, failures, notes))
    document = to_json(machine, results, failures, notes, quick=options.quick)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "last.json").write_text(document)
    if results:
        draw(results, OUT / "last.svg")
    say(f"wrote {OUT / 'last.json'} and the picture beside it")
    if failures:
        return 1
    if options.publish:
        publish(machine, results, notes, document)
    missed = any(not bar.met for result in results for bar in result.bars)
    return 1 if options.strict and missed else 0


def _leave(*_: object) -> None:
    """End in order when told to: what was started is then ended too."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(main(sys.argv[1:]))
    except (BenchError, ProvisionError) as error:
        say(str(error))
        sys.exit(1)
