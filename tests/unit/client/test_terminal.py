import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator

import pytest

from whale.client.terminal import RawTerminal, is_terminal, terminal_size
from whale.model.terminal import TerminalSize


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    yield master, slave
    os.close(slave)
    os.close(master)


def test_a_terminal_is_told_from_anything_else(terminal: tuple[int, int]) -> None:
    reader, writer = os.pipe()
    assert is_terminal(terminal[1])
    assert not is_terminal(reader)
    os.close(reader)
    os.close(writer)
    assert not is_terminal(reader)


def test_the_size_is_that_of_the_first_that_knows(terminal: tuple[int, int]) -> None:
    reader, writer = os.pipe()
    try:
        assert terminal_size((reader, terminal[1])) is None, "a new pseudo-terminal has no size"
        fcntl.ioctl(terminal[1], termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        assert terminal_size((9999, reader, terminal[1])) == TerminalSize(cols=101, rows=33)
    finally:
        os.close(reader)
        os.close(writer)


def test_raw_passes_every_byte_and_restore_brings_everything_back(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    before = termios.tcgetattr(slave)
    raw = RawTerminal(slave)
    raw.make_raw()
    keys = bytes(range(256))
    os.write(master, keys)
    assert os.read(slave, 1000) == keys
    os.write(slave, b"a\nb")
    assert os.read(master, 1000) == b"a\nb", "neither echo nor translation"
    raw.restore()
    assert termios.tcgetattr(slave) == before


def test_restore_happens_once_and_only_after_raw(terminal: tuple[int, int]) -> None:
    slave = terminal[1]
    raw = RawTerminal(slave)
    raw.restore()
    raw.make_raw()
    raw.restore()
    other = termios.tcgetattr(slave)
    other[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, other)
    raw.restore()
    assert termios.tcgetattr(slave) == other, "a second restore changes nothing"


def test_raw_again_keeps_the_first_mode(terminal: tuple[int, int]) -> None:
    slave = terminal[1]
    before = termios.tcgetattr(slave)
    raw = RawTerminal(slave)
    raw.make_raw()
    termios.tcsetattr(slave, termios.TCSANOW, before)
    raw.make_raw()
    assert not termios.tcgetattr(slave)[3] & termios.ICANON
    raw.restore()
    assert termios.tcgetattr(slave) == before


def test_a_terminal_that_hung_up_needs_no_restoring() -> None:
    master, slave = pty.openpty()
    raw = RawTerminal(slave)
    raw.make_raw()
    os.close(master)
    raw.restore()
    os.close(slave)
    raw.restore()
