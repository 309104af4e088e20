"""The load process, from the side of whoever starts it."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench.model import BenchError
from bench.server import Server
from scripts.provision.paths import ROOT

_LIMIT = 180.0


class Load:
    """A running load process. Use `started`, which ends it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._rest = b""

    def next(self) -> dict[str, Any]:
        """Wait for its next line. Raises `BenchError` for a failure over there."""
        assert self._process.stdout is not None
        fd, end = self._process.stdout.fileno(), time.monotonic() + _LIMIT
        while b"\n" not in self._rest:
            ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
            data = os.read(fd, 1 << 20) if ready else b""
            if not data:
                raise BenchError("the load process said nothing more")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise BenchError(f"the load process: {found['error']}")
        return found


@contextlib.contextmanager
def started(
    server: Server, kind: str, *, container: str, sessions: int, core: int | None = None, **options: float
) -> Iterator[Load]:
    """Start the load on a server; `core` keeps it on that one core. Its sessions are closed at the end."""
    host, port = server.address
    fixed = ["--host", host, "--port", str(port), "--container", container, "--sessions", str(sessions)]
    more = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    pin = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen(
        [*pin, sys.executable, "-m", "bench.load", kind, *fixed, *more],
        cwd=ROOT,
        env=os.environ | {"WHALE_TOKEN": server.token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
