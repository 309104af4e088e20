from contextlib import closing

import pytest

from tests.recording_events import output
from whale.model.terminal import TerminalSize
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.session import frames as room
from whale.session.frames import Frames

SIZE = TerminalSize(cols=30, rows=5)


def test_a_frame_shows_what_was_recorded() -> None:
    with closing(Frames(SIZE, None, [output(1, b"one")])) as frames:
        frames.feed([output(2, b" two"), RecordedEvent(3, Code.INPUT, b"typed")])
        frame = frames.take()
    assert frame is not None
    assert (frame.cols, frame.rows) == (30, 5)
    assert b"one two" in frame.paint
    assert b"typed" not in frame.paint


def test_it_goes_on_from_a_frame_and_follows_the_size() -> None:
    before = KeyFrame(9, 30, 5, b"\x1b[H\x1b[2Jbefore")
    with closing(Frames(None, before, [RecordedEvent(1, Code.RESIZE, b"40x6"), output(2, b" after")])) as frames:
        frame = frames.take()
    assert frame is not None
    assert (frame.cols, frame.rows) == (40, 6)
    assert b"before after" in frame.paint


def test_without_an_emulator_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "open_screen", lambda *_, **__: None)
    frames = Frames(SIZE, None, [output(1, b"x")])
    assert frames.take() is None
    frames.close()
