"""One stream on its way into a recording: redacted, cut at whole characters, with the times at which it came. Pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from whale.model.limits import MAX_REDACTION_UNSETTLED
from whale.recording.event import Code, RecordedEvent
from whale.recording.lines import unfinished
from whale.recording.redact import Span

_MAX_CHARACTER = 4
"""Bytes of a character."""


class Redactor(Protocol):
    """Takes a stream in any pieces. Its spans follow each other; what it holds back comes later."""

    def feed(self, data: bytes) -> Sequence[Span]:
        """Take bytes."""
        ...

    def finish(self) -> Sequence[Span]:
        """Return what is left."""
        ...

    def resize(self, cols: int) -> None:
        """Note the width of the terminal."""
        ...

    @property
    def is_between(self) -> bool:
        """True when it is not in the midst of something that it takes out."""
        ...


class NoRedactor:
    """Records everything as it is."""

    is_between = True

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def feed(self, data: bytes) -> Sequence[Span]:
        """Take bytes."""
        start = self._offset
        self._offset += len(data)
        return [Span(start, self._offset, data)] if data else []

    def finish(self) -> Sequence[Span]:
        """Return what is left."""
        return []

    def resize(self, cols: int) -> None:
        """Nothing depends on it."""


class RecordedStream:
    """`add` what has come, then `drain`; `hold` when all that there is was drained, and `finish` at the end."""

    def __init__(self, code: Code, redactor: Redactor, offset: int) -> None:
        """`offset` is that of the first byte."""
        self.code = code
        self.redactor = redactor
        self.end = offset
        """Offset behind what was added."""
        self.position = offset
        """Whoever goes on from here leaves nothing out, and lets nothing through of a secret that has begun.

        The session's log is kept from here on, and with what never ends it would be full.
        """
        self.is_changed = False
        """True when something was taken out."""
        self._done = offset
        self._added: list[bytes] = []
        self._held = b""
        """What the redactor has not given back yet, as it was; it begins at `_done`."""
        self._marks: deque[tuple[int, int]] = deque()
        """Offsets behind pieces, and when they came."""
        self._begun = b""
        """The beginning of a character."""

    def add(self, data: bytes, at: int) -> None:
        """Take what came at a time, in milliseconds."""
        self.end += len(data)
        self._added.append(data)
        self._marks.append((self.end, at))

    def skip(self, size: int) -> None:
        """Go on behind bytes that are not recorded."""
        self.end += size
        self.position = self._done = self.end

    def drain(self) -> list[RecordedEvent]:
        """Return what is to be recorded by now."""
        if not self._added:
            return []
        data = b"".join(self._added)
        self._added.clear()
        return self._timed(self.redactor.feed(data), data)

    def hold(self, events: list[RecordedEvent]) -> None:
        """Take the beginning of a character off the stream's last events, and keep it. It may come byte by byte."""
        last = [number for number, event in enumerate(events) if event.code is self.code][-_MAX_CHARACTER:]
        rest = unfinished(b"".join(events[number].data for number in last))
        left = len(rest)
        for number in reversed(last if left else []):
            data = events[number].data
            events[number] = events[number]._replace(data=data[: max(0, len(data) - left)])
            left = max(0, left - len(data))
            if not events[number].data:
                del events[number]
        if rest:
            self._begun = rest
        if self.redactor.is_between or self._done - self.position > MAX_REDACTION_UNSETTLED:
            self.position = self._done - len(self._begun)

    def finish(self) -> list[RecordedEvent]:
        """Return what was held back."""
        events = self.drain() + self._timed(self.redactor.finish(), b"")
        if self._begun:
            events.append(RecordedEvent(self._marks[-1][1], self.code, self._begun))
            self._begun = b""
        self.position = self._done
        return events

    def _timed(self, spans: Iterable[Span], data: bytes) -> list[RecordedEvent]:
        events: list[RecordedEvent] = []
        raw, base = self._held + data, self._done
        for span in spans:
            is_plain = span.data == raw[span.start - base : span.end - base]
            self.is_changed = self.is_changed or not is_plain
            events.extend(self._pieces(span) if is_plain else self._whole(span))
            self._done = span.end
        self._held = raw[self._done - base :]
        if self._begun and events:
            events[0] = events[0]._replace(data=self._begun + events[0].data)
            self._begun = b""
        return events

    def _whole(self, span: Span) -> Iterable[RecordedEvent]:
        if span.data:
            yield RecordedEvent(self._mark(span.start)[1], self.code, span.data)

    def _pieces(self, span: Span) -> Iterable[RecordedEvent]:
        """Cut a span where its times change."""
        start = span.start
        while start < span.end:
            end, at = self._mark(start)
            stop = min(span.end, end) if end > start else span.end
            yield RecordedEvent(at, self.code, span.data[start - span.start : stop - span.start])
            start = stop

    def _mark(self, offset: int) -> tuple[int, int]:
        """Find the mark of a byte; those before it are needed no more."""
        while len(self._marks) > 1 and self._marks[0][0] <= offset:
            self._marks.popleft()
        return self._marks[0]
