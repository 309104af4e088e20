"""`python -m bench.run`: measure whale beside what people use today, on this machine, and say how it compares."""

import argparse
import sys
from collections.abc import Callable, Sequence

from bench import echo, exec_true, idle_memory, live_shells, pipe, shell_prompt, streaming, tty_output
from bench.bed import Bed
from bench.model import BenchError, Failure, Result
from bench.table import terminal_report
from scripts.provision.engine import ensure_engine
from scripts.provision.say import ProvisionError, say

BENCHMARKS: dict[str, Callable[[Bed], Result]] = {
    exec_true.NAME: exec_true.run,
    shell_prompt.NAME: shell_prompt.run,
    echo.NAME: echo.run,
    tty_output.NAME: tty_output.run,
    pipe.OUTPUT: pipe.run_output,
    pipe.INPUT: pipe.run_input,
    idle_memory.NAME: idle_memory.run,
    live_shells.NAME: live_shells.run,
    streaming.NAME: streaming.run,
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="run this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works")
    return parser.parse_args(arguments)


def measure(bed: Bed, names: Sequence[str]) -> tuple[list[Result], list[Failure]]:
    """Run benchmarks one after the other; one that fails does not keep the next from running."""
    results, failures = [], []
    for name in names:
        say(f"{name} …")
        try:
            results.append(BENCHMARKS[name](bed))
        except (BenchError, ProvisionError, OSError) as error:
            failures.append(Failure(name, str(error)))
            say(f"{name}: {error}")
    return results, failures


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    with Bed(ensure_engine(), quick=options.quick) as bed:
        results, failures = measure(bed, options.only or list(BENCHMARKS))
    print(terminal_report(results, failures))
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BenchError, ProvisionError) as error:
        say(str(error))
        sys.exit(1)
