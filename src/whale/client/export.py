"""Recordings in the forms that other programs read. Pure: lines in, bytes out."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from whale.client.cast import ERROR_OUTPUT, EXIT, OUTPUT, SHOWN, CastEvent, CastReader

_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x07\x0b-\x0c\x0e-\x1f\x7f-\x9f]"
)
_UNFINISHED: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
MAX_UNFINISHED: Final = 64 * 1024


def as_asciicast_v3(lines: Iterable[bytes]) -> Iterator[bytes]:
    """As it is, comments of whale's own included, which players pass over."""
    for line in lines:
        if line != b"#":
            yield line + b"\n"


def as_asciicast_v2(lines: Iterable[bytes]) -> Iterator[bytes]:
    """For older players: times from the beginning on, and no exit."""
    reader, is_begun = CastReader(), False
    for event in _events(reader, lines):
        if not is_begun:
            is_begun = True
            yield _v2_header(reader)
        code = OUTPUT if event.code == ERROR_OUTPUT else event.code
        if code != EXIT:
            yield _line([event.at / 1000, code, event.data.decode(errors="replace")])
    if not is_begun and reader.header is not None:
        yield _v2_header(reader)


def as_raw(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of the output as they were."""
    for event in _events(CastReader(), lines):
        if event.code in SHOWN:
            yield event.data


def as_text(lines: Iterable[bytes]) -> Iterator[bytes]:
    """What was written, without control sequences. Programs that fill the screen leave pieces of it."""
    import codecs

    decoder, held, row = codecs.getincrementaldecoder("utf-8")("replace"), "", _Row()
    for data in as_raw(lines):
        text = held + decoder.decode(data)
        cut = _UNFINISHED.search(text)
        held = text[cut.start() :] if cut and len(text) - cut.start() <= MAX_UNFINISHED else ""
        shown = row.feed(_SEQUENCE.sub("", text[: len(text) - len(held)]))
        if shown:
            yield shown.encode()
    if rest := row.finish():
        yield rest.encode()


FORMS: Final[dict[str, Callable[[Iterable[bytes]], Iterator[bytes]]]] = {
    "asciicast-v3": as_asciicast_v3,
    "asciicast-v2": as_asciicast_v2,
    "text": as_text,
    "raw": as_raw,
}


class _Row:
    """One row of text: a carriage return and backspaces go back in it, and what follows takes the place of what was."""

    def __init__(self) -> None:
        self._cells: list[str] = []
        self._at = 0

    def feed(self, text: str) -> str:
        """Take text; return the rows that are whole."""
        done: list[str] = []
        for part in re.split(r"([\n\r\b])", text):
            if part == "\n":
                done.append("".join(self._cells).rstrip() + "\n")
                self._cells, self._at = [], 0
            elif part == "\r":
                self._at = 0
            elif part == "\b":
                self._at = max(0, self._at - 1)
            elif part:
                self._cells[self._at : self._at + len(part)] = part
                self._at += len(part)
        return "".join(done)

    def finish(self) -> str:
        """Return the last one."""
        row = "".join(self._cells).rstrip()
        return row + "\n" if row else ""


def _events(reader: CastReader, lines: Iterable[bytes]) -> Iterator[CastEvent]:
    for line in lines:
        yield from reader.feed(line)
    yield from reader.finish()


def _v2_header(reader: CastReader) -> bytes:
    header, (cols, rows) = reader.header or {}, reader.size
    made: dict[str, object] = {"version": 2, "width": cols, "height": rows}
    made |= {name: header[name] for name in ("timestamp", "title", "command") if name in header}
    term = header.get("term")
    if isinstance(term, dict) and term.get("type"):
        made["env"] = {"TERM": term["type"]}
    return _line(made)


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
