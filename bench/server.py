"""A real whale-server process of the benchmarks' own, and the token to use it with."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.install import clean_environment
from bench.model import BenchError
from scripts.provision.say import say

_LIMIT = 30.0
_SETTINGS = {
    "LIMITS_MAX_PRINCIPAL_SESSIONS": "4000",
    "LIMITS_UNAUTHENTICATED": "10000",
    "LIMITS_UNAUTHENTICATED_PER_ADDRESS": "10000",
}
"""All come from one person, and one address."""
_ANNOUNCED = re.compile(r"listening on (http://\S+)")


class Server(NamedTuple):
    """A running server."""

    pid: int
    url: str
    token: str
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which `whale` talks to it."""
        return clean_environment() | {"WHALE_URL": self.url, "WHALE_TOKEN": self.token}

    def cpu_seconds(self) -> float:
        """Processor time it has used so far, in all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self) -> tuple[int, int]:
        """Its memory as (PSS, RSS), in KiB."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        found = {name: int(size) for name, size in re.findall(r"^(Pss|Rss):\s+(\d+) kB", rollup, re.MULTILINE)}
        return found["Pss"], found["Rss"]


@contextlib.contextmanager
def running_server(
    program: str, engine: str, *, core: int | None = None, inside: Sequence[str] = (), host: str = "127.0.0.1"
) -> Iterator[Server]:
    """Start the program on a free port with an empty state directory; `core` keeps it on that one core.

    `inside` is put before the command, for one that runs in another network and listens on a `host` there.

    Raises `BenchError` with the end of its log when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="whale-bench-") as name:
        state, log = Path(name) / "state", Path(name) / "log"
        state.mkdir(mode=0o700)
        common = [program, "--state-dir", str(state)]
        pin = ["taskset", "-c", str(core)] if core is not None else []
        beyond = ["--behind-tls-proxy"] if inside else []
        command = [*inside, *pin, *common, "--listen", f"{host}:0", "--engine", engine, *beyond]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                env=clean_environment() | {f"WHALE_SERVER_{name}": value for name, value in _SETTINGS.items()},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            url = _wait_announced(process, log)
            yield Server(process.pid, url, _create_token(common), log)
        finally:
            _stop(process, log)


def _wait_announced(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _LIMIT
    while True:
        text = log.read_text(errors="replace")
        if match := _ANNOUNCED.search(text):
            return match.group(1)
        if process.poll() is not None or time.monotonic() > end:
            raise BenchError(f"whale-server did not start: {text.strip()[-1000:]}")
        time.sleep(0.02)


def _create_token(common: Sequence[str]) -> str:
    done = subprocess.run(
        [*common, "token", "create", "bench"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT,
    )
    if done.returncode != 0:
        raise BenchError(f"no token could be made: {done.stderr.strip()}")
    return done.stdout.strip()


def _stop(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        say(f"whale-server ended by itself with status {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
        return
    for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGKILL):  # its sessions end with it
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LIMIT)
            return
