"""What the server and the process with the emulators say to each other, over a stream. No I/O.

A message is a head of 13 bytes (kind, number of the screen, length of the body, big-endian) and its body. Each message
of the server is answered with one for the same screen, in their order: so whatever ends the process, the first message
without an answer is what it was at.

    server → process                                     process → server
    OPEN     columns, rows     a screen, as after a reset    DONE
    RESIZE   columns, rows     its terminal's new size       DONE
    FEED     output                                          DONE
    CLOSE                      it is needed no more          DONE
    REPAINT                                                  PAINTED  what paints a terminal
    REPLIES                                                  REPLIED  what the terminal answered to queries
                                                             READY    version, and why there are no screens:
                                                                      once, at the start, unasked

The process reads what containers write with code that may be taken over by it. So what it says is bounded and checked,
and answers to queries, which a program is going to read as its input, have no line end and no other control character
that a shell would act on.
"""

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from whale.model.limits import KIB, MAX_REPAINT, MAX_REPLIES
from whale.model.terminal import MAX_CELLS, TerminalSize

VERSION: Final = 1
"""An upgrade may put another version's files below a server that runs."""

MAX_FEED: Final = 64 * KIB
"""Output in one message."""

MAX_REASON: Final = 1000
"""Bytes of a reason for people."""

OPEN, RESIZE, FEED, CLOSE, REPAINT, REPLIES = b"OZFCPQ"
DONE, PAINTED, REPLIED, READY = b"dpqr"

ANSWERS: Final = {OPEN: DONE, RESIZE: DONE, FEED: DONE, CLOSE: DONE, REPAINT: PAINTED, REPLIES: REPLIED}
"""What each message of the server is answered with."""

_SIZE: Final = struct.Struct(">HH")
_FROM_SERVER: Final = {
    OPEN: (_SIZE.size, _SIZE.size),
    RESIZE: (_SIZE.size, _SIZE.size),
    FEED: (0, MAX_FEED),
    CLOSE: (0, 0),
    REPAINT: (0, 0),
    REPLIES: (0, 0),
}
_FROM_PROCESS: Final = {DONE: (0, 0), PAINTED: (0, MAX_REPAINT), REPLIED: (0, MAX_REPLIES), READY: (1, 1 + MAX_REASON)}
"""Kinds, with the least and the most bytes of their bodies."""

_HEAD: Final = struct.Struct(">BQL")
_REPLY: Final = re.compile(rb"[\x07\x1b\x20-\x7e\x80-\xff]*")


class BadMessage(Exception):
    """Something that this protocol does not have."""


class Message(NamedTuple):
    """One message."""

    kind: int
    screen: int = 0
    body: bytes = b""


def encode(kind: int, screen: int = 0, body: bytes = b"") -> bytes:
    """Make the bytes of a message."""
    return _HEAD.pack(kind, screen, len(body)) + body


def encode_size(size: TerminalSize) -> bytes:
    """Make the body of OPEN and RESIZE. What no terminal can have becomes the nearest that one can."""
    return _SIZE.pack(*(max(0, min(number, MAX_CELLS)) for number in size))


def decode_size(body: bytes) -> TerminalSize:
    """Read the body of OPEN and RESIZE."""
    cols, rows = _SIZE.unpack(body)
    return TerminalSize(cols=cols, rows=rows)


class Decoder:
    """Takes what one end sends, in any pieces. Keeps less than one message of it."""

    def __init__(self, bounds: dict[int, tuple[int, int]]) -> None:
        self._bounds = bounds
        self._buffer = bytearray()

    @classmethod
    def of_server(cls) -> "Decoder":
        """Read what a server says."""
        return cls(_FROM_SERVER)

    @classmethod
    def of_process(cls) -> "Decoder":
        """Read what the process says."""
        return cls(_FROM_PROCESS)

    def receive(self, data: bytes | memoryview) -> Iterator[Message]:
        """Take bytes; yield the messages that are whole by now. Raises `BadMessage` behind them, for good."""
        self._buffer += data
        at = 0
        try:
            while (message := self._next(at)) is not None:
                at += _HEAD.size + len(message.body)
                yield message
        finally:
            del self._buffer[:at]

    def _next(self, at: int) -> Message | None:
        if len(self._buffer) - at < _HEAD.size:
            return None
        kind, screen, length = _HEAD.unpack_from(self._buffer, at)
        self._check(kind, length)
        begin, end = at + _HEAD.size, at + _HEAD.size + length
        if end > len(self._buffer):
            return None
        with memoryview(self._buffer) as view:
            message = Message(kind, screen, bytes(view[begin:end]))
        if kind == REPLIED and not _REPLY.fullmatch(message.body):
            raise BadMessage("control characters in a reply")
        return message

    def _check(self, kind: int, length: int) -> None:
        least, most = self._bounds.get(kind, (1, 0))
        if not least <= length <= most:
            raise BadMessage("unknown kind" if kind not in self._bounds else "too long or too short")
