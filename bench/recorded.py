"""What a recording costs those who are recorded: the same commands with and without one, in turns, on one server."""

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path as FilePath

from bench import echo, paths, pipe, tty_output
from bench.bed import BUSYBOX, Bed
from bench.model import Bar, Result, pairwise_ratio
from bench.paths import Command, Path
from bench.process import Terminal
from bench.rounds import interleave, ratio_bar
from bench.server import running_server

TTY, PIPE, ECHO = "recorded_tty_output", "recorded_pipe_output", "recorded_echo"

RECORDED, SUMS, CONTENTS = "whale, recorded", "whale, sums recorded", "whale, contents recorded"

_POLICIES = """
@id("all") permit(principal, action, resource);
@id("echoed") @record("echoed") permit(principal, action == Action::"exec", resource)
when { context.command like "*# record*" };
@id("contents") @record("all") permit(principal, action == Action::"exec", resource)
when { context.command like "*# record all*" };
"""
_MARKS = {paths.WHALE: "# nothing", RECORDED: "# record all", SUMS: "# record", CONTENTS: "# record all"}
"""Comments for the shell, by which the policies know what is to be recorded."""


@contextlib.contextmanager
def _whale(bed: Bed) -> Iterator[Path]:
    """Whale through a server that records what is marked so."""
    with tempfile.TemporaryDirectory(prefix="whale-bench-") as name:
        (FilePath(name) / "all.cedar").write_text(_POLICIES)
        inside = ["env", f"WHALE_SERVER_POLICY_DIR={name}"]
        with running_server(bed.installed.whale_server, bed.host, inside=inside) as server:
            yield paths.whale_path(bed.installed.whale, server.environment)


def _commands(whale: Path, container: str, script: str, *ways: str, tty: bool) -> dict[str, Command]:
    return {way: whale.exec(container, ["sh", "-c", f"{script} {_MARKS[way]}"], tty=tty) for way in ways}


def run_tty(bed: Bed) -> Result:
    """Text into a terminal, as `tty_output` does."""
    container, expected = bed.container(BUSYBOX), tty_output.text(bed.rounds(64, 8) << 20)
    tty_output.make_file(bed.host, container, len(expected))
    buffer = bytearray(len(expected) + 1)
    with _whale(bed) as whale:
        commands = _commands(whale, container, tty_output.COMMAND[2], paths.WHALE, RECORDED, tty=True)
        takes = {way: partial(tty_output.through, each, expected, buffer) for way, each in commands.items()}
        samples = interleave(TTY, takes, rounds=bed.rounds(15, 2))
    bars = ratio_bar("terminal output, recorded", samples, paths.WHALE, 0.95, at_most=False, ours=RECORDED)
    return Result(TTY, "Text into a terminal, with and without a recording", "MB/s", samples, tuple(bars))


def run_pipe(bed: Bed) -> Result:
    """Text out of a pipe, as of a dump: with sums of it, and with all of it."""
    container, part = bed.container(BUSYBOX), bed.rounds(64, 8) << 20
    tty_output.make_file(bed.host, container, part)
    script, size = " ".join(["cat", *[tty_output.FILE] * 4]), 4 * part
    with _whale(bed) as whale:
        commands = _commands(whale, container, script, paths.WHALE, SUMS, CONTENTS, tty=False)
        takes = {way: partial(pipe.through, way, each, size) for way, each in commands.items()}
        samples = interleave(PIPE, takes, rounds=bed.rounds(9, 2))
    bars = [
        bar
        for way in (SUMS, CONTENTS)
        for bar in ratio_bar(f"pipe output, {way[7:]}", samples, paths.WHALE, 0.95, at_most=False, ours=way)
    ]
    return Result(PIPE, "Bytes out, with and without a recording", "MB/s", samples, tuple(bars))


def run_echo(bed: Bed) -> Result:
    """A keystroke and its echo, as `echo` does."""
    container = bed.container(BUSYBOX)
    with _whale(bed) as whale, contextlib.ExitStack() as stack:
        commands = _commands(whale, container, echo.COMMAND[2], paths.WHALE, RECORDED, tty=True)
        fds = {way: stack.enter_context(_typing(command)).fd for way, command in commands.items()}
        rounds = echo.take_turns(fds, rounds=bed.rounds(60, 5), keys=bed.rounds(100, 20))
    middle = {way: echo.middles(turns) for way, turns in rounds.items()}
    ratio = pairwise_ratio(middle[RECORDED], middle[paths.WHALE])
    bar = Bar("keystroke echo, recorded, p50", paths.WHALE, ratio, 1.05, "×", True)
    return Result(ECHO, "Keystroke echo, with and without a recording", "µs", echo.samples(rounds), (bar,))


@contextlib.contextmanager
def _typing(command: Command) -> Iterator[Terminal]:
    with Terminal(command.argv, command.env) as terminal:
        terminal.read_until(echo.READY)
        yield terminal
        terminal.end(echo.LEAVE)
