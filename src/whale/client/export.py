"""Recordings in the forms that other programs read. Pure: lines in, bytes out."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from whale.client.cast import ERROR_OUTPUT, EXIT, OUTPUT, SHOWN, CastEvent, CastReader
from whale.client.find import text_of
from whale.recording.text import LineKind


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
    """What was shown, as people read it: without control sequences, and each line as it was when it was left."""
    for line in text_of(lines, is_copy=True):
        if line.kind is LineKind.SCREEN:
            yield line.text.encode("utf-8", "replace") + b"\n"


FORMS: Final[dict[str, Callable[[Iterable[bytes]], Iterator[bytes]]]] = {
    "asciicast-v3": as_asciicast_v3,
    "asciicast-v2": as_asciicast_v2,
    "text": as_text,
    "raw": as_raw,
}


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
