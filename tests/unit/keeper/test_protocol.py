"""The packets between a server and its keeper: what each message looks like, and what is refused."""

import pytest

from tests.unit.keeper.conftest import name_of
from whale.keeper.protocol import (
    END,
    FROM_KEEPER,
    FROM_SERVER,
    FULL,
    HELLO,
    ITEM,
    MAGIC,
    MAX_PACKET,
    PUT,
    REMOVE,
    TAKE,
    TTL,
    VERSION,
    WELCOME,
    BadPacket,
    Message,
    decode,
    encode,
    is_name,
)
from whale.model.ids import new_session_id
from whale.model.limits import MAX_KEPT_TOGETHER

NAME = name_of(255)


@pytest.mark.parametrize(
    ("message", "descriptors", "packet"),
    [
        (Message(HELLO, "", (VERSION, 300_000)), 0, b"Hwhale-keeper\0\0\0\x01\x00\x04\x93\xe0"),
        (Message(PUT, NAME), 1, b"P" + b"0" * 30 + b"ff"),
        (Message(PUT, NAME), MAX_KEPT_TOGETHER, b"P" + b"0" * 30 + b"ff"),
        (Message(PUT, NAME), 0, b"P" + b"0" * 30 + b"ff"),
        (Message(REMOVE, NAME), 0, b"R" + b"0" * 30 + b"ff"),
        (Message(TAKE), 0, b"T"),
        (Message(TTL, "", (2**32 - 1,)), 0, b"L\xff\xff\xff\xff"),
    ],
)
def test_what_a_server_says(message: Message, descriptors: int, packet: bytes) -> None:
    assert encode(message.kind, message.name, *message.numbers) == packet
    assert decode(packet, FROM_SERVER, descriptors=descriptors) == message
    with pytest.raises(BadPacket):
        decode(packet, FROM_KEEPER, descriptors=descriptors)


@pytest.mark.parametrize(
    ("message", "descriptors", "packet"),
    [
        (Message(WELCOME, "", (VERSION, 7, 9, 2)), 0, b"Wwhale-keeper\0\0\0\x01\0\0\0\x07\0\0\0\x09\0\0\0\x02"),
        (Message(FULL, NAME), 0, b"F" + b"0" * 30 + b"ff"),
        (Message(ITEM, NAME), 3, b"I" + b"0" * 30 + b"ff"),
        (Message(ITEM, NAME), 0, b"I" + b"0" * 30 + b"ff"),
        (Message(END, "", (1000,)), 0, b"E\0\0\x03\xe8"),
    ],
)
def test_what_a_keeper_says(message: Message, descriptors: int, packet: bytes) -> None:
    assert encode(message.kind, message.name, *message.numbers) == packet
    assert decode(packet, FROM_KEEPER, descriptors=descriptors) == message
    with pytest.raises(BadPacket):
        decode(packet, FROM_SERVER, descriptors=descriptors)


@pytest.mark.parametrize(
    ("packet", "descriptors"),
    [
        (b"", 0),
        (b"\0", 0),
        (b"\xff", 0),
        (b"X" + NAME.encode(), 0),
        (b"T", 1),
        (b"TT", 0),
        (b"L\0\0\0", 0),
        (b"L\0\0\0\0\0", 0),
        (b"P", 1),
        (b"P" + b"0" * 31, 1),
        (b"P" + b"0" * 33, 1),
        (b"P" + b"F" * 32, 1),
        (b"P" + b"g" * 32, 1),
        (b"P" + b"\xb9" * 32, 1),
        (b"P" + b"../../../../../../../../etc/shado", 1),
        (b"P" + NAME.encode(), MAX_KEPT_TOGETHER + 1),
        (b"R" + NAME.encode(), 1),
        (b"H" + MAGIC, 0),
        (b"Hwhale-keepes\0\0\0\x01\0\0\0\0", 0),
        (b"H" + MAGIC + b"\0\0\0\x01", 0),
        (b"H" + MAGIC + b"\0\0\0\x01\0\0\0\0\0", 0),
        (b"H" + MAGIC + b"\0\0\0\x01\0\0\0\0", 1),
        (b"H" + MAGIC + b"\0\0\x02", 0),
        (b"H" + MAGIC + b"\0\0\0\x02" + bytes(MAX_PACKET), 0),
    ],
)
def test_everything_else_is_refused(packet: bytes, descriptors: int) -> None:
    with pytest.raises(BadPacket):
        decode(packet, FROM_SERVER, descriptors=descriptors)


def test_another_version_can_be_told_whatever_else_it_says() -> None:
    hello = b"H" + MAGIC + b"\0\0\0\x02" + b"something new"
    assert decode(hello, FROM_SERVER, descriptors=0) == Message(HELLO, "", (2,))
    welcome = b"W" + MAGIC + b"\0\0\0\x02" + b"\0\0\x30\x39" + b"something new"
    assert decode(welcome, FROM_KEEPER, descriptors=0) == Message(WELCOME, "", (2, 12345))
    with pytest.raises(BadPacket):
        decode(b"W" + MAGIC + b"\0\0\0\x02", FROM_KEEPER, descriptors=0)


def test_a_name_is_a_sessions_id() -> None:
    assert is_name(new_session_id())
    for text in ("", "0" * 31, "0" * 33, "A" * 32, "0" * 31 + "\n", "٣" * 32):
        assert not is_name(text)


def test_messages_are_compared_by_what_they_say() -> None:
    assert Message(PUT, NAME) == Message(PUT, NAME)
    assert len({Message(PUT, NAME), Message(PUT, NAME), Message(REMOVE, NAME)}) == 2
    assert Message(TAKE) != b"T"
    assert NAME in repr(Message(PUT, NAME))


def test_the_longest_packet_has_room() -> None:
    longest = max(len(encode(PUT, NAME)), len(encode(WELCOME, "", 1, 2, 3, 4)))
    assert longest == 33
    assert longest <= MAX_PACKET
