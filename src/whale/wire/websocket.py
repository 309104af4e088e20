"""The frames of RFC 6455 as bytes, for both ends and without I/O.

Ours and not a library's: for the command line a library costs more time to import than the whole rest of its start,
and in the gateway, where a keystroke passes twice, its queues and tasks cost more than all else that happens there.
What whale needs of the RFC is small: no extensions, no text. The tests hold it to the `websockets` library, frame by
frame.
"""

import os
from collections.abc import Callable
from enum import IntEnum
from importlib.machinery import PathFinder
from typing import NamedTuple

from whale.model.allocator import keep_freed_blocks
from whale.model.errors import ProtocolError
from whale.model.limits import KIB, MAX_MESSAGE

MAX_FRAGMENTS = MAX_MESSAGE // KIB
"""Most frames one message may come in."""

MASK_BULK = 16 * KIB
"""From this size on a compiled masking function is worth loading."""


class Opcode(IntEnum):
    """RFC 6455 section 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class MessageReceived(NamedTuple):
    """A whole message; `binary` is False for text."""

    data: bytes
    binary: bool


class PingReceived(NamedTuple):
    """Answer with a pong of the same payload."""

    payload: bytes


class CloseReceived(NamedTuple):
    """The other end closes. `code` is 1005 when it gave none."""

    code: int
    reason: str


FrameEvent = MessageReceived | PingReceived | CloseReceived


Mask = Callable[[bytes | memoryview, bytes], bytes]


def _load_mask() -> Mask:
    """Load one compiled function of the `websockets` library without its package, which costs 50 ms to import."""
    package = PathFinder.find_spec("websockets")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("websockets.speedups", places) if places else None
    if spec is None or spec.loader is None:
        return _mask_slowly
    module = spec.loader.create_module(spec)
    if module is None:
        return _mask_slowly
    spec.loader.exec_module(module)
    function: Mask = module.apply_mask
    return function


def _mask_slowly(data: bytes | memoryview, mask: bytes) -> bytes:
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")


_mask_bulk: Mask | None = None


def load_mask() -> Mask:
    """Load the compiled masking function, for whoever will need it often."""
    global _mask_bulk
    if _mask_bulk is None:
        _mask_bulk = _load_mask()
        keep_freed_blocks()  # whoever masks in bulk allocates in bulk
    return _mask_bulk


def apply_mask(data: bytes | memoryview, mask: bytes) -> bytes:
    """XOR with the repeated mask (RFC 6455 section 5.3); a compiled function is loaded for the first bulk data."""
    if _mask_bulk is not None:
        return _mask_bulk(data, mask)
    return _mask_slowly(data, mask) if len(data) < MASK_BULK else load_mask()(data, mask)


_MASKED = 0x80
_MASK_SIZE = 4
_FINAL_BINARY = 0x80 | Opcode.BINARY
_SMALL = 126
"""Payloads below this size have their size in the second byte of the frame."""


def encode_head(opcode: Opcode, size: int, *, masked: bool = False) -> bytes:
    """Encode what stands before the mask and the payload of a final frame."""
    if size < _SMALL:
        return bytes((0x80 | opcode, size | _MASKED if masked else size))
    first, mask = 0x80 | opcode, _MASKED if masked else 0
    if size < 65536:
        return bytes((first, mask | 126)) + size.to_bytes(2, "big")
    return bytes((first, mask | 127)) + size.to_bytes(8, "big")


def encode_frame(opcode: Opcode, payload: bytes) -> bytes:
    """Encode a client's frame: final and masked."""
    size, mask = len(payload), os.urandom(_MASK_SIZE)
    if size <= _MASK_SIZE:  # a keystroke: what is called for it is what it takes
        key = int.from_bytes(mask[:size], "little") ^ int.from_bytes(payload, "little")
        return bytes((0x80 | opcode, _MASKED | size)) + mask + key.to_bytes(size, "little")
    return encode_head(opcode, size, masked=True) + mask + apply_mask(payload, mask)


def encode_message(start: bytes, rest: bytes) -> tuple[bytes, bytes]:
    """Encode a client's message of two parts, in two parts, which together are one frame.

    For bulk data behind a channel byte: masking makes the only copy of `rest`.
    """
    mask = os.urandom(_MASK_SIZE)
    head = encode_head(Opcode.BINARY, len(start) + len(rest), masked=True) + mask + apply_mask(start, mask)
    turn = len(start) % _MASK_SIZE
    return head, apply_mask(rest, mask[turn:] + mask[:turn])


def encode_close(code: int) -> bytes:
    """Encode a client's close frame without a reason."""
    return encode_frame(Opcode.CLOSE, code.to_bytes(2, "big"))


class FrameReader:
    """Turns the other end's bytes into messages, in whatever pieces they come. Holds at most one message.

    `masked` says whether its frames have to be masked, as a client's have, or must not be.
    """

    def __init__(self, *, masked: bool = False) -> None:
        self._mask_bit = _MASKED if masked else 0
        self._head_size = 2 + (_MASK_SIZE if masked else 0)
        self._unmask = load_mask() if masked else None
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._opcode: int | None = None
        self._closed = False
        self.error: ProtocolError | None = None
        """What the other end did wrong; from then on `feed` raises it."""

    def feed(self, data: bytes | memoryview) -> list[FrameEvent]:
        """Take bytes, return what was completed; nothing of it refers to `data` any more.

        Raises `ProtocolError` once the other end broke the RFC. What was whole before that is returned first; the
        error is then in `error`, and comes with the next call.
        """
        if self.error is not None:
            raise self.error
        if self._closed:
            return []
        if (
            # What every keystroke and its echo are, whole and alone, needs none of the rest.
            len(data) >= (begin := self._head_size)
            and data[0] == _FINAL_BINARY
            and data[1] ^ self._mask_bit == len(data) - begin < _SMALL
            and self._opcode is None
            and not self._buffer
        ):
            return [MessageReceived(self._payload(data, begin, len(data)), binary=True)]
        events: list[FrameEvent] = []
        try:
            self._read(data, events)
        except ProtocolError as error:
            self.error = error
            if not events:
                raise
        return events

    def _payload(self, view: bytes | memoryview, begin: int, end: int) -> bytes:
        if self._unmask is not None:
            return self._unmask(view[begin:end], bytes(view[begin - _MASK_SIZE : begin]))
        return bytes(view[begin:end])

    def _read(self, data: bytes | memoryview, events: list[FrameEvent]) -> None:
        """Read what there is. Only a frame that comes in pieces is put together first, and nothing behind it."""
        buffer, view, start = self._buffer, memoryview(data), 0
        while buffer and start < len(view) and not self._closed:
            _, end = _frame_bounds(buffer, 0, self._mask_bit)
            taken = view[start : start + end - len(buffer)]
            buffer += taken
            start += len(taken)
            with memoryview(buffer) as begun:
                read = self._read_frames(begun, 0, events)
            del buffer[:read]
        start = self._read_frames(view, start, events)
        buffer += view[start:]

    def _read_frames(self, view: memoryview, start: int, events: list[FrameEvent]) -> int:
        """Read the frames that are whole; return where they end."""
        while not self._closed:
            begin, end = _frame_bounds(view, start, self._mask_bit)
            if end > len(view):
                break
            event = self._receive(view[start], self._payload(view, begin, end))
            if event is not None:
                events.append(event)
            start = end
        return start

    def _receive(self, first: int, payload: bytes) -> FrameEvent | None:
        final, opcode = bool(first & 0x80), first & 0x0F
        if opcode >= Opcode.CLOSE:
            return self._receive_control(opcode, payload, final=final)
        if (opcode == Opcode.CONTINUATION) == (self._opcode is None) or opcode > Opcode.BINARY:
            raise ProtocolError("a WebSocket frame is out of order")
        if opcode != Opcode.CONTINUATION:
            if final:
                return MessageReceived(payload, binary=opcode == Opcode.BINARY)
            self._opcode = opcode
        self._parts.append(payload)
        self._parts_size += len(payload)
        if self._parts_size > MAX_MESSAGE or len(self._parts) > MAX_FRAGMENTS:
            raise ProtocolError("a WebSocket message is too long", code="protocol.too_big")
        if not final:
            return None
        message = MessageReceived(b"".join(self._parts), binary=self._opcode == Opcode.BINARY)
        self._parts, self._parts_size, self._opcode = [], 0, None
        return message

    def _receive_control(self, opcode: int, payload: bytes, *, final: bool) -> FrameEvent | None:
        if not final or len(payload) > 125:
            raise ProtocolError("a WebSocket control frame breaks the RFC")
        if opcode == Opcode.PING:
            return PingReceived(payload)
        if opcode == Opcode.PONG:
            return None
        if opcode != Opcode.CLOSE or len(payload) == 1:
            raise ProtocolError("a WebSocket control frame breaks the RFC")
        self._closed = True
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        return CloseReceived(code, payload[2:].decode("utf-8", "replace"))


def _frame_bounds(view: bytearray | memoryview, start: int, mask_bit: int) -> tuple[int, int]:
    """Find where the payload of the frame at `start` begins and ends.

    While its head is not whole, the end is where the next part of the head ends, behind all that is there.
    """
    begin, there = start + 2, len(view)
    if there < begin:
        return begin, begin
    if view[start] & 0x70:
        raise ProtocolError("a WebSocket frame uses an extension nobody offered")
    size = view[start + 1] ^ mask_bit
    if size & _MASKED:
        raise ProtocolError("a client must mask its frames and a server must not (RFC 6455 section 5.1)")
    if size >= _SMALL:
        wide = 2 if size == _SMALL else 8
        begin += wide
        if there < begin:
            return begin, begin
        size = int.from_bytes(view[begin - wide : begin], "big")
    if size > MAX_MESSAGE:
        raise ProtocolError("a WebSocket message is too long", code="protocol.too_big")
    if mask_bit:
        begin += _MASK_SIZE
    return begin, begin + size
