"""A real whale-server in a process of its own, on port 0."""

import asyncio
import base64
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from whale.server import tokens
from whale.server.config import load_config

DEADLINE = 20.0
_planted: set[str] = set()
"""Tokens, which no server may write anywhere, its own log included."""


class ServerProcess:
    """A running server: its address, a token, its process and its log."""

    def __init__(self, argv: list[str], token: str, log: Path, *, host: str = "127.0.0.1") -> None:
        """`argv`: the command line without an address; `host`: where to listen."""
        self.token = token
        self._argv = argv
        self._log = log
        self._listen = f"{host}:0"
        self.process: subprocess.Popen[bytes]
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it, for the second time at the address it had."""
        with self._log.open("wb") as stderr:
            self.process = subprocess.Popen([*self._argv, "--listen", self._listen], stderr=stderr)
        self.url = wait_for_address(self.process, self._log)
        self._listen = self.url.partition("://")[2]

    def kill(self) -> None:
        """Kill it with -9."""
        self.process.kill()
        self.process.wait()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def environment(self) -> dict[str, str]:
        """What the command line needs to reach it."""
        return {**os.environ, "WHALE_URL": self.url, "WHALE_TOKEN": self.token}

    def log(self) -> str:
        return self._log.read_text()

    def memory(self) -> int:
        """Resident memory in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", text)[0]) * 1024

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


def whale_server(*args: str, state_dir: Path) -> list[str]:
    """The command line of the whale-server installed beside this interpreter."""
    return [str(Path(sys.executable).with_name("whale-server")), "--state-dir", str(state_dir), *args]


def create_token(state_dir: Path, name: str, *, groups: Sequence[str] = ()) -> str:
    """Make a token as `whale-server token create` does, without the second that its process would take."""
    config, _ = load_config({"state_dir": str(state_dir)})
    with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop of its own
        made = thread.submit(asyncio.run, tokens.create(config.store_place, name, groups=groups)).result()
    _planted.add(made.text.reveal())
    return made.text.reveal()


def leaks(directory: Path) -> list[str]:
    """Name the files below a directory in which a token of any test is, or the base64 of one."""
    forms = [form for token in _planted for form in (token.encode(), base64.b64encode(token.encode()).rstrip(b"="))]
    any_of = re.compile(b"|".join(map(re.escape, forms)) or b"(?!)")
    return [str(path) for path in directory.rglob("*") if path.is_file() and any_of.search(path.read_bytes())]


@contextlib.contextmanager
def running_server(
    engine: str, directory: Path, *args: str, inside: Sequence[str] = (), host: str = "127.0.0.1"
) -> Iterator[ServerProcess]:
    """Start a server on a free port, with one token; stop it at the end. `inside` is put before its command."""
    directory.mkdir(parents=True, exist_ok=True)
    state = directory / "state"
    argv = [*inside, *whale_server("--engine", engine, *args, state_dir=state)]
    server = ServerProcess(argv, create_token(state, "tests"), directory / "server.log", host=host)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGUSR1)  # its sessions end with it
            try:
                server.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                server.kill()
        if server.process.returncode:  # what a killed one has left, and who keeps it
            stop = whale_server("--engine", engine, "stop", "--sessions", state_dir=state)
            subprocess.run(stop, capture_output=True, check=False, timeout=DEADLINE)
    # Not after a test that failed, whose error is the one to see.
    assert leaks(state) == []
    assert not any(token in server.log() for token in _planted)


def wait_for_address(process: subprocess.Popen[bytes] | subprocess.Popen[str], log: Path) -> str:
    """Wait until the server says where it listens."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        found = re.search(r"listening on (\S+)\n", log.read_text())
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {log.read_text()}")
