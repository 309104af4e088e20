import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale.client.escape import EscapeAction, EscapeReader
from whale.client.inlet import BULK_PIPE, READ_AHEAD, USUAL_PIPE, Inlet
from whale.model.errors import UsageError
from whale.model.limits import MAX_PAYLOAD


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise


def test_a_pipe_is_read_only_within_the_credit(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[0], escapes=None, read_ahead=False)
    os.write(pipe[1], b"abcdef")
    assert not inlet.is_wanted(0)
    assert inlet.is_wanted(4)
    inlet.read(4)
    assert not inlet.is_wanted(4), "what was read has not been taken yet"
    assert (inlet.take(3), inlet.is_waiting) == (b"abc", True)
    assert (inlet.take(3), inlet.is_waiting) == (b"d", False)
    inlet.read(0)
    assert inlet.is_ended is False, "without credit nothing is read, and nothing is no end"
    assert os.read(pipe[0], 10) == b"ef"


def test_a_pipe_that_is_full_holds_more_from_then_on(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[0], escapes=None, read_ahead=False)
    os.set_blocking(pipe[1], False)
    os.write(pipe[1], b"x" * (USUAL_PIPE - 1))
    inlet.read(MAX_PAYLOAD)
    inlet.take(MAX_PAYLOAD)
    assert fcntl.fcntl(pipe[0], fcntl.F_GETPIPE_SZ) == USUAL_PIPE, "a little input changes nothing"
    assert os.write(pipe[1], b"x" * BULK_PIPE) == USUAL_PIPE
    inlet.read(MAX_PAYLOAD)
    assert fcntl.fcntl(pipe[0], fcntl.F_GETPIPE_SZ) == BULK_PIPE
    assert len(inlet.take(MAX_PAYLOAD)) == USUAL_PIPE
    assert os.write(pipe[1], b"x" * BULK_PIPE) == BULK_PIPE
    inlet.read(MAX_PAYLOAD)
    assert len(inlet.take(MAX_PAYLOAD)) == MAX_PAYLOAD


def test_what_is_no_pipe_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dump").write_bytes(b"x" * USUAL_PIPE)
    for _ in range(2):
        descriptor = os.open(tmp_path / "dump", os.O_RDONLY)
        try:
            inlet = Inlet(descriptor, escapes=None, read_ahead=False)
            inlet.read(USUAL_PIPE)
        finally:
            os.close(descriptor)
        assert len(inlet.take(USUAL_PIPE)) == USUAL_PIPE
        monkeypatch.delattr(fcntl, "F_SETPIPE_SZ", raising=False)  # as on systems that have no such thing


def test_the_end_comes_once_and_after_everything(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[0], escapes=EscapeReader(), read_ahead=True)
    os.write(pipe[1], b"x\r~")
    os.close(pipe[1])
    inlet.read(0)
    inlet.read(0)
    assert inlet.is_ended
    assert not inlet.is_wanted(1)
    assert inlet.read(1) == ()
    assert inlet.take(1) == b"x"
    assert not inlet.take_end()
    assert inlet.take(9) == b"\r~", "a held tilde is not lost"
    assert (inlet.is_waiting, inlet.take_end()) == (True, True)
    assert (inlet.is_waiting, inlet.take_end()) == (False, False)


def test_a_terminal_is_read_ahead_up_to_a_bound(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[0], escapes=EscapeReader(), read_ahead=True)
    assert inlet.is_wanted(0)
    os.write(pipe[1], b"\x03" * READ_AHEAD)
    while inlet.is_wanted(0):
        inlet.read(0)
    assert inlet.holds(b"\x03")
    assert not inlet.holds(b"x")
    assert len(inlet.take(10**9)) == READ_AHEAD


def test_actions_are_returned_and_not_sent(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[0], escapes=EscapeReader(), read_ahead=True)
    os.write(pipe[1], b"a\r~?b")
    assert inlet.read(0) == (EscapeAction.HELP,)
    assert inlet.take(9) == b"a\rb"


def test_nothing_to_read_is_not_the_end(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[0], False)
    inlet = Inlet(pipe[0], escapes=None, read_ahead=False)
    assert inlet.read(1) == ()
    assert not inlet.is_ended


def test_a_closed_input_has_ended(pipe: tuple[int, int]) -> None:
    inlet = Inlet(pipe[1], escapes=None, read_ahead=False)  # its writing end can't be read
    inlet.read(1)
    assert inlet.is_ended


def test_an_unreadable_input_is_the_users_error(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(UsageError) as caught:
            Inlet(folder, escapes=None, read_ahead=False).read(1)
    finally:
        os.close(folder)
    assert caught.value.code == "usage.input"
