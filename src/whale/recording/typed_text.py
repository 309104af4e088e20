"""What was typed, as lines: with what was taken back taken back. Pure.

A program may do anything with keys, so this is what a line editor would make of them.
"""

import codecs
import re
from typing import Final

from whale.recording.text_screen import MAX_LINE, TextLine

_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[M[\s\S]{3}|\x1b[\[O][0-?]*[ -/]*[@-~]?|\x1b[^\x1b]?"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
_UNFINISHED: Final = re.compile(r"\x1b(?:[\[O][0-?]{0,64}|\[M[\s\S]{0,2})?\Z")
_WORD: Final = re.compile(r"\S*\s*\Z")


class TypedText:
    """The keys of one session. Feed it, and take the lines; `finish` at the end."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = self._held = ""
        self._at = 0

    def feed(self, data: bytes, at: int) -> list[TextLine]:
        """Take what was typed at a moment; return the lines that are whole."""
        text = self._held + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text, max(0, len(text) - 80))
        self._held = text[unfinished.start() :] if unfinished is not None else ""
        lines: list[TextLine] = []
        for found in _TOKEN.finditer(text, 0, len(text) - len(self._held)):
            if (written := found["text"]) is not None:
                self._add(written, at, lines)
            elif (control := found["control"]) is not None:
                self._obey(control, lines)
        return lines

    def finish(self) -> list[TextLine]:
        """Return the last line, without an end."""
        lines: list[TextLine] = []
        self._tell(lines)
        return lines

    def _add(self, text: str, at: int, lines: list[TextLine]) -> None:
        while text:
            room = MAX_LINE - len(self._line)
            self._line, text, self._at = self._line + text[:room], text[room:], at
            if len(self._line) >= MAX_LINE:
                self._tell(lines)

    def _obey(self, control: str, lines: list[TextLine]) -> None:
        if control in "\x7f\b":
            self._line = self._line[:-1]
        elif control == "\x17":
            self._line = _WORD.sub("", self._line, count=1)
        elif control == "\t":
            self._line += " " if self._line else ""
        elif control in "\r\n\x03\x04\x15":
            self._tell(lines)

    def _tell(self, lines: list[TextLine]) -> None:
        if text := self._line.strip():
            lines.append(TextLine(self._at, text))
        self._line = ""
