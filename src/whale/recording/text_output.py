"""Output as lines of text: what of it is text, what moves the cursor, and what is neither. Pure.

Most output is text that scrolls, perhaps in colours. Whole lines of that are taken as they are; the rest goes to a
`TextScreen` character by character.
"""

import codecs
import re
from typing import Final

from whale.recording.text_controls import act, control, escape
from whale.recording.text_screen import AMPLIFIED, EFFORT, TextLine, TextScreen

_COLOUR: Final = re.compile(
    r"\x1b\[(?:[0-9;:]*m|[0-2]?K|\?2004[hl])|\x1b\][0-9]*;[^\x00-\x1f\x7f]{0,4096}(?:\x07|\x1b\\)"
)
"""What changes nothing of whole lines. Where lines only follow each other, an erased end of one has nothing in it."""

_HARD: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?:\x1b\[|\x9b)(?P<private>[<-?]?)(?P<arguments>[0-9;:]{0,64})[<-?]*[ -/]*(?P<final>[@-~]?)"
    r"|(?P<string>\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
    r"|\x1b(?P<between>[ -/]*)(?P<escape>[0-~]?)"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
)
_UNFINISHED: Final = re.compile(r"(?:(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,16}|\x1b[ -/]{0,16})\Z")
_STRING_END: Final = re.compile(r"[\x07\x18\x1a\x9c]|\x1b\\?")
_LONGEST: Final = 256
"""Characters of a sequence; a longer one is taken for complete."""

_MOST_ROOM: Final = 1024 * 1024
_MOST_EFFORT: Final = 64 * 1024


class TextOutput:
    """One output. Feed it, and take the lines; `finish` at the end."""

    def __init__(self, cols: int = 80, rows: int = 24, *, is_terminal: bool = True, is_copy: bool = False) -> None:
        """Without a terminal a line feed begins a line. `is_copy`: see `TextScreen`."""
        self.screen = TextScreen(cols, rows, is_copy=is_copy)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._is_in_string = False
        self._is_terminal = is_terminal

    def feed(self, data: bytes, at: int) -> list[TextLine]:
        """Take output of a moment; return lines that are whole."""
        screen = self.screen
        screen.at = at
        screen.room = min(screen.room + AMPLIFIED * len(data), _MOST_ROOM)
        screen.effort = min(max(0, screen.effort) + EFFORT * len(data), _MOST_EFFORT)
        text = self._held + self._decoder.decode(data)
        self._held = ""
        if not self._is_terminal:
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        start = 0
        while start < len(text):
            if self._is_in_string:
                start = self._skip_string(text, start)
            elif (end := text.rfind("\n") + 1) > start and screen.is_plain:
                start = self._feed_lines(text, start, end)
            else:
                start = self._feed_tokens(text, start, len(text))
        return self._taken()

    def resize(self, cols: int, rows: int) -> list[TextLine]:
        """Change the size of the terminal."""
        self.screen.resize(cols, rows)
        return self._taken()

    def finish(self) -> list[TextLine]:
        """Return what stands there at the end."""
        self.screen.room = _MOST_ROOM
        self.screen.tell_all()
        return self._taken()

    def _taken(self) -> list[TextLine]:
        lines, self.screen.lines = self.screen.lines, []
        return lines

    def _feed_lines(self, text: str, start: int, end: int) -> int:
        """Take whole lines; return where it was stopped by something that goes on over several."""
        screen, block = self.screen, text[start:end]
        plain = _COLOUR.sub("", block) if "\x1b" in block else block
        plain = plain.replace("\r\n", "\n")
        if plain.count("\n") == block.count("\r\n") and _HARD.search(plain) is None:
            screen.write_lines((plain.expandtabs(8) if "\t" in plain else plain)[:-1].split("\n"))
            return end
        while start < end and not self._is_in_string:
            following = text.index("\n", start) + 1
            line = text[start:following]
            shown = _COLOUR.sub("", line) if "\x1b" in line else line
            if screen.is_plain and shown.endswith("\r\n") and _HARD.search(shown, 0, len(shown) - 2) is None:
                screen.write_line(shown[:-2].expandtabs(8) if "\t" in shown else shown[:-2])
                start = following
            else:
                start = self._feed_tokens(text, start, following)
        return start

    def _feed_tokens(self, text: str, start: int, end: int) -> int:
        """Take everything one by one; return where a string for the terminal begins, or the end."""
        if end == len(text) and (unfinished := _UNFINISHED.search(text, max(start, end - _LONGEST))) is not None:
            end = unfinished.start()
            self._held = text[end:]
            if start == end:
                return len(text)
        screen = self.screen
        for found in _TOKEN.finditer(text, start, end):
            kind = found.lastgroup
            if kind == "text":
                screen.write(found.group())
            elif kind == "control":
                control(screen, found.group())
            elif kind == "string":
                self._is_in_string = True
                return found.end()
            elif kind == "final":
                act(screen, found["private"], found["arguments"], found["final"])
            else:
                escape(screen, found["between"], found["escape"])
        return len(text) if self._held else end

    def _skip_string(self, text: str, start: int) -> int:
        found = _STRING_END.search(text, start)
        if found is None:
            return len(text)
        self._is_in_string = False
        if found.group() == "\x1b" and found.end() == len(text):
            self._held = "\x1b"
            return len(text)
        return found.end() if found.group() != "\x1b" else found.start()
