import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recording_events import output, some_events
from whale.model.errors import RecordingError
from whale.recording.event import Code, KeyFrame, RecordedEvent, StreamSum
from whale.recording.lines import LineDecoder, LineEncoder, unfinished


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _joined(events: list[RecordedEvent], code: Code) -> bytes:
    return b"".join(event.data for event in events if event.code is code)


def test_text_is_a_line_of_its_own() -> None:
    encoded = LineEncoder().encode([output(1234, b"ls\r\n"), output(1235, "é".encode()), output(62_000, b"\x1b[m")])
    assert encoded == '[1.234, "o", "ls\\r\\n"]\n[0.001, "o", "é"]\n[60.765, "o", "\\u001b[m"]\n'.encode()


def test_bytes_that_are_no_text_stand_in_a_comment() -> None:
    text, comment = _lines(LineEncoder().encode([output(0, b"a\xffb")]))
    assert json.loads(text)[2] == "a\ufffdb"
    assert comment == b'#whale {"raw":"Yf9i"}\n'


def test_noise_of_a_pipe_has_no_text() -> None:
    noise, latin = random.Random(1).randbytes(5000), "un café noir ".encode("latin-1") * 100
    for data, has_text in ((noise, False), (latin, True)):
        encoded = LineEncoder(is_terminal=False).encode([output(0, data)])
        text, comment = _lines(encoded)
        assert (json.loads(text)[2] != "", comment.startswith(b"#whale")) == (has_text, True)
        assert list(LineDecoder().decode([text, comment])) == [output(0, data)]
    assert len(LineEncoder(is_terminal=False).encode([output(0, noise)])) < len(noise) * 1.4
    assert json.loads(_lines(LineEncoder().encode([output(0, noise)]))[0])[2] == noise.decode(errors="replace")


def test_a_character_in_two_events_is_one() -> None:
    encoded = LineEncoder().encode([output(0, b"a\xc3"), output(5, b"\xa9b")])
    assert encoded == b'[0.000, "o", "a"]\n' + '[0.005, "o", "éb"]\n'.encode()


def test_an_unfinished_character_at_the_end_is_bytes() -> None:
    encoder = LineEncoder()
    assert list(LineDecoder().decode(_lines(encoder.encode([output(3, b"a\xc3")])))) == [
        output(3, b"a"),
        output(3, b"\xc3"),
    ]


@given(st.integers(0, 10**6))
def test_events_come_back(seed: int) -> None:
    events = some_events(seed)
    found = list(LineDecoder().decode(_lines(LineEncoder().encode(events))))
    for code in Code:
        assert _joined(found, code) == _joined(events, code)
    assert found[-1].at == events[-1].at
    assert {event.at for event in found} <= {event.at for event in events}


@given(st.lists(st.binary(max_size=20)), st.booleans())
def test_no_byte_is_lost(pieces: list[bytes], is_terminal: bool) -> None:
    encoded = LineEncoder(is_terminal=is_terminal).encode(output(number, data) for number, data in enumerate(pieces))
    assert _joined(list(LineDecoder().decode(_lines(encoded))), Code.OUTPUT) == b"".join(pieces)


def test_times_are_exact_over_hours() -> None:
    encoder, decoder, at = LineEncoder(), LineDecoder(), 0
    for number in range(20_000):
        at += 1441 + number % 3
        (event,) = decoder.decode(_lines(encoder.encode([output(at, b"x")])))
        assert event.at == at
    assert at > 8 * 3_600_000


def test_what_is_not_in_order_is_put_in_order() -> None:
    encoded = LineEncoder().encode([output(10, b"a"), RecordedEvent(8, Code.INPUT, b"b")])
    assert [event.at for event in LineDecoder().decode(_lines(encoded))] == [10, 10]


def test_a_key_frame_is_a_comment_and_says_when() -> None:
    frame = KeyFrame(5000, 80, 24, b"\x1b[2Jhello")
    decoder = LineDecoder()
    line = LineEncoder().key_frame(frame)
    assert line.startswith(b"#whale ")
    events = list(decoder.decode([line, b'[0.250, "o", "x"]\n']))
    assert (decoder.key, events) == (frame, [output(5250, b"x")])


def test_sums_come_back() -> None:
    decoder = LineDecoder()
    sums = [StreamSum("stdout", 0, 10, "ab" * 32)]
    assert list(decoder.decode(_lines(LineEncoder().sums(sums)))) == []
    assert decoder.sums == sums


def test_what_a_later_version_says_is_passed_over() -> None:
    lines = [b'#whale {"new":1}\n', b"# a comment\n", b'#whale {"raw":5}\n', b'[0.1, "z", ""]\n', b'[0.1, "o", "a"]\n']
    assert list(LineDecoder().decode(lines)) == [output(200, b"a")]


KEY = b'#whale {"key":{"at":%d,"cols":80,"rows":%d,"paint":"%s"}}\n'
NO_LINES = [
    *(b"", b"[]\n", b'["o"]\n', b'{"a":1}\n', b'[0,"o","\xff"]\n', b'[0, "o", "\\ud800"]\n'),
    *(b'[1e999, "o", "x"]\n', b'[NaN, "o", ""]\n', b'[-0.1, "o", "x"]\n', b'[1e15, "o", "x"]\n'),
    *(b'[0, "r", "80"]\n', b'[0, "r", "0x24"]\n', '[0, "r", "٣x٣"]\n'.encode(), b'[0, "r", "70000x24"]\n'),
    *(KEY % (-1, 24, b""), KEY % (1, 70_000, b""), KEY % (2**60, 24, b""), KEY % (1, 24, b"?")),
]


@pytest.mark.parametrize("line", NO_LINES)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(RecordingError) as failed:
        list(LineDecoder().decode([line]))
    assert failed.value.code == "recording.damaged"


def test_a_comment_with_bad_bytes_is_refused() -> None:
    with pytest.raises(RecordingError):
        list(LineDecoder().decode([b'[0, "o", "x"]\n', b'#whale {"raw":"?"}\n']))


@pytest.mark.parametrize(
    ("data", "rest"), [(b"", b""), (b"a", b""), (b"\xc3", b"\xc3"), (b"a\xe6\xbc", b"\xe6\xbc"), (b"\xff", b"")]
)
def test_unfinished(data: bytes, rest: bytes) -> None:
    assert unfinished(data) == rest
