"""What an exec keeps in memory that a later process can have, so that it can go on at the very byte.

Only a process may die here, at any instruction, and not the machine: plain stores in the order of the program are
enough. What belongs together is written into the slot that does not count, and one byte makes it count.

Output: `end` is how much of the engine's stream was taken in, together with what became of it: totals handed over, the
state of the demultiplexer and of the guards. `base` is how much was consumed from the socket. Input: how much of each
writer's bytes has left, and the piece that is on its way.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

from whale.engine.docker.guard import MAX_HELD
from whale.engine.seam import NOTES_SIZE
from whale.model.exec import Stream

SOURCES = 16
"""Writers that are told apart."""

_MAX_TRAILER = 512
_SLOT = struct.Struct("<QQQBQB8sBIH")
_SLOT_SIZE = 12288
_SLOT_INDEX, _PHASE, _SOURCE, _DELIVERED_INDEX, _STDIN_ENDED = 0, 1, 2, 3, 4
_BASE, _PIECE = 1, 2
"""Places in the array of 64-bit numbers; the bytes above are in its first one."""
_DELIVERED = (4, 4 + SOURCES)
_SLOTS_AT = 512


class Phase(IntEnum):
    """What was going on with a piece of input."""

    IDLE = 0
    INTENT = 1
    """It is about to be put into the pipe: whether it was, the pipe knows."""
    WRITTEN = 2
    """It is in the pipe, or on its way from there to the engine: how much, the pipe knows."""


class GuardKind(IntEnum):
    """Which guard holds output back."""

    NONE = 0
    START = 1
    """For the engine's words about a failed start."""
    ECHO = 2
    """For the mark of the waiting shell, with its newline's echo before it."""
    MARK = 3
    """The same, when the echo has come."""


class OutputState(NamedTuple):
    """How far an exec's output is."""

    end: int = 0
    stdout: int = 0
    stderr: int = 0
    frame: Stream = Stream.STDOUT
    frame_left: int = 0
    header: bytes = b""
    guard: GuardKind = GuardKind.START
    held: bytes = b""
    trailer: bytes = b""


class ExecNotes:
    """The notes of one exec. Fresh memory is all zeros, and means that nothing has happened yet."""

    __slots__ = ("_bytes", "_numbers")

    def __init__(self, memory: memoryview) -> None:
        if len(memory) < NOTES_SIZE or _SLOT.size + MAX_HELD + _MAX_TRAILER > _SLOT_SIZE:
            raise ValueError("too little memory for an exec's notes")
        self._bytes = memory
        self._numbers = memory[:_SLOTS_AT].cast("Q")

    # -- output ------------------------------------------------------------------------------------------------

    def commit(self, state: OutputState) -> None:
        """Note how far the output is, at one stroke."""
        slot = 1 - self._bytes[_SLOT_INDEX]
        at = _SLOTS_AT + slot * _SLOT_SIZE
        header, held, trailer = state.header, state.held, state.trailer
        _SLOT.pack_into(
            self._bytes, at, state.end, state.stdout, state.stderr, state.frame, state.frame_left,
            len(header), header, state.guard, len(held), len(trailer),
        )  # fmt: skip
        if held or trailer:
            at += _SLOT.size
            self._bytes[at : at + len(held)] = held
            self._bytes[at + len(held) : at + len(held) + len(trailer)] = trailer
        self._bytes[_SLOT_INDEX] = slot

    def output(self) -> OutputState:
        """Read how far the output is. Raises `ValueError` for what was never written."""
        slot = self._bytes[_SLOT_INDEX]
        at = _SLOTS_AT + slot * _SLOT_SIZE
        end, out, err, frame, left, header_size, header, guard, held_size, trailer_size = _SLOT.unpack_from(
            self._bytes, at
        )
        if slot > 1 or header_size > len(header) or held_size > MAX_HELD or trailer_size > _MAX_TRAILER:
            raise ValueError("not an exec's notes")
        at += _SLOT.size
        held = bytes(self._bytes[at : at + held_size])
        trailer = bytes(self._bytes[at + held_size : at + held_size + trailer_size])
        return OutputState(end, out, err, Stream(frame), left, header[:header_size], GuardKind(guard), held, trailer)

    @property
    def base(self) -> int:
        """Bytes of the engine's stream that were consumed from the socket."""
        return self._numbers[_BASE]

    @base.setter
    def base(self, value: int) -> None:
        self._numbers[_BASE] = value

    # -- input -------------------------------------------------------------------------------------------------

    def delivered(self, source: int) -> int:
        """Bytes of a writer that have left."""
        return self._numbers[_DELIVERED[self._bytes[_DELIVERED_INDEX]] + source]

    @property
    def piece(self) -> tuple[Phase, int, int]:
        """The piece that is on its way: how far it is, whose, and its size."""
        return Phase(self._bytes[_PHASE]), self._bytes[_SOURCE], self._numbers[_PIECE]

    def intend(self, source: int, size: int) -> None:
        """Note that a piece is about to be put into the pipe."""
        self._numbers[_PIECE] = size
        self._bytes[_SOURCE] = source
        self._bytes[_PHASE] = Phase.INTENT

    def wrote(self) -> None:
        """Note that it is there."""
        self._bytes[_PHASE] = Phase.WRITTEN

    def forget(self) -> None:
        """Note that it never got there."""
        self._bytes[_PHASE] = Phase.IDLE

    def deliver(self, source: int, size: int) -> None:
        """Note that a writer's piece has left, or is not wanted by anybody any more."""
        numbers, index = self._numbers, self._bytes[_DELIVERED_INDEX]
        now, then = _DELIVERED[index] + source, _DELIVERED[1 - index] + source
        numbers[then] = numbers[now] + size
        # Until both bytes are stored the piece counts as on its way; `settle` sees which of them was.
        self._bytes[_DELIVERED_INDEX] = 1 - index
        self._bytes[_PHASE] = Phase.IDLE
        numbers[now] = numbers[then]

    def settle(self) -> None:
        """After another process died: put right what it had half done."""
        index = self._bytes[_DELIVERED_INDEX]
        now, then = _DELIVERED[index], _DELIVERED[1 - index]
        phase, source, size = self.piece
        if phase is Phase.WRITTEN and self._numbers[now + source] == self._numbers[then + source] + size:
            self._bytes[_PHASE] = Phase.IDLE  # it was delivered, and only that was not noted
        for number in range(SOURCES):
            self._numbers[then + number] = self._numbers[now + number]

    @property
    def is_stdin_ended(self) -> bool:
        """True when the input was closed behind its last byte."""
        return bool(self._bytes[_STDIN_ENDED])

    def end_stdin(self) -> None:
        """Note that the input is about to be closed: whoever comes after us closes it again."""
        self._bytes[_STDIN_ENDED] = 1
