import os
import signal
import subprocess

import pytest

from tests.unit.client.processes import PROGRAM, environment, in_terminal
from tests.unit.client.scripted import DEADLINE, Gone, Peer, scripted
from whale.cli.options import ExecOptions
from whale.cli.run import run_exec
from whale.model.errors import AccessDenied, UsageError


def ends(peer: Peer) -> None:
    request = peer.open()
    peer.output(" ".join((request.container, *request.spec.command, request.spec.user)).encode())
    peer.end(4)


def test_exec_runs_what_the_options_say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with scripted(ends) as server:
        for name, value in environment(server.url).items():
            monkeypatch.setenv(name, value)
        assert run_exec("exec", ExecOptions("web", ("ls", "-l"), user="me")) == 4
    assert capfd.readouterr().out == "web ls -l me"


def test_a_shell_without_a_terminal_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    with pytest.raises(UsageError) as caught:
        run_exec("shell", ExecOptions("web", ()))
    assert caught.value.code == "usage.no_terminal"
    assert "whale exec -i" in caught.value.hint


def test_a_shell_in_a_terminal() -> None:
    with scripted(ends) as server, in_terminal(server.url, "shell", "-u", "me", "web", "--", "vi") as terminal:
        assert terminal.wait() == 4
        assert b"web vi me" in terminal.output


def test_nothing_is_sent_when_the_terminal_is_missing() -> None:
    with scripted(ends) as server:
        done = subprocess.run(
            [*PROGRAM, "exec", "-it", "web", "sh"],
            env=environment(server.url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 125
    assert b"drop -t" in done.stderr
    assert server.peers == []


def wants_a_reason(peer: Peer) -> None:
    request = peer.open()
    if not request.reason:
        peer.send(peer.wire.send_failure(AccessDenied("a reason is needed", code="access.reason")))
        peer.close(4403)
        return
    peer.output(request.reason.encode())
    peer.end(0)


def test_a_reason_that_is_missing_is_asked_for_on_a_terminal() -> None:
    with scripted(wants_a_reason) as server, in_terminal(server.url, "shell", "web") as terminal:
        terminal.read_until(b"wants a reason: ")
        terminal.type(b"ticket 42\r")
        assert terminal.wait() == 0
        assert b"ticket 42" in terminal.output.rpartition(b"wants a reason: ")[2]


def test_a_reason_that_is_missing_is_an_error_without_one() -> None:
    with scripted(wants_a_reason) as server:
        done = subprocess.run(
            [*PROGRAM, "exec", "web", "ls"],
            env=environment(server.url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"a reason is needed" in done.stderr


def waits(peer: Peer) -> None:
    peer.shake()
    peer.receive_open()
    peer.send(peer.wire.send_waiting(approval="5f3a", seconds=900))
    with pytest.raises(Gone):
        peer.next_event()


def test_ctrl_c_gives_up_what_waits_in_a_terminal() -> None:
    with scripted(waits) as server, in_terminal(server.url, "shell", "web") as terminal:
        terminal.read_until(b"waiting for approval 5f3a, 15:00 left; Ctrl-C gives up")
        terminal.read_until(b"14:59 left")
        terminal.type(b"\x03")
        assert terminal.wait() == 130
        assert b"gives up\r\x1b[K\x1b7" in terminal.output, "nothing of it stays"


def test_one_interrupt_gives_up_what_waits_without_one() -> None:
    with scripted(waits) as server:
        process = subprocess.Popen(
            [*PROGRAM, "exec", "web", "ls"],
            env=environment(server.url),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with process:
            assert process.stderr is not None
            assert process.stderr.readline() == b"whale: waiting for approval 5f3a, 15:00 left; Ctrl-C gives up\n"
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(5) == 130
            finally:
                process.kill()
