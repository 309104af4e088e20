"""Events as lines of asciicast v3, and back.

Text is all that the format has. So bytes that are no text stand as they were in a comment behind the line, which
players pass over; whatever else is whale's own stands in such comments too (docs/recording-format.md).
"""

import base64
import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from whale.model.errors import RecordingError
from whale.model.terminal import TerminalSize
from whale.recording.event import BYTES, Code, KeyFrame, RecordedEvent, StreamSum

OWN: Final = b"#whale "
"""How the comments begin that are whale's own."""

MAX_AT: Final = 2**53
"""Milliseconds. Larger numbers are not exact everywhere."""

_SAMPLE: Final = 1024
"""Bytes that are looked at to see what something is."""

_CODES: Final = frozenset(code.value for code in Code)
_SIZE: Final = re.compile(rb"([0-9]{1,5})x([0-9]{1,5})")
_encode = msgspec.json.encode


class Own(msgspec.Struct, frozen=True, omit_defaults=True):
    """A comment of whale's own; one of them is there."""

    raw: str = ""
    """The bytes of the event before, in Base64."""
    key: "Key | None" = None
    sum: "Sum | None" = None


class Key(msgspec.Struct, frozen=True):
    """A key frame."""

    at: int
    cols: int
    rows: int
    paint: str


class Sum(msgspec.Struct, frozen=True):
    """See `StreamSum`."""

    name: str
    start: int
    end: int
    sha256: str


_decode_own = msgspec.json.Decoder(Own).decode
_decode_line = msgspec.json.Decoder(tuple[float, str, str]).decode


class LineEncoder:
    """Makes the lines of one recording, in order. Intervals are exact: each is between whole milliseconds."""

    def __init__(self, *, at: int = 0, is_terminal: bool = True) -> None:
        """What a terminal was sent is shown again as it was, and so always has its text."""
        self.at = at
        """Of the last event, in milliseconds."""
        self.is_terminal = is_terminal

    def encode(self, events: Iterable[RecordedEvent]) -> bytes:
        """Make lines. A character that two events share belongs to the second, and an unfinished last one is bytes."""
        out: list[bytes] = []
        begun: dict[Code, RecordedEvent] = {}
        for event in events:
            if event.code in BYTES:
                self._put_bytes(out, begun, event)
            else:
                self._put_line(out, event.at, event.code, event.data.decode(errors="replace"))
        for code, rest in list(begun.items()):
            self._put_raw(out, rest.at, code, rest.data)
        return b"".join(out)

    def key_frame(self, frame: KeyFrame) -> bytes:
        """Make the line of a key frame."""
        paint = base64.b64encode(frame.paint).decode()
        return _own(Own(key=Key(frame.at, frame.cols, frame.rows, paint)))

    def sums(self, sums: Iterable[StreamSum]) -> bytes:
        """Make the lines that say what went through."""
        return b"".join(_own(Own(sum=Sum(*each))) for each in sums)

    def _put_bytes(self, out: list[bytes], begun: dict[Code, RecordedEvent], event: RecordedEvent) -> None:
        before = begun.pop(event.code, None)
        data = before.data + event.data if before is not None else event.data
        try:
            text = data.decode()
        except UnicodeDecodeError:
            whole = len(data) - len(unfinished(data))
            if whole < len(data):
                begun[event.code] = RecordedEvent(event.at, event.code, data[whole:])
            if whole:
                self._put_raw(out, event.at, event.code, data[:whole])
            return
        if text:
            self._put_line(out, event.at, event.code, text)

    def _put_raw(self, out: list[bytes], at: int, code: Code, data: bytes) -> None:
        text = data.decode(errors="replace") if self.is_terminal or not _is_noise(data) else ""
        self._put_line(out, at, code, text)
        if text.encode() != data:
            out.append(_own(Own(raw=base64.b64encode(data).decode())))

    def _put_line(self, out: list[bytes], at: int, code: Code, text: str) -> None:
        at = max(at, self.at)  # two streams' events may come a moment out of order
        seconds, milliseconds = divmod(at - self.at, 1000)
        self.at = at
        out += (b'[%d.%03d, "%b", ' % (seconds, milliseconds, code.value.encode()), _encode(text), b"]\n")


def _is_noise(data: bytes) -> bool:
    """Tell by its beginning whether something is no text at all: as one it would take three times its size."""
    sample = data[:_SAMPLE]
    return len(sample.decode(errors="ignore").encode()) < len(sample) * 7 // 8


def _own(comment: Own) -> bytes:
    return OWN + _encode(comment) + b"\n"


def unfinished(data: bytes) -> bytes:
    """Return the beginning of a character that the data ends in the midst of."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data[-4:])
    return decoder.getstate()[0]


class LineDecoder:
    """Reads lines, in order, from the beginning or from a key frame."""

    def __init__(self, *, at: int = 0) -> None:
        self.at = at
        """Milliseconds of the last event."""
        self.key: KeyFrame | None = None
        """The last key frame there was."""
        self.sums: list[StreamSum] = []

    def decode(self, lines: Iterable[bytes]) -> Iterator[RecordedEvent]:
        """Yield the events of whole lines. Raises `RecordingError` for what is none."""
        held: RecordedEvent | None = None
        for line in lines:
            if line.startswith(b"#"):
                own = self._own(line)
                if own is not None and own.raw and held is not None:
                    held = held._replace(data=_bytes(own.raw))
                continue
            if held is not None:
                yield held
            held = self._event(line)
        if held is not None:
            yield held

    def _event(self, line: bytes) -> RecordedEvent | None:
        try:
            interval, code, text = _decode_line(line)
            self._move(self.at + round(interval * 1000))
            if code not in _CODES:
                return None
            data = text.encode()
            if code == Code.RESIZE:
                _check_size(*_parsed_size(data))
            return RecordedEvent(self.at, Code(code), data)
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            raise _none(error) from error

    def _own(self, line: bytes) -> Own | None:
        if not line.startswith(OWN):
            return None
        try:
            own = _decode_own(line[len(OWN) :])
        except msgspec.MsgspecError:
            return None  # of a later version
        if own.key is not None:
            self.key = self._key(own.key)
        if own.sum is not None:
            self.sums.append(StreamSum(own.sum.name, own.sum.start, own.sum.end, own.sum.sha256))
        return own

    def _key(self, key: Key) -> KeyFrame:
        try:
            self._move(key.at)
            _check_size(key.cols, key.rows)
        except ValueError as error:
            raise _none() from error
        return KeyFrame(key.at, key.cols, key.rows, _bytes(key.paint))

    def _move(self, at: int) -> None:
        if not self.at <= at <= MAX_AT:
            raise ValueError("it is out of time")
        self.at = at


def _parsed_size(data: bytes) -> tuple[int, int]:
    found = _SIZE.fullmatch(data)
    if found is None:
        raise ValueError("it is no size")
    return int(found[1]), int(found[2])


def _check_size(cols: int, rows: int) -> None:
    if not TerminalSize(cols=cols, rows=rows).is_valid:
        raise ValueError("no terminal is so large")


def _none(detail: object = None) -> RecordingError:
    return RecordingError("a line of the recording is none", code="recording.damaged", detail=str(detail or ""))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _none() from error
