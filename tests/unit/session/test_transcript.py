import hashlib
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.model.recording import RecordMode
from whale.recording.echo import EchoFilter
from whale.recording.event import Code, RecordedEvent, StreamSum
from whale.recording.redact import Span
from whale.session.journal import Entry, Kind
from whale.session.recorded_stream import NoRedactor
from whale.session.transcript import Output, Transcript

NOTHING = Output(0, b"")
SECRET = b"hunter2"


class HidesSecret:
    """Redacts one word, and holds back whatever may become it."""

    is_between = True

    def __init__(self, offset: int) -> None:
        self._start = offset
        self._held = b""

    def feed(self, data: bytes) -> Sequence[Span]:
        self._held += data
        spans = []
        while (at := self._held.find(SECRET)) >= 0:
            spans += [self._cut(at), self._cut(len(SECRET), b"***")]
        keep = next((n for n in range(len(SECRET) - 1, 0, -1) if self._held.endswith(SECRET[:n])), 0)
        return [span for span in (*spans, self._cut(len(self._held) - keep)) if span.end > span.start]

    def finish(self) -> Sequence[Span]:
        return [self._cut(len(self._held))] if self._held else []

    def resize(self, cols: int) -> None:
        self.cols = cols

    def _cut(self, size: int, instead: bytes | None = None) -> Span:
        data, self._held = self._held[:size], self._held[size:]
        start, self._start = self._start, self._start + size
        return Span(start, self._start, data if instead is None else instead)


def made(
    *,
    is_terminal: bool = True,
    mode: RecordMode = RecordMode.ALL,
    position: dict[str, int] | None = None,
    hides: bool = False,
    before: Sequence[StreamSum] = (),
    echo: EchoFilter | None = None,
) -> Transcript:
    return Transcript(
        is_terminal=is_terminal,
        mode=mode,
        make_redactor=HidesSecret if hides else NoRedactor,
        position=position or {},
        before=before,
        echo=echo,
    )


def shown(at: int, end: int, *, behind: int = 0, kind: Kind = Kind.OUTPUT) -> tuple[int, Entry]:
    return behind, Entry(kind, at, end)


def output(at: int, data: bytes) -> RecordedEvent:
    return RecordedEvent(at, Code.OUTPUT, data)


def test_each_piece_has_its_time() -> None:
    transcript = made()
    entries = [shown(5, 3, behind=24), shown(9, 7, behind=48)]
    assert transcript.take(entries, [Output(0, b"abcdefg"), NOTHING], 20) == [output(5, b"abc"), output(9, b"defg")]
    assert transcript.position == {"stdout": 7, "stderr": 0, "journal": 48}


def test_what_has_no_entry_came_now() -> None:
    assert made().take([shown(5, 3)], [Output(0, b"abcde"), NOTHING], 20) == [output(5, b"abc"), output(20, b"de")]


def test_what_was_handed_out_is_not_handed_out_again() -> None:
    transcript = made(position={"stdout": 100, "journal": 50})
    assert transcript.take([shown(1, 98), shown(2, 103, behind=70)], [Output(100, b"abc"), NOTHING], 3) == [
        output(2, b"abc")
    ]
    assert transcript.take([], [Output(100, b"abcd"), NOTHING], 9) == [output(9, b"d")]


def test_a_note_without_its_output_is_left_out() -> None:
    """A server was killed before it had taken the output from the engine: it comes again."""
    assert made().take([shown(5, 10)], [Output(0, b"abc"), NOTHING], 20) == [output(5, b"abc")]


def test_all_else_is_in_order() -> None:
    entries = [
        shown(1, 1),
        (0, Entry(Kind.RESIZE, 2, data=b"90x30")),
        (0, Entry(Kind.INPUT, 3, data=b"x")),
        (0, Entry(Kind.MARKER, 4, data=b"bob")),
        shown(5, 2),
        shown(6, 1, kind=Kind.ERROR_OUTPUT),
    ]
    codes = [event.code for event in made().take(entries, [Output(0, b"ab"), Output(0, b"e")], 9)]
    assert "".join(codes) == "orimoe"


def test_half_a_character_waits_for_the_rest() -> None:
    transcript = made()
    assert transcript.take([shown(1, 2)], [Output(0, b"a\xc3"), NOTHING], 2) == [output(1, b"a")]
    assert transcript.position["stdout"] == 1
    assert transcript.take([shown(3, 3)], [Output(1, b"\xc3\xa9"), NOTHING], 4) == [output(3, "é".encode())]
    assert transcript.position["stdout"] == 3


def test_a_character_that_comes_byte_by_byte_is_one() -> None:
    whole = "🚀".encode()
    for size in range(1, 4):
        transcript = made()
        entries = [shown(number, number) for number in range(1, size + 2)]
        assert transcript.take(entries, [Output(0, b"a" + whole[:size]), NOTHING], 9) == [output(1, b"a")]
        assert transcript.position["stdout"] == 1
        rest = Output(1, whole + b"b")
        assert transcript.take([shown(9, 6)], [rest, NOTHING], 9) == [output(9, whole + b"b")]
        assert transcript.position["stdout"] == 6


def test_at_the_end_half_a_character_is_what_it_is() -> None:
    transcript = made()
    transcript.take([shown(1, 2)], [Output(0, b"a\xc3"), NOTHING], 2)
    assert transcript.finish() == [output(1, b"\xc3")]
    assert transcript.position["stdout"] == 2


def test_a_secret_is_not_in_it_however_it_came() -> None:
    for split in range(1, len(SECRET)):
        transcript = made(hides=True)
        first, second = b"is " + SECRET[:split], SECRET[split:] + b"!"
        events = transcript.take([shown(1, len(first))], [Output(0, first), NOTHING], 2)
        assert transcript.position["stdout"] == 3
        assert not transcript.is_changed
        whole = first + second
        events += transcript.take([shown(5, len(whole))], [Output(3, whole[3:]), NOTHING], 6)
        assert events == [output(1, b"is "), output(1, b"***"), output(5, b"!")]
        assert transcript.position == {"stdout": len(whole), "stderr": 0, "journal": 0, "changed": 1}


def test_what_is_as_long_as_the_secret_is_a_change_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    transcript = made(hides=True)
    monkeypatch.setattr(HidesSecret, "feed", lambda *_: [Span(0, 7, b"*******")])
    assert transcript.take([shown(1, 7)], [Output(0, SECRET), NOTHING], 2)[0].data == b"*******"
    assert transcript.is_changed


def test_who_goes_on_knows_that_something_was_left_out() -> None:
    assert made(position={"changed": 1}).is_changed


def test_what_was_held_back_is_there_at_the_end() -> None:
    transcript = made(hides=True)
    transcript.take([shown(1, 3)], [Output(0, b"hun"), NOTHING], 2)
    assert transcript.finish() == [output(1, b"hun")]


def test_input_is_recorded_where_the_policy_says_so() -> None:
    typed = [(0, Entry(Kind.INPUT, 3, data=b"ls\r"))]
    assert made(mode=RecordMode.OUTPUT).take(typed, [NOTHING, NOTHING], 5) == []
    assert made().take(typed, [NOTHING, NOTHING], 5) == [RecordedEvent(3, Code.INPUT, b"ls\r")]
    assert made(mode=RecordMode.ECHOED).take(typed, [NOTHING, NOTHING], 5) == []
    transcript = made(mode=RecordMode.ECHOED, echo=EchoFilter())
    assert transcript.take(typed, [NOTHING, NOTHING], 5) == []
    events = transcript.take([shown(8, 4)], [Output(0, b"ls\r\n"), NOTHING], 9)
    assert [event.data for event in events if event.code is Code.INPUT] == [b"ls\r"]


def test_of_what_was_not_echoed_there_is_only_how_much() -> None:
    transcript = made(mode=RecordMode.ECHOED, echo=EchoFilter())
    events = transcript.take([(0, Entry(Kind.INPUT, 3, data=b"hunter2\r"))], [NOTHING, NOTHING], 5)
    events += transcript.take([shown(8, 2)], [Output(0, b"\r\n"), NOTHING], 9) + transcript.finish()
    assert b"".join(event.data for event in events if event.code is Code.INPUT) == b"[not echoed: 7]\r"


def test_of_a_pipe_there_are_sums() -> None:
    transcript = made(is_terminal=False, mode=RecordMode.OUTPUT)
    entries = [shown(1, 3), shown(2, 1, kind=Kind.ERROR_OUTPUT), (0, Entry(Kind.INPUT, 3, data=b"in"))]
    assert transcript.take(entries, [Output(0, b"out"), Output(0, b"e")], 9) == []
    assert transcript.position == {"stdout": 3, "stderr": 1, "stdin": 2, "journal": 0}
    assert transcript.sums() == [
        StreamSum(name, 0, len(data), hashlib.sha256(data).hexdigest())
        for name, data in (("stdout", b"out"), ("stderr", b"e"), ("stdin", b"in"))
    ]


def test_of_a_pipe_that_another_server_began_there_are_two_sums() -> None:
    before = [StreamSum("stdout", 0, 10, "ab"), StreamSum("stderr", 0, 0, "")]
    transcript = made(is_terminal=False, mode=RecordMode.OUTPUT, position={"stdout": 10}, before=before)
    transcript.take([shown(1, 12)], [Output(10, b"xy"), NOTHING], 9)
    stdout = [each for each in transcript.sums() if each.name == "stdout"]
    assert stdout == [before[0], StreamSum("stdout", 10, 12, hashlib.sha256(b"xy").hexdigest())]


def test_of_input_that_went_through_before_there_is_no_sum() -> None:
    before = [StreamSum("stdin", 0, 10, "ab")]
    transcript = made(is_terminal=False, mode=RecordMode.OUTPUT, position={"stdin": 10}, before=before)
    transcript.skip_input(12)
    transcript.skip_input(11)
    transcript.take([(0, Entry(Kind.INPUT, 3, data=b"in"))], [NOTHING, NOTHING], 9)
    stdin = [each for each in transcript.sums() if each.name == "stdin"]
    assert stdin == [before[0], StreamSum("stdin", 12, 14, hashlib.sha256(b"in").hexdigest())]


def test_contents_of_a_pipe_only_where_everything_is_recorded() -> None:
    entries = [shown(1, 3), (0, Entry(Kind.INPUT, 3, data=b"in"))]
    events = made(is_terminal=False).take(entries, [Output(0, b"out"), NOTHING], 9)
    assert [(event.code, event.data) for event in events] == [(Code.OUTPUT, b"out"), (Code.INPUT, b"in")]


@given(st.integers(0, 10**6), st.booleans())
def test_whoever_goes_on_anywhere_leaves_nothing_out(seed: int, hides: bool) -> None:
    some = random.Random(seed)
    parts = (b"ls ", SECRET, SECRET[:3], "é".encode(), b"\xff", b"\r\n", b"text " * 9)
    data = b"".join(some.choices(parts, k=30))
    transcript, done, at, found = made(hides=hides), 0, 0, b""
    while done < len(data):
        position = transcript.position
        if some.random() < 0.3:
            transcript = made(hides=hides, position=position)  # another server
        start, done, at = position["stdout"], min(len(data), done + some.randint(1, 20)), at + 7
        events = transcript.take([shown(at, done)], [Output(start, data[start:done]), NOTHING], at)
        assert all(event.at <= at for event in events)
        found += b"".join(event.data for event in events)
    found += b"".join(event.data for event in transcript.finish())
    assert found == (data.replace(SECRET, b"***") if hides else data)
