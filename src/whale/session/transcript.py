"""From a session's bytes to the events of its recording: put in order, given their times, redacted. Pure.

Whatever may yet become something that is not to be recorded is held back, and so is the beginning of a character. The
position says how far everything is that was handed out: whoever goes on from there hands out each byte once.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from whale.model.recording import RecordMode
from whale.recording.echo import EchoFilter, Kept
from whale.recording.event import Code, RecordedEvent, StreamSum
from whale.session.journal import Entry, Kind
from whale.session.recorded_stream import NoRedactor, RecordedStream, Redactor

_CODES = (Code.OUTPUT, Code.ERROR_OUTPUT)
_NAMES = ("stdout", "stderr")


class Output(NamedTuple):
    """What has come of an output stream since the last time."""

    start: int
    data: bytes


class Transcript:
    """One session's. `take` is called with what is new, and `finish` at the end."""

    def __init__(
        self,
        *,
        is_terminal: bool,
        mode: RecordMode,
        make_redactor: Callable[[int], Redactor],
        position: Mapping[str, int],
        before: Sequence[StreamSum] = (),
        echo: EchoFilter | None = None,
    ) -> None:
        """`make_redactor` makes one for a stream from an offset on.

        `position` is where an earlier server was, and `before` what had gone through by then.
        """
        self._has_contents = is_terminal or mode is RecordMode.ALL
        # Without a filter nobody knows what was echoed, and so nothing is.
        self._has_input = self._has_contents and (mode is RecordMode.ALL or echo is not None)
        self._is_terminal = is_terminal
        # One has 25 KiB, and most sessions need only that of the terminal's output.
        is_needed = {Code.OUTPUT: True, Code.ERROR_OUTPUT: not is_terminal, Code.INPUT: self._has_input}
        makers = {
            code: make_redactor if self._has_contents and needed else NoRedactor for code, needed in is_needed.items()
        }
        self._streams = [
            RecordedStream(code, makers[code](position.get(name, 0)), position.get(name, 0))
            for code, name in zip(_CODES, _NAMES, strict=True)
        ]
        self._input = RecordedStream(Code.INPUT, makers[Code.INPUT](0), 0)
        self._echo = echo
        self._journal = position.get("journal", 0)
        self.is_changed = bool(position.get("changed"))
        """True when something was recorded otherwise than it was."""
        self._sums = {} if is_terminal else {name: _Sum(name, position.get(name, 0)) for name in (*_NAMES, "stdin")}
        self._before = [each for each in before if each.end > each.start]

    @property
    def position(self) -> dict[str, int]:
        """How far everything is that was handed out."""
        done = {name: stream.position for name, stream in zip(_NAMES, self._streams, strict=True)}
        if self._sums:
            done["stdin"] = self._sums["stdin"].end
        if self.is_changed:
            done["changed"] = 1
        return {**done, "journal": self._journal}

    def skip_input(self, offset: int) -> None:
        """Note how much a command without a terminal has had: what there is no sum of yet, nobody can sum up."""
        if self._sums:
            self._sums["stdin"].skip(offset)

    def take(self, entries: Sequence[tuple[int, Entry]], outputs: Sequence[Output], now: int) -> list[RecordedEvent]:
        """Take the journal's entries, and the output up to now; return what is to be recorded."""
        events: list[RecordedEvent] = []
        for behind, entry in entries:
            if entry.kind in (Kind.OUTPUT, Kind.ERROR_OUTPUT):
                events += self._output(entry.kind, outputs[entry.kind], entry.offset, entry.at)
            else:
                events += self._drained() + self._other(entry)
            self._journal = max(self._journal, behind)
        for number, output in enumerate(outputs):  # what has no entry came where there was no room for one
            events += self._output(number, output, output.start + len(output.data), now)
        events += self._drained()
        if self._echo is not None:
            events += self._typed(self._echo.flush(now))
        for stream in (*self._streams, self._input):
            stream.hold(events)
        self.is_changed = self.is_changed or any(stream.is_changed for stream in self._streams)
        return events

    @property
    def is_waiting(self) -> bool:
        """True when time alone will decide about something that was typed: call `take` again, with nothing new."""
        return self._echo is not None and self._echo.pending > 0

    def finish(self) -> list[RecordedEvent]:
        """Return what was held back: nothing comes any more."""
        events = self._typed(self._echo.finish()) if self._echo is not None else []
        for stream in (*self._streams, self._input):
            events += stream.finish()
        return events

    def sums(self) -> list[StreamSum]:
        """What went through a command without a terminal so far."""
        return [*self._before, *(each.sum() for each in self._sums.values())]

    def _output(self, number: int, output: Output, end: int, at: int) -> list[RecordedEvent]:
        stream = self._streams[number]
        end = min(end, output.start + len(output.data))
        if end <= stream.end:
            return []
        data = output.data[stream.end - output.start : end - output.start]
        if self._sums:
            self._sums[_NAMES[number]].add(data)
        if not self._has_contents:
            stream.skip(len(data))
            return []
        stream.add(data, at)
        return self._typed(self._echo.output(at, data)) if self._echo is not None and number == 0 else []

    def _drained(self) -> list[RecordedEvent]:
        """Redact what has come of output, in pieces as large as there are: small ones cost many times as much."""
        return [event for stream in self._streams for event in stream.drain()]

    def _other(self, entry: Entry) -> list[RecordedEvent]:
        if entry.kind is Kind.RESIZE:
            for stream in self._streams:
                stream.redactor.resize(int(entry.data.partition(b"x")[0]))
            return [RecordedEvent(entry.at, Code.RESIZE, entry.data)]
        if entry.kind is Kind.MARKER:
            return [RecordedEvent(entry.at, Code.MARKER, entry.data)]
        if self._sums:
            self._sums["stdin"].add(entry.data)
        if not self._has_input:
            return []
        if self._echo is not None:
            return self._typed(self._echo.typed(entry.at, entry.data))
        self._input.add(entry.data, entry.at)
        return self._input.drain()

    def _typed(self, kept: Iterable[Kept]) -> list[RecordedEvent]:
        events: list[RecordedEvent] = []
        for at, data, withheld in kept:
            self._input.add(data or not_echoed(withheld), at)
            events += self._input.drain()
        return events


def not_echoed(count: int) -> bytes:
    """Return what stands in a recording for so many characters that were typed and not shown."""
    return b"[not echoed: %d]" % count


class _Sum:
    def __init__(self, name: str, start: int) -> None:
        self._name, self._start, self.end = name, start, start
        self._hash = hashlib.sha256()

    def skip(self, offset: int) -> None:
        if offset > self.end:
            self._start = self.end = offset

    def add(self, data: bytes) -> None:
        self._hash.update(data)
        self.end += len(data)

    def sum(self) -> StreamSum:
        return StreamSum(self._name, self._start, self.end, self._hash.hexdigest())
