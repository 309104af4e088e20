"""A shell, as a person opens one: from the start of the process to its first prompt in a local terminal."""

import time
from collections.abc import Sequence
from functools import partial

from bench import paths
from bench.bed import DEV, Bed
from bench.engine_socket import RawExec
from bench.model import Result
from bench.paths import Command
from bench.process import Terminal
from bench.rounds import interleave, ratio_bar

NAME = "shell_prompt"

PROMPT = b"# "
"""What root's prompt ends with. bash is what `whale shell` finds in this image, so it is what the others are told."""

_LEAVE = b"exit\n"


def run(bed: Bed) -> Result:
    """Open a shell through every path, side by side."""
    container = bed.container(DEV)
    ways = [bed.docker(), *bed.docker_ssh(), *bed.ssh_docker()]
    whale = bed.whale()
    commands = {paths.WHALE: Command((*whale.prefix, "shell", container), whale.env)}
    commands |= {way.name: way.exec(container, ["bash"], tty=True) for way in ways}
    takes = {paths.RAW: partial(_raw, bed.host, container, ["bash"])}
    takes |= {name: partial(_through, command) for name, command in commands.items()}
    samples = interleave(NAME, takes, rounds=bed.rounds(25, 3))
    bars = ratio_bar("`whale shell` to the first prompt", samples, paths.DOCKER, 1.6, at_most=True)
    return Result(NAME, "A shell, to its first prompt", "ms", samples, tuple(bars))


def _through(command: Command) -> float:
    with Terminal(command.argv, command.env) as terminal:
        terminal.read_until(PROMPT)
        took = time.perf_counter() - terminal.started
        terminal.end(_LEAVE)
    return took * 1000


def _raw(host: str, container: str, command: Sequence[str]) -> float:
    begin = time.perf_counter()
    with RawExec(host, container, command, tty=True, stdin=True) as exec:
        exec.read_until(PROMPT)
        took = time.perf_counter() - begin
        exec.sock.sendall(_LEAVE)
        exec.output()
    return took * 1000
