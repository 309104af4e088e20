"""Fuzz the keeper: no packet ends it, and whatever it is sent, it closes every descriptor that it was not to keep.

The lowest bit of the first byte says whether a proper hello goes before the packets, the next one whether they come
one by one. Each packet is written as two bytes, its length and the count of descriptors beside it, and its content.
"""

import os
import socket
from collections.abc import Iterator

from whale.keeper.packets import NotNow, receive_packet, send_packet
from whale.keeper.process import KeeperProcess
from whale.keeper.protocol import (
    FROM_KEEPER,
    FROM_SERVER,
    HELLO,
    MAX_PACKET,
    PUT,
    REMOVE,
    TAKE,
    TTL,
    VERSION,
    BadPacket,
    decode,
    encode,
)
from whale.keeper.shelf import Shelf

CAPACITY = 40
_MOST_DESCRIPTORS = 18
_NULL = os.open("/dev/null", os.O_RDWR)


def packet(content: bytes, descriptors: int = 0) -> bytes:
    return bytes((len(content), descriptors)) + content


NAME, OTHER = "0123456789abcdef" * 2, "f" * 32
HELLO_PACKET = packet(encode(HELLO, "", VERSION, 1000))

SEEDS: list[bytes] = [
    b"\1" + packet(encode(PUT, NAME), 4) + packet(encode(PUT, OTHER), 16) + packet(encode(TAKE)),
    b"\3" + packet(encode(PUT, NAME), 16) + packet(encode(PUT, NAME), 1) + packet(encode(REMOVE, NAME)),
    b"\1" + packet(encode(PUT, NAME), 16) + packet(encode(PUT, OTHER), 16) + packet(encode(PUT, "0" * 32), 16),
    b"\1" + packet(encode(TTL, "", 7)) + packet(encode(TAKE)) + packet(encode(TAKE)),
    b"\3" + packet(encode(PUT, NAME), 17) + packet(b"", 1) + packet(encode(TAKE), 1),
    b"\0" + HELLO_PACKET + packet(encode(PUT, NAME), 2),
    b"\0" + packet(encode(HELLO, "", VERSION + 1) + b"more"),
    b"\0" + packet(encode(TAKE)),
]


def fuzz_one(data: bytes) -> None:
    """Read each packet alone, then let a keeper have all of them."""
    packets = list(_packets(data[1:]))
    for content, descriptors in packets:
        for kinds in (FROM_SERVER, FROM_KEEPER):
            _read(content, kinds, descriptors)
    flags = data[0] if data else 0
    if flags & 1:
        packets.insert(0, (encode(HELLO, "", VERSION, 1000), 0))
    before = os.listdir("/proc/self/fd")
    _feed(packets, one_by_one=bool(flags & 2))
    assert os.listdir("/proc/self/fd") == before, "a descriptor is left open"


def _packets(data: bytes) -> Iterator[tuple[bytes, int]]:
    while len(data) >= 2:
        length, descriptors = data[0] % (2 * MAX_PACKET), data[1] % _MOST_DESCRIPTORS
        yield data[2 : 2 + length], descriptors
        data = data[2 + length :]


def _read(content: bytes, kinds: frozenset[str], descriptors: int) -> None:
    try:
        message = decode(content, kinds, descriptors=descriptors)
    except BadPacket:
        return
    again = encode(message.kind, message.name, *message.numbers)
    assert content.startswith(again) if message.numbers[:1] not in ((), (VERSION,)) else content == again


def _feed(packets: list[tuple[bytes, int]], *, one_by_one: bool) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("")  # some free abstract name
        listener.listen(1)
        keeper = KeeperProcess(listener, Shelf(capacity=CAPACITY))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.connect(listener.getsockname())
            try:
                for content, descriptors in packets:
                    send_packet(server, content, (_NULL,) * descriptors)
                    if one_by_one:
                        keeper.step(longest=0)
            except (NotNow, OSError):
                pass  # refused by now
            for _ in range(3):
                keeper.step(longest=0)
            _check(keeper)
            _drain(server)
        for _ in range(3):
            keeper.step(longest=0)
        _check(keeper)
        keeper.close()


def _check(keeper: KeeperProcess) -> None:
    shelf = keeper.shelf
    assert shelf.held == sum(len(shelf.get(name)) for name in shelf.names())
    assert shelf.held <= CAPACITY


def _drain(server: socket.socket) -> None:
    """Read all that the keeper says: each packet of it must be one."""
    while True:
        try:
            content, descriptors = receive_packet(server)
        except OSError:
            return
        for descriptor in descriptors:
            os.close(descriptor)
        if not content:
            return
        decode(content, FROM_KEEPER, descriptors=len(descriptors))
