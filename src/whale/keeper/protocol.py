"""What a server and its keeper say to each other: one message in each packet of a unix socket. No I/O.

A packet is a byte that says its kind and then, as the kind has them, `MAGIC`, a name, and numbers of four bytes,
big-endian. Descriptors travel beside PUT and ITEM and nothing else; the receiver sees none there when it could not
open them all. Whatever is not exactly that is refused.

    server → keeper                                      keeper → server
    HELLO   MAGIC version ttl     first, once            WELCOME  MAGIC version process capacity held
    PUT     name + descriptors    keep these             FULL     name            not kept
    REMOVE  name                  let go
    TAKE                          hand over all          ITEM     name + descriptors, one for each
                                                         END      count           that was the last one
    TTL     ttl                   from now on

A name is a session's id. `ttl` is in milliseconds, `capacity` and `held` count descriptors. HELLO and WELCOME begin
with the same fields in every version, up to `version` and `process`: so both ends of different versions can say so.

The keeper imports this, so there is nothing here that would cost it memory: no `typing`, no `dataclasses`.
"""

from whale.model.limits import MAX_KEPT_TOGETHER

VERSION = 1
MAGIC = b"whale-keeper"
NAME_LENGTH = 32
MAX_PACKET = 64
"""Bytes; the longest message has 33."""

MAX_NUMBER = 2**32 - 1

HELLO, PUT, REMOVE, TAKE, TTL = "H", "P", "R", "T", "L"
WELCOME, FULL, ITEM, END = "W", "F", "I", "E"

FROM_SERVER = frozenset((HELLO, PUT, REMOVE, TAKE, TTL))
FROM_KEEPER = frozenset((WELCOME, FULL, ITEM, END))

_NAMED = frozenset((PUT, REMOVE, FULL, ITEM))
_CARRYING = frozenset((PUT, ITEM))
_NUMBERS = {HELLO: 2, WELCOME: 4, TTL: 1, END: 1}
_STABLE = {HELLO: 1, WELCOME: 2}
"""Kinds that begin with `MAGIC`, and how many of their numbers are there in every version."""

_HEXADECIMAL = frozenset("0123456789abcdef")


class BadPacket(Exception):
    """A packet that this protocol does not have."""


class Message:
    """One message. `name` and `numbers` are empty where the kind has none."""

    __slots__ = ("kind", "name", "numbers")

    def __init__(self, kind: str, name: str = "", numbers: tuple[int, ...] = ()) -> None:
        self.kind = kind
        self.name = name
        self.numbers = numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return f"Message{self._all()}"

    def _all(self) -> tuple[object, ...]:
        return (self.kind, self.name, self.numbers)


def is_name(text: str) -> bool:
    """Tell whether this can be the name of an item: 32 hexadecimal digits in lower case."""
    return len(text) == NAME_LENGTH and _HEXADECIMAL.issuperset(text)


def encode(kind: str, name: str = "", *numbers: int) -> bytes:
    """Make the packet of a message."""
    magic = MAGIC if kind in _STABLE else b""
    return b"".join((kind.encode(), magic, name.encode(), *(number.to_bytes(4, "big") for number in numbers)))


def decode(packet: bytes, kinds: frozenset[str], *, descriptors: int) -> Message:
    """Read a packet with that many descriptors beside it. Raises `BadPacket` for all that is not of these kinds.

    HELLO and WELCOME of another version come with the numbers that every version has, and no others.
    """
    kind, rest = packet[:1].decode("latin-1"), packet[1:]
    if kind not in kinds or len(packet) > MAX_PACKET:
        raise BadPacket("unknown kind")
    if descriptors > (MAX_KEPT_TOGETHER if kind in _CARRYING else 0):
        raise BadPacket("too many descriptors")
    name = ""
    if kind in _NAMED:
        name, rest = rest[:NAME_LENGTH].decode("latin-1"), rest[NAME_LENGTH:]
        if not is_name(name):
            raise BadPacket("bad name")
    if kind in _STABLE:
        return Message(kind, "", _versioned(kind, rest))
    return Message(kind, name, _numbers(rest, _NUMBERS.get(kind, 0)))


def _versioned(kind: str, rest: bytes) -> tuple[int, ...]:
    if not rest.startswith(MAGIC):
        raise BadPacket("not a keeper's")
    rest, stable = rest[len(MAGIC) :], _STABLE[kind]
    fixed = _numbers(rest[: 4 * stable], stable)
    return fixed if fixed[0] != VERSION else _numbers(rest, _NUMBERS[kind])


def _numbers(data: bytes, count: int) -> tuple[int, ...]:
    if len(data) != 4 * count:
        raise BadPacket("too long or too short")
    return tuple(int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4))
