"""Notes on a running exec, in memory that the next server reads when this one was killed.

They are valid between any two instructions: what changes together is written beside what counts, and then one byte
decides which of the two counts. The machine may not die, only the process: what it wrote is in the memory.

Output has two slots, each with the totals and the state of everything that the bytes pass through. One byte says
which slot counts, and whether the bytes it covers have been taken from the kernel. Input has a count per source, and
beside it what the count was before the piece that is being written.
"""

import struct
from typing import NamedTuple

from whale.engine.demux import HEADER_SIZE, DemuxState
from whale.engine.docker.guard import MAX_HELD, MAX_TRAILER
from whale.engine.seam import NOTES_SIZE, SOURCES
from whale.model.errors import EngineError
from whale.model.exec import Stream
from whale.model.limits import KIB

_MAGIC = b"whale 1\0"
_CURRENT, _INTENT, _ENDING = 8, 9, 10
_PIECE = struct.Struct("=BQ")
"""Source of the piece being written, and that source's count before it."""
_PIECE_AT = 16
_COUNTS_AT = 32
_SLOT = struct.Struct("=QQIBBB7sBBHH")
_TOTALS = struct.Struct("=QQ")
"""How each slot begins."""
_SLOTS_AT = (192, 256)
_TEXTS_AT = (4 * KIB, 14 * KIB)
"""What is held back. Nearly always nothing, so that these pages do not exist."""

_SLOT_BIT, _TAKEN_BIT = 1, 2

AT_START = DemuxState()


class OutputState(NamedTuple):
    """Everything between the engine's bytes and their owner, as it is after a number of bytes."""

    stdout: int = 0
    """Bytes handed over."""
    stderr: int = 0
    demux: DemuxState = AT_START
    words: int = 0
    """Which words are looked for at the beginning; see `outflow.py`."""
    awaits_echo: bool = False
    held: bytes = b""
    trailer: bytes = b""


class Ending:
    """How far the end of the input has come."""

    OPEN, WANTED, DONE = range(3)


_NOWHERE = memoryview(bytearray(NOTES_SIZE))
"""Where notes go that nobody will read: all of them, because nobody does."""


class Notes:
    """One exec's notes. Must be closed before the memory can be."""

    __slots__ = ("_bytes", "_counts", "_delivered", "_is_plain", "_slot")

    def __init__(self, memory: memoryview | None = None) -> None:
        """Begin new notes; without memory they are for nobody."""
        self._delivered = [0] * SOURCES
        self._slot = 0
        self._is_plain = [False, False]
        """Of each slot, whether it holds nothing but totals."""
        self._use(memory if memory is not None else _NOWHERE)
        if memory is not None:
            self._bytes[: _SLOTS_AT[-1] + _SLOT.size] = bytes(_SLOTS_AT[-1] + _SLOT.size)
            self.commit(is_taken=True)
            self._bytes[: len(_MAGIC)] = _MAGIC

    def _use(self, memory: memoryview) -> None:
        if memory.nbytes < NOTES_SIZE:
            raise EngineError("the notes on an exec have no room", detail=f"{memory.nbytes} of {NOTES_SIZE} bytes")
        self._bytes = memory.cast("B")[:NOTES_SIZE]
        self._counts = self._bytes[_COUNTS_AT : _COUNTS_AT + 8 * SOURCES].cast("Q")

    @classmethod
    def read(cls, memory: memoryview) -> "Notes":
        """Take up the notes of another process. Raises `EngineError` when they are none."""
        made = cls()
        made._use(memory)
        flags = made._bytes[_CURRENT]
        if made._bytes[: len(_MAGIC)] != _MAGIC or flags > 3 or made._bytes[_ENDING] > Ending.DONE:
            made.close()
            raise nonsense("not notes of this version")
        made._slot = flags & _SLOT_BIT
        made._delivered = list(made._counts)
        return made

    def close(self) -> None:
        """Let go of the memory; what is noted from now on goes nowhere. Idempotent."""
        counts, memory = self._counts, self._bytes
        self._use(_NOWHERE)
        counts.release()
        memory.release()

    # --- output

    def commit(
        self,
        *,
        stdout: int = 0,
        stderr: int = 0,
        demux: DemuxState = AT_START,
        words: int = 0,
        awaits_echo: bool = False,
        held: bytes = b"",
        trailer: bytes = b"",
        is_taken: bool,
    ) -> None:
        """Let this state count. With `is_taken` False its bytes are still in the kernel: `taken` must follow.

        The fields are those of `OutputState`, of which one is not made for every read.
        """
        slot = 1 - self._slot
        _SLOT.pack_into(
            self._bytes, _SLOTS_AT[slot],
            stdout, stderr,
            demux.left, demux.stream, demux.is_broken, len(demux.header), demux.header,
            words, awaits_echo, len(held), len(trailer),
        )  # fmt: skip
        if held or trailer:
            at = _TEXTS_AT[slot]
            self._bytes[at : at + len(held) + len(trailer)] = held + trailer
        self._is_plain[slot] = demux is AT_START and not (words or awaits_echo or held or trailer)
        self._bytes[_CURRENT] = slot | _TAKEN_BIT if is_taken else slot
        self._slot = slot

    def commit_plain(self, *, stdout: int, stderr: int) -> None:
        """Let a state count that is nothing but totals, with its bytes still in the kernel: `taken` must follow."""
        slot = 1 - self._slot
        if not self._is_plain[slot]:
            self.commit(stdout=stdout, stderr=stderr, is_taken=False)
            return
        _TOTALS.pack_into(self._bytes, _SLOTS_AT[slot], stdout, stderr)
        self._bytes[_CURRENT] = self._slot = slot

    def taken(self) -> None:
        """Note that what was committed has been taken from the kernel."""
        self._bytes[_CURRENT] = self._slot | _TAKEN_BIT

    @property
    def is_taken(self) -> bool:
        """True when nothing that was handed over is still in the kernel, as far as was noted."""
        return bool(self._bytes[_CURRENT] & _TAKEN_BIT)

    def output(self) -> OutputState:
        """The state that counts. Raises `EngineError` when it can't be one."""
        out, err, left, stream, broken, header_size, header, words, echo, held_size, trailer_size = _SLOT.unpack_from(
            self._bytes, _SLOTS_AT[self._slot]
        )
        if header_size >= HEADER_SIZE or held_size > MAX_HELD or trailer_size > MAX_TRAILER:
            raise nonsense("sizes beyond all bounds")
        if stream not in (Stream.STDOUT, Stream.STDERR):
            raise nonsense(f"a stream {stream}")
        texts = bytes(self._bytes[_TEXTS_AT[self._slot] :][: held_size + trailer_size])
        demux = DemuxState(header[:header_size], left, Stream(stream), bool(broken))
        return OutputState(out, err, demux, words, bool(echo), texts[:held_size], texts[held_size:])

    # --- input

    def intend(self, source: int) -> None:
        """Note that a piece of this source's is about to be written into the empty pipe."""
        _PIECE.pack_into(self._bytes, _PIECE_AT, source, self._delivered[source])
        self._bytes[_INTENT] = 1

    def written(self, source: int, size: int) -> None:
        """Note that so much of it was written, which may be nothing."""
        self._delivered[source] += size
        self._counts[source] = self._delivered[source]
        self._bytes[_INTENT] = 0

    def settle_input(self, in_pipe: int) -> None:
        """Find out whether the piece that a killed process was about to write was written, from what is in the pipe."""
        if self._bytes[_INTENT]:
            source, before = _PIECE.unpack_from(self._bytes, _PIECE_AT)
            if source >= SOURCES:
                raise nonsense(f"a source {source}")
            # Doing this twice is harmless: the next process may be killed here as well.
            self._delivered[source] = before
            self.written(source, in_pipe)

    def dropped(self, source: int, size: int) -> None:
        """Count input that nobody will ever read."""
        self._delivered[source] += size
        self._counts[source] = self._delivered[source]

    def delivered(self, source: int) -> int:
        """How many bytes of that source are out of this process's hands."""
        return self._delivered[source]

    @property
    def ending(self) -> int:
        """How far the end of the input has come; see `Ending`."""
        return self._bytes[_ENDING]

    def note_ending(self, ending: int) -> None:
        """Note how far the end of the input has come."""
        self._bytes[_ENDING] = ending


def nonsense(detail: str) -> EngineError:
    """Make the error for what can't be adopted."""
    return EngineError("what was kept of a running command makes no sense", detail=detail)
