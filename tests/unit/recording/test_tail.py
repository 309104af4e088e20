"""What is read while it is written is what was written: every line once, in order, whenever somebody looks."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recording_events import header, output
from whale.model.errors import RecordingError
from whale.recording.chunk import LINES, Note, chunk_files, encode_record
from whale.recording.codec import Sealer
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.lines import LineDecoder
from whale.recording.reader import RecordingReader
from whale.recording.tail import TailReader
from whale.recording.writer import RecordingWriter

KEY = KeyFrame(0, 100, 30, b"\x1b[Hpicture")
STEPS = st.lists(st.sampled_from(["write", "write", "write", "chunk", "read", "read little"]), max_size=60)


def lines(directory: Path) -> bytes:
    return b"".join(RecordingReader(directory).lines())


@given(STEPS)
def test_nothing_is_missing_and_nothing_comes_twice(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "r"
        writer = RecordingWriter.create(directory, header())
        reader, seen = TailReader(directory), b""
        for number, step in enumerate(steps):
            if step == "write":
                writer.write([output(number * 10, b"line %d\n" % number), output(number * 10, b"\xff")], {})
            elif step == "chunk":
                writer.begin_chunk(KEY)
            else:
                seen += reader.read(1 if step == "read little" else 1_000_000)
        writer.finish()
        while piece := reader.read(10_000):
            seen += piece
        assert seen == lines(directory)
        reader.close()


def test_a_chunk_that_is_written_anew_in_the_midst_of_a_look_is_read_on(
    writer: RecordingWriter, directory: Path
) -> None:
    for number in range(20):
        writer.write([output(number, b"%d" % number)], {})
    reader = TailReader(directory)
    seen = reader.read(1)
    before = os.stat(chunk_files(directory)[0]).st_ino
    writer.write([output(20, b"before the end")], {})
    writer.begin_chunk(KEY)
    assert os.stat(chunk_files(directory)[0]).st_ino != before
    writer.write([output(30, b"behind it")], {})
    while piece := reader.read(1):
        seen += piece
    writer.finish()
    assert seen == lines(directory)


def test_what_has_not_grown_is_not_read_again(
    writer: RecordingWriter, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = TailReader(directory)
    assert reader.read(100_000)
    monkeypatch.setattr(TailReader, "_unread", lambda self, chunk: pytest.fail("it was"))
    assert reader.read(1) == b""
    writer.close()


@pytest.fixture
def frames(writer: RecordingWriter, directory: Path) -> Callable[[int], list[RecordedEvent]]:
    """What is shown from a moment on: of four chunks of ten seconds, of which the third has no picture."""
    for number in range(4):
        for second in range(10):
            at = number * 10_000 + second * 1000
            writer.write([output(at, b"at %d\r\n" % at)], {})
        writer.begin_chunk(None if number == 1 else KEY)
    writer.finish()

    def read(at: int) -> list[RecordedEvent]:
        seen = TailReader(directory, at=at).read(1_000_000).splitlines(keepends=True)
        assert seen[0] == next(iter(RecordingReader(directory).lines()))
        return list(LineDecoder().decode(seen[1:]))

    return read


@pytest.mark.parametrize(
    ("at", "begin"),
    [(0, 0), (8999, 0), (9000, 9000), (18_999, 9000), (19_000, 9000), (29_000, 29_000), (10**9, 39_000)],
)
def test_any_player_can_begin_anywhere(frames: Callable[[int], list[RecordedEvent]], at: int, begin: int) -> None:
    seen = frames(at)
    if begin:
        assert seen[:2] == [
            RecordedEvent(begin, Code.RESIZE, b"100x30"),
            RecordedEvent(begin, Code.OUTPUT, KEY.paint),
        ]
        del seen[:2]
    times = [n * 10_000 + second * 1000 for n in range(4) for second in range(10)]
    assert seen == [output(time, b"at %d\r\n" % time) for time in times if time > begin or not begin]


def test_from_a_frame_on_it_is_followed(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(1000, b"old")], {})
    writer.begin_chunk(KEY)
    reader = TailReader(directory, at=5000)
    seen = reader.read(100_000)
    writer.write([output(2000, b"new")], {})
    writer.finish()
    seen += reader.read(100_000)
    assert [event.data for event in LineDecoder().decode(seen.splitlines(keepends=True)[1:])] == [
        b"100x30", KEY.paint, b"new",
    ]  # fmt: skip


def test_what_takes_a_key_is_read_with_it(tmp_path: Path) -> None:
    import pyrage

    key = pyrage.x25519.Identity.generate()
    writer = RecordingWriter.create(tmp_path / "r", header(), recipients=[str(key.to_public())])
    writer.write([output(1, b"hello")], {})
    writer.finish()
    with pytest.raises(RecordingError) as closed:
        TailReader(tmp_path / "r").read(1)
    assert closed.value.code == "recording.encrypted"
    assert b"hello" in TailReader(tmp_path / "r", identities=[str(key)]).read(10_000)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(RecordingError) as failed:
            TailReader(path)
        assert failed.value.code == "recording.not_found"


def test_what_is_deleted_meanwhile_ends(writer: RecordingWriter, directory: Path) -> None:
    reader = TailReader(directory)
    assert reader.read(100_000)
    writer.close()
    chunk_files(directory)[0].unlink()
    assert reader.read(1) == b""


def test_a_part_without_a_head_is_none_yet(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(1, b"hello")], {})
    writer.begin_chunk(KEY)
    path = chunk_files(directory)[1]
    whole = path.read_bytes()
    path.write_bytes(b"")
    reader = TailReader(directory, at=5)
    assert b"hello" in reader.read(100_000)
    path.write_bytes(whole)
    assert b"key" in reader.read(100_000)
    writer.close()


def test_half_a_line_is_damage(writer: RecordingWriter, directory: Path) -> None:
    writer.close()
    with chunk_files(directory)[0].open("ab") as file:
        file.write(encode_record(LINES, Note(1), Sealer().seal(b'[0.1, "o", "x')))
    with pytest.raises(RecordingError) as failed:
        TailReader(directory).read(100_000)
    assert failed.value.code == "recording.damaged"
