import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale.client.escape import EscapeAction, EscapeReader
from whale.client.inlet import READ_AHEAD, Inlet
from whale.model.errors import UsageError


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
