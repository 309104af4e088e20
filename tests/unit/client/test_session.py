"""Whole sessions: the program as a process, and the function in this one, against a scripted server."""

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.client.processes import (
    COLS,
    PROGRAM,
    ROWS,
    TerminalProcess,
    as_job,
    environment,
    in_terminal,
    run_whale,
)
from tests.unit.client.scripted import DEADLINE, TOKEN, Gone, Peer, scripted, wait_until
from whale.client.session import SessionRequest, guard_descriptors, run_session
from whale.model.errors import ProtocolError, TransportError, UsageError, WhaleError
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.terminal import TerminalSize
from whale.wire.events import Resized, SignalRequested
from whale.wire.messages import Opened

SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT]


class Streams:
    """Descriptors 0, 1 and 2 of this very process, replaced for a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = [os.dup(number) for number in (0, 1, 2)]

    def use(self, data: bytes = b"") -> None:
        (self._folder / "in").write_bytes(data)
        for number, name, flags in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
            descriptor = os.open(self._folder / name, flags | os.O_CREAT)
            os.dup2(descriptor, number)
            os.close(descriptor)

    def restore(self) -> None:
        for number, descriptor in enumerate(self._kept):
            os.dup2(descriptor, number)
            os.close(descriptor)
        self._kept = []

    @property
    def out(self) -> bytes:
        return (self._folder / "out").read_bytes()

    @property
    def err(self) -> bytes:
        return (self._folder / "err").read_bytes()


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[Streams]:
    found = Streams(tmp_path)
    try:
        yield found
    finally:
        found.restore()


def echo(peer: Peer) -> None:
    """Send every input back, then end with 7."""
    peer.open()
    sent = 0
    while not (peer.stdin_ended and sent == len(peer.stdin)):
        if sent == len(peer.stdin):
            peer.next_event()
        data = bytes(peer.stdin[sent:])
        peer.output(data)
        sent += len(data)
    peer.output(b"done\n", Stream.STDERR)
    peer.end(7)


# -- in this process -------------------------------------------------------------------------------------------


def test_input_output_errors_and_the_status_are_the_commands(streams: Streams) -> None:
    with scripted(echo) as server:
        streams.use(b"in and out")
        status = run_session(server.profile, SessionRequest("web", ExecSpec(("cat",), stdin=True)))
    assert (status, streams.out, streams.err) == (7, b"in and out", b"done\n")
    request = server.peers[0].request
    assert request is not None
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Sec-WebSocket-Protocol"] == "whale.v1"


def test_without_i_the_input_stays_unread(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        assert not peer.open().spec.stdin
        peer.output(b"x")
        peer.end()
        assert peer.stdin == b""

    with scripted(script) as server:
        streams.use(b"for somebody else")
        assert run_session(server.profile, SessionRequest("web", ExecSpec(("true",)))) == 0
        assert os.read(0, 100) == b"for somebody else"


def test_a_terminal_that_is_none_is_found_before_anything_is_sent(streams: Streams) -> None:
    with scripted(echo) as server:
        streams.use()
        with pytest.raises(UsageError) as caught:
            run_session(server.profile, SessionRequest("web", ExecSpec(("sh",), tty=True, stdin=True)))
        assert caught.value.code == "usage.no_terminal"
        assert "drop -t" in caught.value.hint
    assert server.peers == []


def test_a_tty_without_input_needs_no_local_terminal(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        request = peer.open()
        assert request.spec.tty
        assert request.spec.size is None
        peer.output(b"line\r\n")
        peer.end()

    with scripted(script) as server:
        streams.use()
        assert run_session(server.profile, SessionRequest("web", ExecSpec(("ls",), tty=True))) == 0
    assert streams.out == b"line\r\n"


def test_the_servers_refusal_is_the_error(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.refuse(401, "auth.invalid", "no", "log in")

    with scripted(script) as server:
        streams.use()
        with pytest.raises(WhaleError) as caught:
            run_session(server.profile, SessionRequest("web", ExecSpec(("true",))))
    assert (caught.value.code, caught.value.message, caught.value.hint) == ("auth.invalid", "no", "log in")


def test_a_request_that_is_too_long_is_the_users_error_and_hangs_up(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        with pytest.raises(Gone):
            peer.next_event()

    with scripted(script) as server:
        streams.use()
        with pytest.raises(UsageError, match="longer than"):
            run_session(server.profile, SessionRequest("web", ExecSpec(("x" * 100_000,))))
    assert server.peers[0].close_code == 1000


def test_a_cut_after_output_is_never_success(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"half")
        peer.cut()

    with scripted(script) as server:
        streams.use()
        with pytest.raises(TransportError):
            run_session(server.profile, SessionRequest("web", ExecSpec(("cat",))))
    assert streams.out == b"half"


def test_a_lost_status_is_an_error_with_its_reason(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.end(None, reason="engine.unavailable", message="the engine went away")

    with scripted(script) as server:
        streams.use()
        with pytest.raises(WhaleError) as caught:
            run_session(server.profile, SessionRequest("web", ExecSpec(("cat",))))
    assert (caught.value.code, caught.value.message) == ("engine.unavailable", "the engine went away")


def test_output_that_is_not_whole_is_a_violation(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.wire.output[Stream.STDOUT].sent += 1
        peer.send(b"\x03" + b'{"code":0,"stdout":1,"stderr":0}')
        peer.until_gone()

    with scripted(script) as server:
        streams.use()
        with pytest.raises(ProtocolError):
            run_session(server.profile, SessionRequest("web", ExecSpec(("cat",))))
    assert server.peers[0].close_code == 4400


def test_a_notice_is_one_escaped_line(streams: Streams) -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.send(peer.wire.send_notice(code="x", message="look \x1b[31m"))
        peer.end()

    with scripted(script) as server:
        streams.use()
        assert run_session(server.profile, SessionRequest("web", ExecSpec(("cat",)))) == 0
    assert streams.err == b"whale: look \\x1b[31m\n"


def test_closed_descriptors_are_filled_and_fail_when_used() -> None:
    code = (
        "import os; [os.close(n) for n in (0, 1, 2)]\n"
        "from whale.client.session import guard_descriptors; guard_descriptors()\n"
        "for n in (0, 1, 2): os.fstat(n)\n"
        "try: os.write(1, b'x')\n"
        "except OSError as e: os._exit(9 if e.errno == 9 else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=DEADLINE, check=False).returncode == 9
    guard_descriptors()  # with all three open it does nothing


# -- as a process, with pipes ------------------------------------------------------------------------------------


def test_bytes_pass_both_ways_unchanged() -> None:
    data = random.Random(1).randbytes(3_000_000)

    with scripted(echo) as server:
        done = run_whale(server.url, "exec", "-i", "web", "cat", data=data)
    assert done.returncode == 7
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_a_failure_is_one_line_and_125() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_open()
        peer.send(peer.wire.send_failure(WhaleError("no such thing \x1b", code="target.not_found", hint="look")))
        peer.until_gone()

    with scripted(script) as server:
        done = run_whale(server.url, "exec", "web", "true")
    assert done.returncode == 125
    assert done.stderr == b"whale: no such thing \\x1b (look)\n"


@pytest.mark.parametrize(("code", "status"), [("exec.not_found", 127), ("exec.not_started", 126)])
def test_126_and_127_are_as_in_docker(code: str, status: int) -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_open()
        peer.send(peer.wire.send_failure(WhaleError("no", code=code)))

    with scripted(script) as server:
        assert run_whale(server.url, "exec", "web", "x").returncode == status


def test_the_first_signal_goes_to_the_command_and_its_status_counts() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"ready")
        while True:
            event = peer.next_event()
            if isinstance(event, SignalRequested):
                peer.output(event.signal.value.encode())
                peer.end(130)
                return

    for number, name in ((signal.SIGINT, b"INT"), (signal.SIGTERM, b"TERM"), (signal.SIGHUP, b"HUP")):
        with scripted(script) as server:
            process = _start(server.url, "exec", "web", "sleep")
            assert process.stdout is not None
            assert process.stdout.read(5) == b"ready"
            process.send_signal(number)
            assert process.communicate(timeout=DEADLINE)[0] == name
            assert process.returncode == 130


def test_a_second_signal_ends_at_once() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"ready")
        while not any(isinstance(event, SignalRequested) for event in peer.events):
            peer.next_event()
        peer.output(b"!")
        peer.until_gone()

    with scripted(script) as server:
        process = _start(server.url, "exec", "web", "sleep")
        assert process.stdout is not None
        assert process.stdout.read(5) == b"ready"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read(1) == b"!"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE) == (b"", b"")
        assert process.returncode == 130


def test_a_signal_before_the_session_is_open_waits_for_it() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_open()
        server.ready = True
        wait_until(lambda: server.signalled)
        peer.send(peer.wire.send_opened(Opened("s", "c", "n", stdin_window=peer.wire.stdin_window)))
        while not any(isinstance(event, SignalRequested) for event in peer.events):
            peer.next_event()
        peer.end(3)

    class Progress:
        ready = False
        signalled = False

    server = Progress()
    with scripted(script) as scripted_server:
        process = _start(scripted_server.url, "exec", "web", "sleep")
        wait_until(lambda: server.ready and _catches(process.pid, signal.SIGHUP))
        process.send_signal(signal.SIGHUP)
        server.signalled = True
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 3


def test_a_reader_that_leaves_ends_the_session_quietly() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"y\n" * 50_000_000)

    with scripted(script) as server:
        process = _start(server.url, "exec", "web", "yes")
        assert process.stdout is not None
        assert process.stdout.read(2) == b"y\n"
        process.stdout.close()
        assert process.wait(DEADLINE) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()


def test_a_stalled_output_holds_up_neither_heartbeats_nor_errors() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        while peer.wire.output[Stream.STDOUT].credit > 0:
            peer.send(peer.wire.send_output(Stream.STDOUT, bytes(min(65536, peer.wire.output[Stream.STDOUT].credit))))
        peer.ping(b"alive?")
        peer.output(b"warning\n", Stream.STDERR)
        while b"alive?" not in peer.pongs:
            peer.next_event()
        peer.until_gone()

    with scripted(script) as server:
        process = _start(server.url, "exec", "web", "cat")
        assert process.stderr is not None
        assert process.stderr.readline() == b"warning\n"
        wait_until(lambda: bool(server.peers[0].pongs))
        # Nothing was read of stdout so far: what is acknowledged is what a pipe holds, and no more.
        assert process.stdout is not None
        process.kill()
        process.communicate(timeout=DEADLINE)


def test_an_unwritable_output_is_said_and_not_ignored() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"data")
        peer.until_gone()

    with scripted(script) as server, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, "exec", "web", "cat"],
            env=environment(server.url),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 125
    assert b"can't be written" in done.stderr
    assert done.stderr.count(b"\n") == 1


def _start(url: str, *args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*PROGRAM, *args],
        env=environment(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _catches(pid: int, number: int) -> bool:
    """True when a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


# -- as a process, in a terminal ---------------------------------------------------------------------------------


def _prompt(peer: Peer) -> None:
    peer.open()
    peer.output(b"prompt> ")
    peer.until_gone()


def test_size_and_terminal_travel_with_the_request() -> None:
    def script(peer: Peer) -> None:
        request = peer.open()
        assert request.spec.size == TerminalSize(cols=COLS, rows=ROWS)
        assert dict(request.spec.env) == {"TERM": "xterm-test", "A": "1"}
        assert request.spec.tty
        assert request.spec.stdin
        peer.end(5)

    with scripted(script) as server, in_terminal(server.url, "shell", "-e", "A=1", "web") as terminal:
        assert terminal.wait() == 5


def test_keys_pass_as_they_are_and_the_mode_comes_back() -> None:
    keys = bytes(range(1, 256)).replace(b"~", b"") + "naïve 語 🐳".encode()

    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"prompt> ")
        received = peer.read_stdin(until=keys)
        assert received == keys
        peer.output(b"\xe8\xaa")
        peer.output(b"\x9e bye")
        peer.end(0)

    with scripted(script) as server, in_terminal(server.url, "shell", "web") as terminal:
        before = terminal.mode()
        terminal.read_until(b"prompt> ")
        assert terminal.is_raw
        for byte in keys:
            terminal.type(bytes([byte]))
        assert terminal.wait() == 0
        assert terminal.mode() == before
        assert "語 bye".encode() in terminal.output


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_restores_the_terminal(number: int) -> None:
    with scripted(_prompt) as server, in_terminal(server.url, "exec", "-it", "web", "sh") as terminal:
        before = terminal.mode()
        terminal.read_until(b"prompt> ")
        assert terminal.is_raw
        terminal.signal(number)
        assert terminal.wait() == 128 + number
        assert terminal.mode() == before


def test_a_lost_connection_restores_the_terminal() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"prompt> ")
        peer.read_stdin(until=b"x")
        peer.cut()

    with scripted(script) as server, in_terminal(server.url, "shell", "web") as terminal:
        before = terminal.mode()
        terminal.read_until(b"prompt> ")
        terminal.type(b"x")
        assert terminal.wait() == 125
        assert terminal.mode() == before
        assert b"whale: the connection to the server broke" in terminal.output


def test_a_failure_restores_the_terminal_before_it_is_said() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_open()
        peer.send(peer.wire.send_failure(WhaleError("no shell here", code="target.no_shell")))

    with scripted(script) as server, in_terminal(server.url, "shell", "web") as terminal:
        before = terminal.mode()
        assert terminal.wait() == 126
        assert terminal.mode() == before
        assert b"whale: no shell here\r\n" in terminal.output  # \r\n: the terminal translates again


def test_tilde_dot_ends_and_tilde_question_mark_helps() -> None:
    with scripted(_prompt) as server, in_terminal(server.url, "shell", "web") as terminal:
        before = terminal.mode()
        terminal.read_until(b"prompt> ")
        terminal.type(b"ls\r~?")
        terminal.read_until(b"~?   this text\r\n")
        terminal.type(b"~.")
        assert terminal.wait() == 125
        assert terminal.mode() == before
    assert server.peers[0].stdin == b"ls\r"
    assert server.peers[0].close_code == 1000


def test_tilde_dot_works_although_the_server_takes_nothing() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_open()
        peer.until_gone()

    with scripted(script) as server, in_terminal(server.url, "shell", "web") as terminal:
        wait_until(lambda: terminal.is_raw)
        terminal.type(b"anything\r~.")
        assert terminal.wait() == 125


def test_without_escapes_a_tilde_is_a_tilde() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        assert peer.read_stdin(until=b"~.") == b"\r~."
        peer.end(0)

    with scripted(script) as server, in_terminal(server.url, "shell", "--no-escape", "web") as terminal:
        wait_until(lambda: terminal.is_raw)
        terminal.type(b"\r~.")
        assert terminal.wait() == 0


def test_ctrl_c_before_the_session_is_open_gives_up() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_open()
        peer.until_gone()

    with scripted(script) as server, in_terminal(server.url, "shell", "web") as terminal:
        wait_until(lambda: terminal.is_raw)
        terminal.type(b"\x03")
        assert terminal.wait() == 130


def test_a_new_size_is_told() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"prompt> ")
        while True:
            event = peer.next_event()
            if isinstance(event, Resized):
                assert event.size == TerminalSize(cols=55, rows=22)
                break
        peer.end(0)

    with scripted(script) as server, in_terminal(server.url, "shell", "web") as terminal:
        terminal.read_until(b"prompt> ")
        terminal.resize(55, 22)
        assert terminal.wait() == 0


def test_a_stop_from_outside_gives_the_terminal_back_and_takes_it_again() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"prompt> ")
        while not any(isinstance(event, Resized) for event in peer.events):
            peer.next_event()
        peer.output(b"again> ")
        assert peer.read_stdin(until=b"x") == b"\x1ax"  # Ctrl-Z is the command's
        peer.end(0)

    with scripted(script) as server, as_job(server.url, "shell", "web") as terminal:
        before = terminal.mode()
        terminal.read_until(b"prompt> ")
        terminal.type(b"\x1a")
        wait_until(lambda: server.peers[0].stdin == b"\x1a")
        terminal.signal(signal.SIGTSTP)
        terminal.wait_stopped()
        assert terminal.mode() == before
        terminal.resize(66, 11)
        terminal.signal(signal.SIGCONT)
        terminal.read_until(b"again> ")
        assert terminal.is_raw
        terminal.type(b"x")
        assert terminal.wait() == 0
        assert terminal.mode() == before


def test_a_hard_stop_and_fg_make_it_raw_again() -> None:
    with scripted(_prompt) as server, in_terminal(server.url, "shell", "web") as terminal:
        before = terminal.mode()
        terminal.read_until(b"prompt> ")
        terminal.signal(signal.SIGSTOP)
        terminal.wait_stopped()
        terminal.set_mode(before)  # as a shell does when a job stops
        terminal.signal(signal.SIGCONT)
        wait_until(lambda: terminal.is_raw)
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143
        assert terminal.mode() == before


def test_signals_are_for_the_command_where_the_tty_has_no_input() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"prompt> ")
        while True:
            event = peer.next_event()
            if isinstance(event, SignalRequested):
                assert event.signal is Signal.INT
                break
        peer.end(130)

    with scripted(script) as server, in_terminal(server.url, "exec", "-t", "web", "top") as terminal:
        terminal.read_until(b"prompt> ")
        assert not terminal.is_raw
        terminal.type(b"\x03")
        assert terminal.wait() == 130


def test_a_closed_output_is_said_and_not_success() -> None:
    def script(peer: Peer) -> None:
        peer.open()
        peer.output(b"data")
        peer.until_gone()

    with scripted(script) as server:
        line = f"'{PROGRAM[0]}' -c '{PROGRAM[2]}' exec web cat >&-"
        done = subprocess.run(
            ["sh", "-c", line], env=environment(server.url), stderr=subprocess.PIPE, timeout=DEADLINE, check=False
        )
    assert done.returncode == 125
    assert b"can't be written" in done.stderr


# -- the line at the bottom ----------------------------------------------------------------------------------------

DRAWN = re.compile(rb"\x1b\[%d;1H\x1b\[0;7m whale: the connection broke; [^\x1b]* for 2 s; ~\. leaves" % ROWS)
ERASED = b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0m\x1b[2K\x1b8"


@contextmanager
def away(*, has_picture: bool = True, **env: str) -> Iterator[TerminalProcess]:
    """A shell whose connection has broken, and whose server answers no more."""

    def script(peer: Peer) -> None:
        if peer is not server.peers[0]:
            raise Gone
        peer.shake()
        peer.receive_open()
        window = peer.wire.stdin_window
        peer.send(peer.wire.send_opened(Opened("s", "c", "n", stdin_window=window, keep=77, screen=has_picture)))
        peer.output(b"prompt> ")
        peer.read_stdin(until=b"x")
        peer.cut()

    with scripted(script) as server:
        with in_terminal(server.url, "shell", "web", env=environment(server.url, **env)) as terminal:
            terminal.read_until(b"prompt> ")
            terminal.type(b"x")
            yield terminal


def test_tilde_dot_works_while_the_line_is_shown_and_nothing_is_left_of_it() -> None:
    with away() as terminal:
        terminal.read_match(DRAWN)
        assert terminal.is_raw
        terminal.type(b"\r~.")
        assert terminal.wait() == 125
        rest = terminal.output.rpartition(ERASED % ROWS)
        assert b"you ended the session with ~." in rest[2]
        assert b"\x1b[0;7m" not in rest[2], "and it is not drawn again"


def test_the_line_follows_the_terminals_size_and_makes_room_for_the_help() -> None:
    with away() as terminal:
        terminal.read_match(DRAWN)
        terminal.resize(60, 20)
        terminal.signal(signal.SIGWINCH)
        terminal.read_until(ERASED % 20 + b"\x1b7\x1b[?6l\x1b[20;1H\x1b[0;7m whale: ")
        terminal.type(b"\r~?")
        terminal.read_until(b"~?   this text\r\n")
        assert ERASED % 20 + b"Keys after a newline" in terminal.output


@pytest.mark.parametrize(("has_picture", "term"), [(True, "dumb"), (False, "xterm-test")])
def test_what_could_not_be_made_good_is_not_drawn(has_picture: bool, term: str) -> None:
    with away(has_picture=has_picture, TERM=term) as terminal:
        later = time.monotonic() + 2.5
        wait_until(lambda: time.monotonic() > later)
        terminal.type(b"\r~.")
        assert terminal.wait() == 125
        assert b"\x1b[0;7m" not in terminal.output
