"""A one-shot command, as a script runs it: the whole process from its start to its end."""

import time
from functools import partial

from bench import paths
from bench.bed import BUSYBOX, Bed
from bench.engine_socket import RawExec
from bench.model import BenchError, Result
from bench.paths import Path
from bench.process import wall_time
from bench.rounds import interleave, ratio_bar

NAME = "exec_true"


def run(bed: Bed) -> Result:
    """Run `true` through every path, side by side."""
    container = bed.container(BUSYBOX)

    def raw() -> float:
        begin = time.perf_counter()
        with RawExec(bed.host, container, ["true"], tty=False, stdin=False) as exec:
            exec.count_output()
            if exec.status() != 0:
                raise BenchError("true failed on the engine's own socket")
        return (time.perf_counter() - begin) * 1000

    def through(path: Path) -> float:
        command = path.exec(container, ["true"])
        return wall_time(command.argv, command.env) * 1000

    ways = [bed.docker(), bed.whale(), *bed.docker_ssh(), *bed.ssh_docker()]
    takes = {paths.RAW: raw} | {way.name: partial(through, way) for way in ways}
    samples = interleave(NAME, takes, rounds=bed.rounds(25, 3))
    bars = [
        *ratio_bar("`whale exec c true`, whole process", samples, paths.DOCKER, 2.0, at_most=True),
        *ratio_bar("`whale exec c true`, whole process", samples, paths.DOCKER_SSH, 0.25, at_most=True),
    ]
    return Result(NAME, "One-shot `exec c true`, whole process", "ms", samples, tuple(bars))
