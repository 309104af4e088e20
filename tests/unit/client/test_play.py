"""A player shows what was recorded, and leaves the terminal as it was whatever ends it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.unit.client.processes import in_terminal, run_whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY
from whale.client import play as module
from whale.client.play import hit_after, hit_before, play
from whale.client.terminal import _LEAVE, CLEAR

HEADER = b'{"version": 3, "term": {"cols": 80, "rows": 24}, "whale": {"tty": true}}'
LINES = [
    b'[0, "o", "\\u001b[cfirst\\r\\n"]', b'[10, "i", "typed"]', b'[0, "m", "here"]', b'[1, "o", "second\\r\\n"]',
    b'[60, "o", "third\\r\\n"]', b'[0, "x", "0"]',
]  # fmt: skip
FOREVER = ("play", "--idle-limit", "3600", "5f3a")


def serving(*lines: bytes, whole: bool = True, asked: list[str] | None = None) -> Script:
    """A server that has one recording, and its picture for whoever begins later."""

    def script(peer: Peer) -> None:
        path = peer.receive_request().path
        if "/events" not in path:
            peer.answer(200, json.dumps(BODY).encode())
            return
        if asked is not None:
            asked.append(path)
        body = b"".join(line + b"\n" for line in lines)
        if "from_ms=0" not in path:
            body = HEADER + b'\n[0.5, "o", "picture\\r\\n"]\n' + b"\n".join(lines[2:]) + b"\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-asciicast\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer.sock.sendall(head + b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if whole else b""))

    return script


def test_shows_output_alone_and_no_question() -> None:
    with scripted(serving(HEADER, *LINES)) as server, in_terminal(server.url, "play", "-i", "0", "5f3a") as terminal:
        assert terminal.wait() == 0
        assert terminal.output == CLEAR + b"first\r\nsecond\r\nthird\r\n" + _LEAVE
        assert not terminal.is_raw


def test_without_a_terminal_there_are_the_bytes() -> None:
    with scripted(serving(HEADER, *LINES)) as server:
        done = run_whale(server.url, "play", "-i", "0", "5f3a")
    assert (done.returncode, done.stdout) == (0, b"first\r\nsecond\r\nthird\r\n")


def test_a_pipe_is_no_terminal() -> None:
    head = HEADER.replace(b"true", b"false")
    with scripted(serving(head, b'[0, "o", "a\\nb\\n"]')) as server:
        with in_terminal(server.url, "play", "5f3a") as terminal:
            assert terminal.wait() == 0
            assert terminal.output == b"a\r\nb\r\n" + _LEAVE


def test_a_terminal_that_is_too_small_is_told_so_first() -> None:
    large = HEADER.replace(b'"cols": 80', b'"cols": 200')
    with scripted(serving(large, *LINES)) as server, in_terminal(server.url, *FOREVER) as terminal:
        terminal.read_until(b"recorded in 200x24, and this terminal has 101x33")
        assert CLEAR not in terminal.output
        terminal.type(b".")  # a key is enough, and does what it does
        terminal.read_until(b"first")
        assert terminal.output.partition(CLEAR)[2].startswith(b"first")
        terminal.type(b"q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(("tty", "shown"), [(b"true", b"a\xef\xbf\xbdb"), (b"false", b"a\xffb")])
def test_what_is_no_text_is_shown_as_by_all_other_players(tty: bytes, shown: bytes) -> None:
    lines = (HEADER.replace(b"true", tty), b'[0, "o", "a\\ufffdb"]', b'#whale {"raw":"Yf9i"}')
    with scripted(serving(*lines)) as server:
        assert run_whale(server.url, "play", "5f3a").stdout == shown


@pytest.mark.parametrize(
    ("typed", "signal", "status"), [(b"q", 0, 0), (b"\x03", 0, 130), (b"", 15, 143), (b"", 1, 129), (b"", 2, 130)]
)
def test_every_end_gives_the_terminal_back(typed: bytes, signal: int, status: int) -> None:
    with scripted(serving(HEADER, b'[0, "o", "\\u001b[?1049hfull"]', *LINES[1:])) as server:
        with in_terminal(server.url, *FOREVER) as terminal:
            terminal.read_until(b"full")
            modes = [terminal.is_raw]
            terminal.type(typed) if typed else terminal.signal(signal)
            assert terminal.wait() == status
            modes.append(terminal.is_raw)
            assert modes == [True, False]
            assert terminal.output.endswith(b"full\x1b[?1049l" + _LEAVE), "off the alternate screen, too"


def test_keys_do_what_they_say_and_nothing_else_does() -> None:
    asked: list[str] = []
    with scripted(serving(HEADER, *LINES, asked=asked)) as server, in_terminal(server.url, *FOREVER) as terminal:
        terminal.read_until(b"first")
        terminal.type(b" \x1b]11;rgb:q/q/q\x07\x1b[<0;q")
        terminal.type(b"]")
        terminal.type(b".")
        terminal.read_until(b"second")
        terminal.type(b"\x1b[D")
        terminal.read_until(b"picture\r\n")
        terminal.type(b"\x1b[C\x1b[C")
        terminal.read_until(b"picture\r\nsecond")
        terminal.type(b"++-[")
        terminal.type(b"q")
        assert terminal.wait() == 0
        assert b"third" not in terminal.output
    assert ["from_ms=0&" in asked[0], "from_ms=6000&" in asked[1], "from_ms=10500&" in asked[2]] == [True] * 3


def test_what_breaks_off_is_said_after_what_there_was() -> None:
    error = b'#whale {"error": {"code": "access.withdrawn", "message": "no more", "hint": "ask"}}'
    with scripted(serving(HEADER, LINES[0], error, whole=False)) as server:
        with in_terminal(server.url, "play", "5f3a") as terminal:
            assert terminal.wait() == 125
            assert not terminal.is_raw
    shown, _, said = terminal.output.partition(_LEAVE)
    assert shown.endswith(b"first\r\n")
    assert b"whale: no more" in said
    with scripted(serving(HEADER, LINES[0], whole=False)) as server:
        done = run_whale(server.url, "play", "5f3a")
    assert (done.returncode, done.stdout) == (125, b"first\r\n")
    assert b"the connection broke" in done.stderr


def test_a_reader_that_leaves_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty(list[bytes]):
        def interrupt(self) -> None:
            pass

    @contextmanager
    def opened(from_ms: int) -> Iterator[Empty]:
        yield Empty([HEADER, LINES[0]])

    def broken(descriptor: int, data: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(module, "is_terminal", lambda descriptor: False)
    monkeypatch.setattr(module, "leave_terminal", lambda *, alternate: None)
    monkeypatch.setattr(module, "_write", broken.__get__(1))
    assert play(opened) == module.EXIT_BROKEN_PIPE


def test_jumps_between_hits() -> None:
    hits = (10_500, 61_000)
    assert hit_after(hits, 0) == 10_500
    assert hit_after(hits, 10_500) == 61_000
    assert hit_after(hits, 61_000) == 61_000
    assert hit_before(hits, 70_000) == 61_000
    assert hit_before(hits, 61_500) == 10_500
    assert hit_before(hits, 10_600) == 10_600
    assert hit_before((), 5) == hit_after((), 5) == 5
