"""The file of a session's recording, as its recorder writes it: in a thread, one call at a time."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from whale.model.exec import Stream
from whale.model.limits import KIB, RECORDING_CHUNK, RECORDING_SYNC
from whale.model.terminal import TerminalSize
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.writer import ClosedChunk, RecordingWriter
from whale.session.frames import Frames
from whale.session.journal import Entry
from whale.session.transcript import Output, Transcript

RECORDING_STRIDE = 512 * KIB
"""Bytes after which it is written how far a command is of which no contents are recorded: a log holds more."""

RECORDING_PAUSE = 30.0
"""Seconds after which it is, when they are fewer."""

_LATEST = 4
"""Chunks' worth of output after which a file is begun although the terminal's picture is not known."""

_ENDED = "ended"
"""In the position: how the session ended is written. A server may be killed before the recording is closed."""

_NAMES = {Stream.STDOUT: "stdout", Stream.STDERR: "stderr"}


class Taken(NamedTuple):
    """What has happened since the last time."""

    entries: list[tuple[int, Entry]]
    outputs: list[Output]
    typed: Mapping[str, int]
    """Where the input is then, for the next server."""
    size: TerminalSize | None
    """Of the terminal, now."""
    now: int
    """Milliseconds since the recording began."""


class RecordingFile:
    """One session's. What could not be written comes first the next time."""

    def __init__(self, writer: RecordingWriter, transcript: Transcript) -> None:
        self.writer = writer
        self._transcript = transcript
        self._frames: Frames | None = None
        """What the terminal shows in the recording, where that is not what it has shown."""
        self._events: list[RecordedEvent] = []
        self._has_ended = False
        """True when the transcript has its end."""
        self._synced = self._wrote = time.monotonic()
        self._is_synced = True
        """Whether all that was written is on the disk."""

    @property
    def done(self) -> dict[Stream, int]:
        """Of each output: everything below it is in the file."""
        return {stream: self.writer.position.get(name, 0) for stream, name in _NAMES.items()}

    @property
    def journal(self) -> int:
        """Likewise of the journal."""
        return self.writer.position.get("journal", 0)

    @property
    def is_waiting(self) -> bool:
        """True when there is something to do although nothing happens."""
        return not self._is_synced or self._transcript.is_waiting

    def write(self, taken: Taken, *, end: RecordedEvent | None = None) -> None:
        """Write what was taken; with `end`, which says how the session ended, all that was held back, too."""
        self._events += self._transcript.take(taken.entries, taken.outputs, taken.now)
        if end is not None and not self._has_ended:
            self._has_ended = True  # also when it has to be written again
            self._events += self._transcript.finish()
            if _ENDED not in self.writer.position:
                self._events.append(end)
        if self._events or end is not None or self._has_moved():
            position = self._transcript.position | dict(taken.typed) | ({_ENDED: 1} if end is not None else {})
            self.writer.write(self._events, position, self._transcript.sums())
            written, self._events, self._wrote, self._is_synced = self._events, [], time.monotonic(), False
            if self._frames is not None:
                self._frames.feed(written)
            elif self._transcript.is_changed and taken.size is not None:
                self._frames = Frames(taken.size, *self.writer.opened())
        if not self._is_synced and time.monotonic() - self._synced >= RECORDING_SYNC:
            self.writer.sync()
            self._is_synced, self._synced = True, time.monotonic()

    @property
    def is_full(self) -> bool:
        """True when it is time for another part."""
        return self.writer.size_in_chunk >= RECORDING_CHUNK

    @property
    def is_overdue(self) -> bool:
        """True when it is, although nobody knows what the terminal shows."""
        return self.writer.size_in_chunk >= _LATEST * RECORDING_CHUNK

    @property
    def has_frames(self) -> bool:
        """True when it knows by itself what the terminal shows."""
        return self._frames is not None

    def begin_chunk(self, frame: KeyFrame | None) -> ClosedChunk:
        """Begin another part, with what the terminal shows: `frame`, unless it knows by itself."""
        return self.writer.begin_chunk(self._frames.take() if self._frames is not None else frame)

    def forget(self, now: int) -> None:
        """Leave out what could not be written, and have it said."""
        self._events = [RecordedEvent(now, Code.MARKER, b"what was here could not be recorded")]

    def finish(self) -> ClosedChunk:
        """Close the recording; nothing follows."""
        return self.writer.finish(self._transcript.sums())

    def close(self) -> None:
        """Let go of the file, as it is. Idempotent."""
        self.writer.close()
        if self._frames is not None:
            self._frames.close()

    def _has_moved(self) -> bool:
        """Tell whether it is time to write how far a command is of which nothing else is recorded."""
        position = self.writer.position
        moved = sum(end - position.get(name, 0) for name, end in self._transcript.position.items())
        return moved > RECORDING_STRIDE or (moved > 0 and time.monotonic() - self._wrote > RECORDING_PAUSE)
