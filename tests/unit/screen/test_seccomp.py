"""Which system calls are left, tried in a process that has its filter."""

import os
import platform
import socket
import struct
import subprocess
import sys

import pytest

from whale.screen import seccomp
from whale.screen.seccomp import filter_calls, steps_of

FILTERED = """
import ctypes, os, signal, socket, sys
from whale.screen.seccomp import filter_calls
connection = socket.socket(fileno=0)
files = os.open("/dev/null", os.O_RDWR)
library = ctypes.CDLL(None, use_errno=True)
library.prctl(38, 1, 0, 0, 0)
filter_calls(library.prctl)
refused = []
def tries(name, action):
    try:
        action()
    except PermissionError:
        refused.append(name)
def call(*arguments):
    if library.syscall(*arguments) == -1 and ctypes.get_errno() == 1:
        raise PermissionError
tries("kill", lambda: os.kill(int(sys.argv[1]), 0))
tries("ptrace", lambda: call(101, 16, int(sys.argv[1]), 0, 0))
tries("process_vm_readv", lambda: call(310, int(sys.argv[1]), 0, 0, 0, 0, 0))
tries("open", lambda: os.open("/etc/passwd", os.O_RDONLY))
tries("fork", os.fork)
tries("execve", lambda: os.execv("/bin/true", ["true"]))
tries("socket", socket.socket)
tries("sendmsg", lambda: connection.sendmsg([b"x"]))
tries("x32", lambda: call(0x40000000 + 39))
memory = bytearray(100_000_000)
signal.setitimer(signal.ITIMER_PROF, 0)
connection.sendall(connection.recv(100) + " ".join(refused).encode())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is no filter on other machines")
def test_what_is_not_needed_is_refused_and_what_is_works() -> None:
    # A tool that writes down coverage at its end could not do it there.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"refused: ")
        command = [sys.executable, "-c", FILTERED, str(os.getpid())]
        done = subprocess.run(
            command, env=plain, stdin=theirs.fileno(), capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert ours.recv(1000) == b"refused: kill ptrace process_vm_readv open fork execve socket sendmsg x32"


def test_the_filter_says_yes_to_its_calls_on_its_machine_and_no_to_all_else() -> None:
    calls = {"one": 3, "other": 7, "third": 300}
    program = list(struct.iter_unpack("=HBBI", steps_of(5, calls)))

    def verdict(machine: int, number: int) -> int:
        place, value = 0, 0
        while True:
            code, when, otherwise, given = program[place]
            place += 1
            if code == seccomp._LOAD:
                value = {seccomp._MACHINE: machine, seccomp._CALL: number}[given]
            elif code == seccomp._IF_EQUAL:
                place += when if value == given else otherwise
            else:
                return int(given)

    for number in range(400):
        assert verdict(5, number) == (seccomp._ALLOW if number in calls.values() else seccomp._REFUSE)
        assert verdict(6, number) == seccomp._REFUSE


def test_an_unknown_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    filter_calls(lambda *_arguments: pytest.fail("it was filtered"))
