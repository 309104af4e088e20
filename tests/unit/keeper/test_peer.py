"""One connection of the keeper: what comes in, and what goes out as there is room for it."""

import os
import socket
from collections.abc import Iterator

import pytest

from tests.unit.keeper.conftest import name_of
from whale.keeper.packets import close_all, receive_packet, send_packet
from whale.keeper.peer import MAX_ANSWERS, Peer
from whale.keeper.protocol import (
    END,
    FROM_KEEPER,
    FULL,
    ITEM,
    MAX_PACKET,
    PUT,
    TAKE,
    BadPacket,
    Message,
    decode,
    encode,
)
from whale.keeper.shelf import Shelf


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """The other end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours:
        server_end.append(theirs)
        yield ours
    server_end.clear()


server_end: list[socket.socket] = []


@pytest.fixture
def peer(server: socket.socket) -> Iterator[Peer]:
    made = Peer(server_end[0], deadline=0)
    yield made
    made.close()


def heard(server: socket.socket) -> list[Message]:
    """All messages that have come to the server; their descriptors are closed."""
    found: list[Message] = []
    while True:
        try:
            packet, descriptors = receive_packet(server)
        except BlockingIOError:
            return found
        if not packet:
            return found
        found.append(decode(packet, FROM_KEEPER, descriptors=len(descriptors)))
        close_all(descriptors)


def test_messages_come_with_their_descriptors(peer: Peer, server: socket.socket, pipe: tuple[int, int]) -> None:
    send_packet(server, encode(PUT, name_of(1)), pipe)
    send_packet(server, encode(TAKE))
    message, descriptors = peer.receive()
    assert message == Message(PUT, name_of(1))
    assert len(descriptors) == 2
    close_all(descriptors)
    assert peer.receive() == (Message(TAKE), ())
    with pytest.raises(BlockingIOError):
        peer.receive()
    server.close()
    with pytest.raises(EOFError):
        peer.receive()


@pytest.mark.parametrize("packet", [b"nonsense", b"E\0\0\0\0", b"T", bytes(MAX_PACKET + 1)])
def test_nonsense_is_refused_with_its_descriptors(
    peer: Peer, server: socket.socket, pipe: tuple[int, int], packet: bytes
) -> None:
    send_packet(server, packet, pipe)
    with pytest.raises(BadPacket):
        peer.receive()


def test_an_empty_packet_is_an_end(peer: Peer, server: socket.socket, pipe: tuple[int, int]) -> None:
    send_packet(server, b"", pipe)
    with pytest.raises(EOFError):
        peer.receive()


def test_a_connection_that_is_closed_is_an_end(peer: Peer) -> None:
    peer.close()
    with pytest.raises(EOFError):
        peer.receive()


def test_hands_over_what_is_there_when_there_is_room(peer: Peer, server: socket.socket, pipe: tuple[int, int]) -> None:
    shelf = Shelf(capacity=5000)
    for number in range(1000):
        shelf.put(name_of(number), (os.dup(pipe[0]),))
    peer.hand_over(shelf.names())
    peer.flush(shelf)
    with pytest.raises(BadPacket):
        peer.hand_over(shelf.names())  # there was no room for everything
    shelf.remove(name_of(999))
    messages = []
    while peer.is_waiting:
        messages += heard(server)
        peer.flush(shelf)
    messages += heard(server)
    assert messages == [*(Message(ITEM, name_of(number)) for number in range(999)), Message(END, "", (999,))]
    peer.hand_over([])
    peer.flush(shelf)
    assert heard(server) == [Message(END, "", (0,))]
    shelf.close()


def test_answers_that_nobody_reads_are_bounded(peer: Peer, server: socket.socket) -> None:
    for number in range(MAX_ANSWERS + 10):
        peer.answer(FULL, name_of(number))
    peer.flush(Shelf(capacity=0))
    assert heard(server) == [Message(FULL, name_of(number)) for number in range(MAX_ANSWERS)]


def test_a_server_that_is_gone_gets_nothing(peer: Peer, server: socket.socket) -> None:
    peer.answer(FULL, name_of(1))
    server.close()
    peer.flush(Shelf(capacity=0))
    assert not peer.is_waiting


def test_after_refusing_more_only_what_was_sent_before_comes(
    peer: Peer, server: socket.socket, pipe: tuple[int, int]
) -> None:
    send_packet(server, encode(PUT, name_of(1)), pipe)
    send_packet(server, encode(PUT, name_of(2)), pipe)
    peer.refuse_more()
    with pytest.raises(BrokenPipeError):
        send_packet(server, encode(PUT, name_of(3)), pipe)
    for number in (1, 2):
        message, descriptors = peer.receive()
        close_all(descriptors)
        assert message == Message(PUT, name_of(number))
    with pytest.raises(EOFError):
        peer.receive()
    peer.close()
    peer.refuse_more()
