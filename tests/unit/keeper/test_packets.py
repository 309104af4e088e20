"""Packets with descriptors over real sockets: order, ends, limits of the system, and nothing left open."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from whale.keeper.packets import NotNow, close_all, receive_packet, send_packet
from whale.keeper.protocol import MAX_PACKET, BadPacket
from whale.model.limits import MAX_KEPT_TOGETHER

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def same(one: int, other: int) -> bool:
    return os.path.sameopenfile(one, other)


def count_open() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_descriptors_arrive_in_order_and_no_child_inherits_them(pair: Pair) -> None:
    files = [os.memfd_create(str(number)) for number in range(MAX_KEPT_TOGETHER)]
    send_packet(pair[0], b"all", tuple(files))
    packet, received = receive_packet(pair[1])
    assert packet == b"all"
    assert len(received) == MAX_KEPT_TOGETHER
    assert all(map(same, files, received))
    assert not any(map(os.get_inheritable, received))
    close_all(received)
    close_all(tuple(files))


def test_packets_stay_apart(pair: Pair) -> None:
    for text in (b"one", b"two"):
        send_packet(pair[0], text)
    assert receive_packet(pair[1]) == (b"one", ())
    assert receive_packet(pair[1]) == (b"two", ())
    with pytest.raises(BlockingIOError):
        receive_packet(pair[1])


def test_what_was_sent_is_there_after_the_sender_has_gone(pair: Pair) -> None:
    send_packet(pair[0], b"last words")
    pair[0].close()
    assert receive_packet(pair[1]) == (b"last words", ())
    assert receive_packet(pair[1]) == (b"", ())


def test_a_sender_that_left_something_unread_takes_nothing_back(pair: Pair) -> None:
    send_packet(pair[1], b"never read")
    send_packet(pair[0], b"last words")
    send_packet(pair[0], b"and more")
    pair[0].close()
    assert receive_packet(pair[1]) == (b"last words", ())
    assert receive_packet(pair[1]) == (b"and more", ())
    assert receive_packet(pair[1]) == (b"", ())


def test_a_packet_that_is_too_long_is_refused_with_its_descriptors(pair: Pair, pipe: tuple[int, int]) -> None:
    send_packet(pair[0], bytes(MAX_PACKET + 1), pipe)
    before = count_open()
    with pytest.raises(BadPacket):
        receive_packet(pair[1])
    assert count_open() == before


def test_too_many_descriptors_are_none(pair: Pair, pipe: tuple[int, int]) -> None:
    send_packet(pair[0], b"many", (pipe[0],) * (MAX_KEPT_TOGETHER + 1))
    before = count_open()
    assert receive_packet(pair[1]) == (b"many", ())
    assert count_open() == before


def test_descriptors_that_this_process_may_not_open_are_none(pair: Pair, pipe: tuple[int, int]) -> None:
    send_packet(pair[0], b"all", (pipe[0],) * 4)
    before = count_open()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 2, hard))
    try:
        assert receive_packet(pair[1]) == (b"all", ())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert count_open() == before


def test_a_full_socket_says_not_now(pair: Pair) -> None:
    def fill() -> None:
        for _ in range(100_000):
            send_packet(pair[0], b"more")

    with pytest.raises(NotNow) as refused:
        fill()
    assert not refused.value.is_writable


def test_a_socket_whose_other_end_is_gone_says_so(pair: Pair) -> None:
    pair[1].close()
    with pytest.raises(BrokenPipeError):
        send_packet(pair[0], b"hello?")


IN_FLIGHT = """
import os, resource, socket
from whale.keeper.packets import NotNow, receive_packet, send_packet
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
os.setgroups([])
os.setgid(23456)
os.setuid(23456)
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    for _ in range(100):
        send_packet(ours, b"some", (0,) * 16)
except NotNow as wait:
    print("not now", wait.is_writable)
receive_packet(theirs)
send_packet(ours, b"some", (0,) * 16)
print("now")
"""


def test_too_many_descriptors_on_their_way_are_a_matter_of_time() -> None:
    if os.geteuid() != 0:
        pytest.fail("this test becomes another user, which takes root")
    # The other user can't write to where coverage would be noted.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", IN_FLIGHT], env=plain, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.stdout, done.stderr) == ("not now True\nnow\n", "")


def test_closing_what_is_closed_is_fine(pipe: tuple[int, int]) -> None:
    close_all(pipe)
    close_all(pipe)
