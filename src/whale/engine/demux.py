"""Takes apart Docker's multiplexed stream: an 8-byte header (stream, three zeros, big-endian length), then bytes.

Pure and incremental: it never waits, never reads a clock and never holds more than an unfinished header. A
frame's bytes are handed on as they arrive, so a header that promises 4 GiB costs nothing.
"""

from typing import NamedTuple

from whale.model.errors import EngineError
from whale.model.exec import Stream

HEADER_SIZE = 8

_PAYLOAD_STREAMS = (Stream.STDIN, Stream.STDOUT, Stream.STDERR)
"""Docker sends 0 for what it calls stdin, which on output means standard output; some engines really do."""


class DemuxState(NamedTuple):
    """Where in the stream a demultiplexer is: all that another one needs to go on."""

    header: bytes = b""
    """The part of a header that has arrived so far: at most seven bytes."""
    left: int = 0
    """Bytes of the current frame that have not arrived yet."""
    stream: Stream = Stream.STDOUT
    is_broken: bool = False


class Demultiplexer:
    """One exec's or log's stream. Feed it all bytes in order, and look at `error` after each."""

    __slots__ = ("_header", "_left", "_stream", "error")

    def __init__(self, state: DemuxState = DemuxState()) -> None:  # noqa: B008 - a value that can't change
        self.error: EngineError | None = _broken("found by an earlier process") if state.is_broken else None
        """Set by a header that Docker's format does not allow. Nothing comes out any more then."""
        self._header, self._left, self._stream = state.header, state.left, state.stream

    @property
    def state(self) -> DemuxState:
        """Where it is."""
        return DemuxState(self._header, self._left, self._stream, self.error is not None)

    @property
    def is_between_frames(self) -> bool:
        """True when the stream may end here; False means that the engine was cut off in a frame."""
        return not self._header and not self._left and self.error is None

    def feed(self, data: bytes | bytearray | memoryview) -> list[tuple[Stream, bytes]]:
        """Take the next bytes and return what they hold, neighbours of one stream merged.

        The result owns its bytes: the caller may use the buffer behind `data` again. Never raises: see `error`.
        """
        view = memoryview(data)
        end = len(view)
        at = 0
        ready: list[tuple[Stream, bytes]] = []
        run: list[memoryview] = []
        run_stream = self._stream
        while at < end and self.error is None:
            if not self._left:
                at = self._read_header(view, at)
                continue
            if self._stream is not run_stream:
                _flush(ready, run_stream, run)
                run, run_stream = [], self._stream
            size = min(self._left, end - at)
            run.append(view[at : at + size])
            at += size
            self._left -= size
        _flush(ready, run_stream, run)
        return ready

    def _read_header(self, view: memoryview, at: int) -> int:
        """Read a header, or as much of it as is there; return the position after it."""
        if not self._header and len(view) - at >= HEADER_SIZE:
            self._open_frame(view[at : at + HEADER_SIZE])
            return at + HEADER_SIZE
        size = min(HEADER_SIZE - len(self._header), len(view) - at)
        self._header += bytes(view[at : at + size])
        if len(self._header) == HEADER_SIZE:
            header, self._header = self._header, b""
            self._open_frame(header)
        return at + size

    def _open_frame(self, header: bytes | memoryview) -> None:
        number = header[0]
        if number >= len(_PAYLOAD_STREAMS) or header[1] or header[2] or header[3]:
            self.error = _broken(f"frame header {bytes(header).hex()}")
            return
        stream = _PAYLOAD_STREAMS[number]
        self._stream = Stream.STDOUT if stream is Stream.STDIN else stream
        self._left = int.from_bytes(header[4:8], "big")


def _broken(detail: str) -> EngineError:
    return EngineError(
        "the engine sent a broken stream",
        hint="Check that the engine speaks the Docker API and that no proxy changes its streams.",
        detail=detail,
    )


def _flush(ready: list[tuple[Stream, bytes]], stream: Stream, run: list[memoryview]) -> None:
    if len(run) == 1:
        ready.append((stream, bytes(run[0])))
    elif run:
        ready.append((stream, b"".join(run)))
