"""What is left to a confined process, seen from inside and from outside."""

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from whale.model.limits import SCREEN_MEMORY
from whale.screen import confine as module
from whale.screen.screens import Screens

CONFINED = """
import ctypes, os, resource, socket
from whale.screen import confine
confine.filter_calls = lambda _prctl: None  # it would not let us ask
confine.confine()
failed = []
def tries(name, action):
    try:
        action()
    except OSError as error:
        failed.append(name)
tries("open", lambda: os.open("/dev/null", os.O_RDONLY))
tries("connect", lambda: socket.socket(socket.AF_UNIX))
tries("fork", lambda: os._exit(0) if os.fork() == 0 else None)
tries("root", lambda: os.setuid(0) if os.getuid() else os.seteuid(99999999999))
print(*failed, os.getuid(), resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_it_can_open_nothing_start_nothing_and_be_nobody_else() -> None:
    # A tool that writes down coverage at its end could not do it there.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", CONFINED], env=plain, capture_output=True, text=True, timeout=60, check=False
    )
    user = 65534 if os.getuid() == 0 else os.getuid()
    assert (done.stdout, done.stderr) == (f"open connect fork root {user} (0, 0) 0\n", "")


def test_so_is_the_real_process() -> None:
    screens = Screens()
    assert screens.unavailable() == ""
    proc = Path(f"/proc/{screens.pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if platform.machine() == "x86_64" else "0")
    assert status["Threads"] == "1"
    if os.getuid() == 0:
        assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
        assert status["Groups"].split() == []
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
    assert limits["Max file size"] == limits["Max core file size"] == limits["Max processes"] == ["0", "0"]
    assert limits["Max open files"] == ["3", "3"]
    assert limits["Max address space"] == [str(SCREEN_MEMORY)] * 2
    screens.shut_down()


def test_what_is_not_allowed_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def refuses(*arguments: object) -> None:
        tried.append(arguments)
        raise PermissionError

    for name in ("setgroups", "setresgid", "setresuid"):
        monkeypatch.setattr(os, name, refuses)
    monkeypatch.setattr(resource, "setrlimit", refuses)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "_prctl", lambda: lambda *arguments: tried.append(arguments))
    monkeypatch.setattr(module, "filter_calls", tried.append)
    module.confine()
    assert len(tried) == len(module._LIMITS) + 3 + 1 + 2 + 1
    assert module._nothing(1) is None  # type: ignore[func-returns-value]
