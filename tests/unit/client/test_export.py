"""Other programs' forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recording_events import header, output, some_events
from whale.client.export import FORMS, as_asciicast_v2, as_asciicast_v3, as_raw, as_text
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.header import encode_header
from whale.recording.lines import LineEncoder


def lines(*events: RecordedEvent) -> list[bytes]:
    encoder = LineEncoder()
    made = encode_header(header()) + encoder.encode(events) + encoder.key_frame(KeyFrame(encoder.at, 80, 24, b"k"))
    return made.splitlines()


def text(*pieces: bytes) -> str:
    return b"".join(as_text(lines(*(output(n, piece) for n, piece in enumerate(pieces))))).decode()


def test_v3_is_what_it_was_without_heartbeats() -> None:
    made = lines(output(1, b"x"))
    assert b"".join(as_asciicast_v3([made[0], b"#", *made[1:]])) == b"\n".join(made) + b"\n"


def test_v2_has_times_from_the_beginning() -> None:
    made = lines(
        output(500, b"a\x1b[1m"), RecordedEvent(1500, Code.ERROR_OUTPUT, b"e"), RecordedEvent(1501, Code.INPUT, b"i"),
        RecordedEvent(1502, Code.RESIZE, b"90x30"), RecordedEvent(1503, Code.MARKER, b"m"),
        RecordedEvent(1504, Code.EXIT, b"0"), output(1505, b"\xff"),
    )  # fmt: skip
    first, *rest = [json.loads(line) for line in as_asciicast_v2(made)]
    assert first == {
        "version": 2, "width": 80, "height": 24, "timestamp": 1_700_000_000, "title": "alice@web",
        "command": "bash -l", "env": {"TERM": "xterm-256color"},
    }  # fmt: skip
    assert rest == [
        [0.5, "o", "a\x1b[1m"], [1.5, "o", "e"], [1.501, "i", "i"], [1.502, "r", "90x30"], [1.503, "m", "m"],
        [1.505, "o", "\ufffd"],
    ]  # fmt: skip


def test_v2_of_nothing_is_a_header() -> None:
    [first] = [json.loads(line) for line in as_asciicast_v2(lines())]
    assert first["version"] == 2
    assert list(as_asciicast_v2([])) == []


@given(st.integers(0, 500))
def test_raw_is_the_output(seed: int) -> None:
    events = some_events(seed)
    assert b"".join(as_raw(lines(*events))) == b"".join(e.data for e in events if e.code is Code.OUTPUT)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b"plain\r\n",), "plain\n"),
        ((b"\x1b[31mred\x1b[m and \x1b]0;title\x07more\r\n",), "red and more\n"),
        ((b"\x1b[3", b"1mred\x1b", b"[m\r\n"), "red\n"),
        ((b"\x1b]8;;http", b"://x\x1b", b"\\link\x1b]8;;\x1b\\\r\n"), "link\n"),
        ((b"10%\r50%\r100%\r\n",), "100%\n"),
        ((b"lsx\b \b -l\r\n",), "ls -l\n"),
        (("é".encode()[:1], "é".encode()[1:] + b"\xff"), "é\ufffd\n"),
        ((b"a\x00\x07\x0fb\x7f\xc2\x9b",), "ab\n"),
        ((b"two\r\n\r\nrows  \r\n",), "two\n\nrows\n"),
        ((b"no end",), "no end\n"),
        ((b"a\tb\r\n",), "a       b\n"),
        ((b"  indented\r\n\r\n", b"same\r\n" * 3), "  indented\n\nsame\nsame\nsame\n"),
        ((b"x" * 100 + b"\r\n",), "x" * 100 + "\n"),
        ((b"$ vi\r\n\x1b[?1049h\x1b[3;5Hin the ", b"\x1b[3;11H editor\x1b[?1049l$ "), "$ vi\n    in the editor\n$\n"),
        ((b"\x1b[5;1Hlower\x1b[2;1Hupper",), "upper\nlower\n"),
        ((b"a\r\n" * 100 + b"\r\n" * 100,), "a\n" * 100 + "\n" * 100),
        ((b"\x1bPq" + b"x" * 100_000 + b"after",), ""),
    ],
)
def test_text_has_no_controls(pieces: tuple[bytes, ...], expected: str) -> None:
    assert text(*pieces) == expected


def test_text_of_a_pipe_has_both_streams() -> None:
    made = lines(output(0, b"one\n tw"), RecordedEvent(1, Code.ERROR_OUTPUT, b"bad\n"), output(2, b"o\n"))
    made[0] = made[0].replace(b'"tty":true', b'"tty":false')
    assert b"".join(as_text(made)).decode() == "one\nbad\n two\n"


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_text_never_holds_a_control(pieces: list[bytes]) -> None:
    found = text(*pieces)
    assert all(c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in found)


def test_every_form_has_its_name() -> None:
    assert list(FORMS) == ["asciicast-v3", "asciicast-v2", "text", "raw"]
