"""Takes secrets out of output before it is recorded: streaming, through colours, across any cut.

What a rule finds becomes `[redacted: RULE]` in its place; the control sequences within stay. Lines in which nothing
looks like a secret, and nothing is hidden between control sequences, are only looked at once, as they are.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from whale.model.limits import KIB, MAX_REDACTION_HELD
from whale.recording.line_scanner import LineScanner
from whale.recording.plain import Plain
from whale.recording.rules import Rules, Shapes, shapes_of
from whale.recording.scanner import Range, Scanner
from whale.recording.visible import Text, Visible

_BLOCK: Final = 64 * KIB
_LEAST_PLAIN: Final = 256
"""Bytes for which looking at them as they are is worth it."""


class Span(NamedTuple):
    """A piece of the stream, by its offsets, and what is recorded instead of it."""

    start: int
    end: int
    data: bytes


class _Gone(NamedTuple):
    """What is taken out of the stream. A rule is given for the first piece of what it found."""

    start: int
    end: int
    rule: str


class Redactor:
    """One stream: the output of a session, or its input. One thread at a time.

    Pieces go in with `feed`, and come back in spans that together are the stream, without what may yet become a secret:
    that comes with a later piece, or with `finish` at the end of the session.
    """

    def __init__(self, rules: Rules, *, offset: int = 0, secrets: Sequence[bytes] = (), cols: int = 0) -> None:
        """`offset` is that of the first byte; `secrets` must not be recorded anywhere; `cols`: see `resize`."""
        self._visible = Visible(cols)
        self._sets: list[Shapes] = [rules.shapes, *([shapes_of(secrets)] if secrets else [])]
        signs = [each.signs.first() for each in self._sets]
        self._plain = Plain([*signs, *([rules.expressions.first()] if rules.names else [])])
        self._scanners: list[tuple[Text, Scanner | LineScanner]] = []
        for text in (self._visible.text, self._visible.payload):
            self._scanners += [(text, Scanner(text, each)) for each in self._sets]
            if rules.names:
                self._scanners.append((text, LineScanner(text, rules.expressions, rules.names)))
        self._buffer = b""
        self._base = offset
        """Offset of the buffer's first byte."""
        self._taken = offset
        """Offset up to which output was taken apart."""
        self._done = offset
        """Offset up to which spans were returned."""
        self._gone: list[_Gone] = []

    @property
    def held(self) -> int:
        """Bytes that were fed and have not come back yet."""
        return self._base + len(self._buffer) - self._done

    @property
    def is_between(self) -> bool:
        """True when it is in the midst of nothing that is taken out: another one may go on behind the last span."""
        # What a line scanner has not decided does not come back; what it has found beyond that is in `_gone`.
        return not self._gone and all(each.is_between for _, each in self._scanners if isinstance(each, Scanner))

    def resize(self, cols: int) -> None:
        """Tell the width of the terminal, in columns: only a line as wide as that goes on in the next one."""
        self._visible.cols = cols

    def feed(self, data: bytes) -> list[Span]:
        """Take the next piece; return spans, in order and without a gap, from where the last ones ended."""
        self._buffer = self._buffer[self._done - self._base :] + data
        self._base = self._done
        end = self._base + len(self._buffer)
        spans: list[Span] = []
        while self._taken < end:
            plain, dubious = self._plain_end() if self._visible.is_at_line_start else (0, 0)
            if plain > self._taken:
                self._pass(plain, spans)
            elif not self._look_on(max(dubious, self._taken), end, spans):
                break
        if self._taken - self._done > MAX_REDACTION_HELD:
            self._give_up(spans)
        return spans

    def finish(self) -> list[Span]:
        """Return what was held back. The caller does it once, at the end."""
        spans = self.feed(b"")
        self._look(self._base + len(self._buffer), spans, is_last=True)
        return spans

    def _plain_end(self) -> tuple[int, int]:
        """Return up to where there are whole lines with nothing in them, and where what has to be looked at ends.

        The last line of a block is left for the next one, because it may go on there.
        """
        first = self._done - self._base
        block = self._buffer[first : first + _BLOCK]
        if self._is_following() or len(block) < _LEAST_PLAIN:
            return 0, 0
        has_controls = self._plain.has_controls(block)
        last, before = self._plain.lines(block, has_controls=has_controls)
        if before < max(_LEAST_PLAIN, self._taken - self._done):
            return 0, 0
        sign = self._plain.sign(block[:last], has_controls=has_controls)
        if sign is None:
            return self._done + before, 0
        _, before = self._plain.lines(block[: sign[0]], has_controls=has_controls)
        return self._done + before, self._done + sign[1]

    def _line_end(self, place: int) -> int:
        """Return where the line ends that a place is in."""
        first = place - self._base
        end = self._buffer.find(b"\n", first, first + _BLOCK)
        return self._base + (end + 1 if end >= 0 else first + _BLOCK)

    def _look_on(self, place: int, end: int, spans: list[Span]) -> bool:
        """Look at the line that a place is in. False when nothing could be done without more than there is.

        A line that ends within a control sequence is not decided without the next one: there may be one byte more, or
        megabytes.
        """
        while not self._look(stop := min(end, self._line_end(place)), spans):
            if stop == end:
                return False
            place = stop
        return True

    def _is_following(self) -> bool:
        return any(not scanner.is_between for _, scanner in self._scanners)

    def _pass(self, end: int, spans: list[Span]) -> None:
        """Let lines through as they are."""
        self._taken = end
        self._visible.skip_lines()
        for _, scanner in self._scanners:
            scanner.skip()
        self._release(end, spans)

    def _look(self, end: int, spans: list[Span], *, is_last: bool = False) -> bool:
        """Take output apart, and return what is decided. False when nothing could be done without more."""
        before = self._taken
        data = self._buffer[before - self._base : end - self._base]
        self._taken += self._visible.feed(data, before, is_last=is_last)
        limit = self._taken
        for text, scanner in self._scanners:
            scanner.scan(is_last=is_last)
            self._take_out(text, scanner.found)
            if scanner.at < text.end:
                limit = min(limit, text.place(scanner.at))
        for text in (self._visible.text, self._visible.payload):
            text.forget(min(scanner.at for of, scanner in self._scanners if of is text))
        self._release(limit, spans)
        return self._taken > before

    def _take_out(self, text: Text, found: list[Range]) -> None:
        for start, end, rule in found:
            places = text.places(start, end)
            self._gone += [_Gone(*place, rule if number == 0 else "") for number, place in enumerate(places)]
        found.clear()

    def _give_up(self, spans: list[Span]) -> None:
        """Redact what has waited for too long; the scanners go on with it."""
        for text, scanner in self._scanners:
            if scanner.at < text.end:
                self._take_out(text, scanner.give_up())
        self._release(self._taken, spans)

    def _release(self, limit: int, spans: list[Span]) -> None:
        """Return everything before a place."""
        kept: list[_Gone] = []
        # Not by their ends, which depend on the cuts of the stream.
        for gone in sorted(self._gone, key=lambda gone: (gone.start, gone.rule)):
            start, end = max(gone.start, self._done), min(gone.end, limit)
            if start >= limit:
                kept.append(gone)
                continue
            if gone.end > limit:
                kept.append(_Gone(limit, gone.end, ""))
            if end > start:
                self._return(start, spans)
                shown = gone.rule if gone.start == start else ""
                spans.append(Span(start, end, mark(shown) if shown else b""))
                self._done = end
        self._gone = kept
        self._return(limit, spans)

    def _return(self, end: int, spans: list[Span]) -> None:
        """Return what is before a place as it is."""
        if end > self._done:
            spans.append(Span(self._done, end, self._buffer[self._done - self._base : end - self._base]))
            self._done = end


def mark(rule: str) -> bytes:
    """Return what stands in a recording for what a rule has found."""
    return b"[redacted: %s]" % rule.encode()
