"""Where the server's time goes: py-spy beside a benchmark, its samples summed up.

Costs the server a few per cent, so that figures taken with it are not to be compared with others.
"""

import contextlib
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.install import find_uv
from bench.model import BenchError
from scripts.provision.say import say

_RATE = 250
_SHOWN = 30
_WAITING = ("epoll_pwait", "epoll_wait", "_queue_SimpleQueue_get", "_worker (concurrent")


@contextlib.contextmanager
def profiled(pid: int, out: Path, name: str) -> Iterator[None]:
    """Record a process while the block runs: collapsed stacks in `out`, and a summary on stderr.

    py-spy comes from the PATH, else uv fetches it. Raises `BenchError` where it can't record.
    """
    out.mkdir(parents=True, exist_ok=True)
    stacks = out / f"{name}.stacks"
    command = [*_py_spy(), "record", "--pid", str(pid), "--rate", str(_RATE), "--native", "--function"]
    command += ["--format", "raw", "--output", str(stacks)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)  # it writes what it has when interrupted
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
    if not stacks.exists():
        raise BenchError("py-spy recorded nothing: does it have the right to trace other processes?")
    say(f"{name}: where the server's time went ({stacks}):\n{summary(stacks.read_text())}")


def summary(stacks: str) -> str:
    """The functions most samples were in themselves, and those most were in or below, in per cent. Pure.

    Samples of threads that only wait are left out; so are, from the second list, functions without Python source.
    """
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        if any(name in stack for name in _WAITING):
            continue
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in {frame for frame in frames if ".py:" in frame}:
            within[frame] += int(count)
    total = own.total() or 1
    parts = []
    for title, counted in (("itself", own), ("with what it calls", within)):
        rows = [f"  {100 * count / total:5.1f} %  {name}" for name, count in counted.most_common(_SHOWN)]
        parts.append(f" {title}:\n" + "\n".join(rows))
    return "\n".join(parts)


def _py_spy() -> list[str]:
    if found := shutil.which("py-spy"):
        return [found]
    return [find_uv(), "tool", "run", "--quiet", "py-spy"]
