"""How the emulators' process is started: what it has of the server's, and what not."""

import os
import socket
import sys
from pathlib import Path

import pytest

from tests.unit.client.scripted import wait_until
from tests.unit.screen.children import SILENT
from whale.screen.start import command, start_process


def test_it_has_nothing_of_the_servers_but_what_it_needs() -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    process, ours = start_process(SILENT, environ={"WHALE_SECRET": "planted", "PYTHONPATH": "/nowhere"})
    try:
        proc = Path(f"/proc/{process.pid}")
        # An interpreter that is starting has a file of its own open now and then.
        wait_until(lambda: set(os.listdir(proc / "fd")) == {"0", "1", "2"})
        files = {number: os.readlink(proc / "fd" / number) for number in "012"}
        assert files["0"].startswith("socket:")
        assert files["1"] == files["2"] == "/dev/null"
        assert os.readlink(proc / "cwd") == "/"
        assert (proc / "environ").read_bytes() == b"PYTHONPATH=/nowhere\0"
        assert os.getsid(process.pid) == process.pid
        assert not ours.getblocking()
        assert not ours.get_inheritable()
    finally:
        process.kill()
        process.wait()
        ours.close()
        os.close(read)
        os.close(write)


def test_nothing_is_left_open_when_it_cannot_be_started() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="nowhere"):
        start_process(["/nowhere/python"])
    assert os.listdir("/proc/self/fd") == before


def test_what_is_installed_is_run() -> None:
    assert command() == [sys.executable, "-P", "-s", "-m", "whale.screen"]
    process, ours = start_process([*command()[:-1], "no.such.module"])
    assert process.wait(20) == 1
    assert ours.recv(1) == b""
    ours.close()
    assert isinstance(ours, socket.socket)
