"""Lines are events, exactly as they were recorded, and nonsense is an error and nothing else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recording_events import header, output, some_events
from whale.client import cast
from whale.client.cast import CastEvent, CastReader
from whale.model.errors import ProtocolError
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.header import encode_header
from whale.recording.lines import LineEncoder

HEADER = encode_header(header()).rstrip(b"\n")


def read(data: bytes) -> list[CastEvent]:
    reader = CastReader()
    reader.feed(HEADER)
    return [event for line in data.splitlines() for event in reader.feed(line)] + reader.finish()


def test_codes_are_those_of_recordings() -> None:
    assert {cast.OUTPUT, cast.ERROR_OUTPUT, cast.INPUT, cast.RESIZE, cast.MARKER, cast.EXIT} == set(Code)


@given(st.integers(0, 1000))
def test_what_was_written_is_read(seed: int) -> None:
    events = some_events(seed)
    lines = LineEncoder().encode(events)
    found = read(lines)
    assert [event.at for event in found] == sorted(event.at for event in found)
    for code in Code:
        written, seen = (b"".join(e.data for e in these if e.code == code) for these in (events, found))
        assert seen == written


def test_what_is_whole_is_given_at_once() -> None:
    """Who looks on must not wait for the next event to see the last one."""
    reader = CastReader()
    reader.feed(HEADER)
    assert reader.feed(b'[0.5, "o", "hi"]') == [CastEvent(500, "o", b"hi")]
    assert reader.feed('[0.5, "o", "\ufffd"]'.encode()) == [], "the bytes may follow"
    assert reader.feed(b'#whale {"raw":"/w=="}') == [CastEvent(1000, "o", b"\xff")]
    assert reader.feed('[0, "o", "\ufffd"]'.encode()) == []
    assert reader.feed(b"#") == []
    assert reader.finish() == [CastEvent(1000, "o", "\ufffd".encode())], "it was one"


def test_a_key_frame_says_when_it_is() -> None:
    encoder = LineEncoder(at=5000)
    lines = encoder.key_frame(KeyFrame(5000, 80, 24, b"x")) + encoder.encode([output(5250, b"y")])
    assert read(lines) == [CastEvent(5250, "o", b"y")]


def test_what_nobody_knows_is_passed_over() -> None:
    later = b'#whale {"new": 1}\n#whale [\n#whale []\n# a comment\n\n[1, "z", "?"]\n[1, "o", "x"]'
    assert read(later) == [CastEvent(2000, "o", b"x")]


def test_size() -> None:
    reader = CastReader()
    assert reader.size == (80, 24)
    reader.feed(b'{"version": 3, "term": {"cols": 100, "rows": 30}}')
    assert reader.size == (100, 30)
    reader.header = {"term": {"cols": "x"}}
    assert reader.size == (80, 24)


@pytest.mark.parametrize(
    "line",
    [
        b"x", b"[]", b"[1]", b'["a", "o", "x"]', b'[1, "o", 2]', b'{"a": 1}', b'[NaN, "o", "x"]', b'[1e999, "o", "x"]',
        b"[" * 100_000, b'[1, "o", "x", 2]', b"\xff", b"1",
    ],
)  # fmt: skip
def test_nonsense_is_an_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(line)


@pytest.mark.parametrize("line", [b'{"version": 2}', b"[]", b"x", b'[0.1, "o", "x"]', b"{" * 100_000])
def test_what_does_not_begin_as_one_is_none(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        CastReader().feed(line)


def test_bytes_that_are_none_are_an_error() -> None:
    with pytest.raises(ProtocolError):
        read('[0.5, "o", "\ufffd"]\n#whale {"raw":"!"}'.encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_events_or_an_error(line: bytes) -> None:
    reader = CastReader()
    reader.feed(HEADER)
    try:
        events = reader.feed(line)
    except ProtocolError:
        return
    assert all(event.at >= 0 for event in events)


def test_time_never_goes_back() -> None:
    assert [event.at for event in read(b'[5, "o", "x"]\n[-3, "o", "y"]\n[1e300, "o", "z"]')][:2] == [5000, 5000]


def test_base64_is_what_recordings_use() -> None:
    lines = LineEncoder().encode([RecordedEvent(0, Code.OUTPUT, b"\xff\xfe")])
    assert base64.b64encode(b"\xff\xfe") in lines
