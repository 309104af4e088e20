"""What a recorder hands to its file, and what that says of how far it is."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.recording_events import SIZE, header
from whale.model.errors import RecordingError
from whale.model.exec import Stream
from whale.model.recording import RecordMode
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.reader import RecordingReader
from whale.recording.redact import Redactor
from whale.recording.rules import Rules
from whale.recording.writer import RecordingWriter
from whale.session import recording_file as room
from whale.session.journal import Entry, Kind
from whale.session.recorded_stream import NoRedactor
from whale.session.recorded_stream import Redactor as AnyRedactor
from whale.session.recording_file import RecordingFile, Taken
from whale.session.transcript import Output, Transcript

TOKEN = b"ghp_" + b"a1B2" * 9
END = RecordedEvent(9, Code.EXIT, b"0")


def made(
    place: Path,
    *,
    mode: RecordMode = RecordMode.ALL,
    is_terminal: bool = False,
    redactor: Callable[[int], AnyRedactor] = NoRedactor,
) -> RecordingFile:
    writer = RecordingWriter.create(place, header())
    return RecordingFile(writer, Transcript(is_terminal=is_terminal, mode=mode, make_redactor=redactor, position={}))


def taken(data: bytes = b"", *, start: int = 0, typed: Mapping[str, int] | None = None, tty: bool = False) -> Taken:
    entries = [(7, Entry(Kind.OUTPUT, 5, start + len(data)))] if data else []
    return Taken(entries, [Output(start, data), Output(0, b"")], typed or {}, SIZE if tty else None, 8)


def recorded(place: Path, code: Code = Code.OUTPUT) -> bytes:
    return b"".join(event.data for event in RecordingReader(place).events() if event.code is code)


def test_what_is_written_is_done(tmp_path: Path) -> None:
    place = tmp_path / "one"
    with closing(made(place)) as file:
        file.write(taken(b"hello", typed={"input.0": 3}))
        assert (file.done, file.journal, file.is_waiting) == ({Stream.STDOUT: 5, Stream.STDERR: 0}, 7, True)
        assert file.writer.position["input.0"] == 3
        file.write(taken(start=5), end=END)
        file.write(taken(start=5), end=END)
        file.finish()
    assert (recorded(place), recorded(place, Code.EXIT)) == (b"hello", b"0")


def test_what_could_not_be_written_comes_first_the_next_time_unless_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise RecordingError("no room")

    place = tmp_path / "one"
    with closing(made(place)) as file:
        for data, forgets in ((b"one", False), (b"two", True)):
            with monkeypatch.context() as patch:
                patch.setattr(RecordingWriter, "write", full)
                with pytest.raises(RecordingError):
                    file.write(taken(data, start=0 if data == b"one" else 3))
            if forgets:
                file.forget(8)
            else:
                file.write(taken(start=3))
        file.write(taken(b"three", start=6), end=END)
        file.finish()
    assert recorded(place) == b"onethree"
    assert recorded(place, Code.MARKER) == b"what was here could not be recorded"


def test_without_contents_it_is_noted_now_and_then_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RECORDING_STRIDE", 15)
    with closing(made(tmp_path / "one", mode=RecordMode.OUTPUT)) as file:
        file.write(taken(b"little"))
        assert file.done[Stream.STDOUT] == 0
        file.write(taken(b"more", start=6, typed={"input.0": 1_000_000}))
        assert file.done[Stream.STDOUT] == 10
        file.write(taken(b"x", start=10, typed={"input.0": 2_000_000}))
        assert file.done[Stream.STDOUT] == 10, "input that waits is counted with the stream"
        monkeypatch.setattr(room, "RECORDING_PAUSE", 0.0)
        file.write(taken(b"y", start=11))
        assert file.done[Stream.STDOUT] == 12


def test_a_part_begins_with_what_the_session_shows_or_the_recording_where_that_is_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RECORDING_CHUNK", 20)
    shown = KeyFrame(5, 80, 24, b"as the session shows it")
    with closing(made(tmp_path / "one", is_terminal=True)) as file:
        file.write(taken(b"plain text, plainly", tty=True))
        assert (file.is_full, file.has_frames) == (False, False)
        file.write(taken(b"!" * 61, start=19, tty=True))
        assert (file.is_full, file.is_overdue) == (True, True)
        assert file.begin_chunk(shown).number == 0
        assert file.writer.opened()[0] == shown
    with closing(made(tmp_path / "other", is_terminal=True, redactor=lambda at: Redactor(Rules(), offset=at))) as file:
        file.write(taken(b"token " + TOKEN + b" end\r\n", tty=True))
        assert file.has_frames
        file.begin_chunk(shown)
        frame = file.writer.opened()[0]
        assert frame is not None
        assert b"[redacted: github-token]" in frame.paint
        assert TOKEN not in frame.paint


def test_it_is_brought_to_the_disk_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(made(tmp_path / "one")) as file:
        file.write(taken(b"hello"))
        assert file.is_waiting
        monkeypatch.setattr(room, "RECORDING_SYNC", 0.0)
        file.write(taken(start=5))
        assert not file.is_waiting
