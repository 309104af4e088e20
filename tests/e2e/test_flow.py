"""Backpressure from the process to the client's stdout, through real processes and pipes."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.delay_proxy import delayed
from tests.engines import TestEngine
from tests.server_process import ServerProcess
from whale.model.ids import ContainerId

pytestmark = pytest.mark.timed

WHALE = str(Path(sys.executable).with_name("whale"))
MIB = 1024 * 1024
DEADLINE = 20.0


def memory_of(pid: int) -> int:
    """Resident memory in bytes."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0]) * 1024


def wait_for_stall(process: subprocess.Popen[bytes], server: ServerProcess, container: ContainerId) -> None:
    """Wait until the flood has filled every buffer: the server reads nothing more from the engine."""

    def moved() -> int:
        counters = Path(f"/proc/{server.process.pid}/io").read_text()
        return int(re.findall(r"rchar: (\d+)", counters)[0])

    deadline = time.monotonic() + DEADLINE
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        now = moved()
        if now > last + MIB:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 1:
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("the flood never stalled")


def test_an_output_nobody_reads_holds_all_memory_flat(server: ServerProcess, container: ContainerId) -> None:
    # Docker takes 20 s to remove a container in which a command goes on whose output nobody takes.
    command = [WHALE, "exec", "--no-resume", container, "cat", "/dev/zero"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=server.environment) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"\0"
        wait_for_stall(process, server, container)
        before, client_before = server.memory(), memory_of(process.pid)
        time.sleep(5)
        assert server.memory() - before < MIB
        assert memory_of(process.pid) - client_before < MIB
        assert before < 200 * MIB
        assert client_before < 60 * MIB
        process.kill()


class LocalTerminal:
    """A command in a pseudo-terminal, read as fast as it writes."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        self.output = b""

    def send(self, data: bytes) -> None:
        os.write(self._fd, data)

    def read(self, seconds: float) -> bytes:
        """Read what comes within a time."""
        got = bytearray()  # a flood that is copied at each read makes the reader what is slow
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                try:
                    got += os.read(self._fd, 65536)
                except OSError:
                    break
        self.output += got
        return bytes(got)

    def read_until(self, text: bytes) -> bytes:
        got = bytearray()
        deadline = time.monotonic() + DEADLINE
        while text not in got:
            assert time.monotonic() < deadline, got[-500:]
            got += self.read(0.01)
        return bytes(got)

    def close(self) -> int:
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_ctrl_c_stops_a_flood_at_once_on_a_slow_link(server: ServerProcess, workshop: ContainerId) -> None:
    with delayed(server.port, delay=0.05) as link:
        env = {**server.environment, "WHALE_URL": f"http://127.0.0.1:{link.port}", "PS1": "", "TERM": "dumb"}
        terminal = LocalTerminal([WHALE, "shell", workshop], env)
        terminal.send(b"PS1='re''ady> '\n")
        terminal.read_until(b"ready> ")
        terminal.send(b"yes\n")
        terminal.read_until(b"y\r\ny\r\n")
        assert terminal.read(1.0).count(b"y") > 10_000
        terminal.send(b"\x03")
        started = time.monotonic()
        terminal.read_until(b"ready> ")
        # A round trip is 0.1 s; what was on its way when Ctrl-C was typed still scrolls by.
        assert time.monotonic() - started < 0.6
        terminal.send(b"exit 3\n")
        terminal.read_until(b"exit 3\r\n")
        terminal.read(0.5)
        assert terminal.close() == 3


def test_a_reader_that_stops_early_ends_the_command(
    server: ServerProcess, docker: TestEngine, container: ContainerId
) -> None:
    script = f"{WHALE} exec {container} yes | head -n 3; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=server.environment, capture_output=True, timeout=DEADLINE, check=True
    )
    assert done.stdout.startswith(b"y\ny\ny\n")
    assert done.stdout.split()[-1] == str(128 + signal.SIGPIPE).encode()
    deadline = time.monotonic() + DEADLINE
    while docker.processes(container):
        assert time.monotonic() < deadline
        time.sleep(0.05)
