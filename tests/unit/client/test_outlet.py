import fcntl
import os
import pty
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale.client.outlet import MAX_BUFFERS, Outlet
from whale.model.errors import UsageError

DATA = bytes(range(256)) * 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def flags(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL)


def test_a_full_pipe_does_not_wait_and_keeps_its_flags(pipe: tuple[int, int]) -> None:
    before = flags(pipe[1])
    outlet = Outlet(pipe[1])
    for start in range(0, len(DATA), 1000):
        outlet.put(DATA[start : start + 1000])
    written = outlet.flush()
    assert 0 < written < len(DATA)
    assert (outlet.is_blocked, outlet.flush()) == (True, 0)
    assert flags(pipe[1]) == before
    received = b""
    while len(received) < len(DATA):
        received += os.read(pipe[0], 65536)
        written += outlet.flush()
    assert received == DATA
    assert (written, outlet.is_blocked) == (len(DATA), False)
    outlet.close()
    os.write(pipe[1], b"still open")


def test_many_small_pieces_go_out_in_their_order(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    for number in range(3 * MAX_BUFFERS):
        outlet.put(b"%d," % number)
    outlet.flush()
    assert os.read(pipe[0], 65536) == b"".join(b"%d," % number for number in range(3 * MAX_BUFFERS))
    outlet.close()


def test_a_pipe_that_can_not_be_opened_again_is_written_in_pieces() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outlet = Outlet(theirs.fileno())  # a socket has no second opening
        assert outlet.descriptor == theirs.fileno()
        outlet.put(DATA)
        received = b""
        total = outlet.flush()
        assert 0 < total < len(DATA)
        while len(received) < len(DATA):
            received += ours.recv(65536)
            total += outlet.flush()
        assert (received, total) == (DATA, len(DATA))
        outlet.close()
        theirs.send(b"still open")


def test_a_terminal_that_nobody_reads_does_not_wait() -> None:
    master, slave = pty.openpty()
    try:
        tty.setraw(slave)
        outlet = Outlet(slave)
        outlet.put(DATA)
        assert outlet.flush() < len(DATA)
        reader = threading.Thread(target=lambda: [os.read(master, 65536) for _ in range(2)])
        reader.start()
        reader.join(10)
        assert outlet.flush() > 0
        outlet.close()
    finally:
        os.close(master)
        os.close(slave)


def test_a_file_is_written_behind_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb", buffering=0) as file:
        file.write(b"before ")
        outlet = Outlet(file.fileno())
        outlet.put(b"after")
        assert outlet.flush() == 5
        outlet.close()
    assert path.read_bytes() == b"before after"


def test_a_reader_that_left_is_a_broken_pipe() -> None:
    reader, writer = os.pipe()
    outlet = Outlet(writer)
    os.close(reader)
    outlet.put(b"x")
    with pytest.raises(BrokenPipeError):
        outlet.flush()
    outlet.close()
    os.close(writer)


def test_a_full_disk_is_the_users_error() -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        outlet = Outlet(full.fileno())
        outlet.put(b"x")
        with pytest.raises(UsageError, match="No space left") as caught:
            outlet.flush()
        outlet.close()
    assert caught.value.code == "usage.output"


def test_a_closed_descriptor_is_the_users_error(pipe: tuple[int, int]) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    # Those that are open for reading could be opened again for writing, and the output would be lost.
    for descriptor in (pipe[0], null, 9999):
        outlet = Outlet(descriptor)
        outlet.put(b"x")
        with pytest.raises(UsageError):
            outlet.flush()
        outlet.close()
    os.close(null)
