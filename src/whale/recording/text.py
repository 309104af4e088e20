"""A recording as lines of text: what was on the screen and what was typed, with the time when it stood there. Pure.

It takes the standard library alone, so that clients have the very same text.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from whale.recording.text_output import TextOutput
from whale.recording.text_screen import TextLine
from whale.recording.typed_text import TypedText

OUTPUT, ERROR_OUTPUT, INPUT, RESIZE = "oeir"
"""The codes of asciicast that bring text, or change how it lies."""

_NO_TEXT: Final = 4
"""A line is none of which one character in so many stands for bytes that are no text."""


class LineKind(StrEnum):
    """Where a line was."""

    SCREEN = "screen"
    TYPED = "typed"


class SpokenLine(NamedTuple):
    """A line, and where and when it was."""

    at: int
    """Milliseconds since the recording began."""
    kind: LineKind
    text: str


class RecordingText:
    """One recording, from its beginning or from a picture. Feed it the events, and take the lines."""

    def __init__(self, *, cols: int = 80, rows: int = 24, is_terminal: bool = True, is_copy: bool = False) -> None:
        """`is_copy`: all that was shown, as it lay there, and not only what somebody may search for."""
        self._is_terminal = is_terminal
        self._is_copy = is_copy
        self._output = TextOutput(cols, rows, is_terminal=is_terminal, is_copy=is_copy)
        self._errors = TextOutput(cols, rows, is_terminal=False, is_copy=is_copy)
        self._typed = TypedText()

    def begin(self, paint: bytes, at: int, *, cols: int, rows: int) -> None:
        """Begin with what the terminal shows: it is known, and not told, but for what becomes of it."""
        self._output.resize(cols, rows)
        self._output.feed(paint, at)
        self._output.screen.forget()

    def feed(self, at: int, code: str, data: bytes) -> list[SpokenLine]:
        """Take what happened; return the lines that are whole."""
        if code == OUTPUT:
            return self._spoken(self._output.feed(data, at), LineKind.SCREEN)
        if code == INPUT:
            typed = self._typed.feed(data, at) if self._is_terminal else []
            return self._spoken(typed, LineKind.TYPED)
        if code == ERROR_OUTPUT:
            return self._spoken(self._errors.feed(data, at), LineKind.SCREEN)
        if code == RESIZE and self._is_terminal:
            cols, _, rows = data.partition(b"x")
            if cols.isdigit() and rows.isdigit():
                return self._spoken(self._output.resize(int(cols[:6]), int(rows[:6])), LineKind.SCREEN)
        return []

    def finish(self) -> list[SpokenLine]:
        """Return what stands there at the end."""
        shown = self._spoken([*self._output.finish(), *self._errors.finish()], LineKind.SCREEN)
        return shown + self._spoken(self._typed.finish(), LineKind.TYPED)

    def _spoken(self, lines: list[TextLine], kind: LineKind) -> list[SpokenLine]:
        return [SpokenLine(at, kind, text) for at, text in lines if self._is_copy or _is_text(text)]


def spoken_lines(text: RecordingText, events: Iterable[tuple[int, str, bytes]]) -> Iterator[SpokenLine]:
    """Yield all lines of a recording, or of what follows a picture."""
    for at, code, data in events:
        yield from text.feed(at, code, data)
    yield from text.finish()


def _is_text(text: str) -> bool:
    return "\ufffd" not in text or text.count("\ufffd") * _NO_TEXT < len(text)
