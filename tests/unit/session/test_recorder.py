"""A session and its recording: nothing is left out, and what can't be recorded ends as the policy says."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import eventually
from tests.recording_events import header
from tests.unit.session.conftest import ALLOWED, QUICK
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.errors import RecordingError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.principal import Decision
from whale.model.recording import OnUnrecorded, RecordingWish, RecordMode
from whale.model.terminal import TerminalSize
from whale.recording.chunk import chunk_files
from whale.recording.event import Code, RecordedEvent
from whale.recording.reader import RecordingReader
from whale.recording.writer import ClosedChunk, RecordingWriter
from whale.session import recorder as room
from whale.session import recording_file as file_room
from whale.session.attachment import Attachment
from whale.session.recorded_stream import NoRedactor
from whale.session.registry import Registry
from whale.session.session import Session
from whale.session.transcript import Transcript

SIZE = TerminalSize(cols=80, rows=24)
CAT = ExecSpec(command=("cat",), stdin=True)
SHELL = ExecSpec(command=("sh",), tty=True, stdin=True, size=SIZE)


def wanting(failure: OnUnrecorded = OnUnrecorded.END, mode: RecordMode = RecordMode.ALL) -> Decision:
    return ALLOWED._replace(recording=RecordingWish(mode, failure))


class Shelf:
    """Recordings in a directory, and what was said of them."""

    def __init__(self, directory: Path) -> None:
        self.place = directory / "recording"
        self.error: WhaleError | None = None
        self.failures: list[tuple[str, OnUnrecorded]] = []
        self.whole: list[ClosedChunk] = []
        self.closed: list[ClosedChunk] = []

    async def begin(self, session: Session) -> RecordingWriter:
        if self.error is not None:
            raise self.error
        return RecordingWriter.create(self.place, header(session.id))

    async def resume(self, session: Session) -> RecordingWriter | None:
        if self.error is not None:
            raise self.error
        return None if self.whole else RecordingWriter.resume(self.place)

    def transcript(self, session: Session, writer: RecordingWriter) -> Transcript:
        return Transcript(
            is_terminal=session.spec.tty,
            mode=session.decision.recording.mode,
            make_redactor=NoRedactor,
            position=writer.position,
            before=writer.sums,
        )

    def written(self, session: Session, writer: RecordingWriter, chunk: ClosedChunk | None) -> None:
        if chunk is not None:
            self.closed.append(chunk)

    def failed(self, session: Session, error: WhaleError, failure: OnUnrecorded) -> None:
        self.failures.append((error.code, failure))

    async def finished(self, session: Session, writer: RecordingWriter, chunk: ClosedChunk) -> None:
        self.whole.append(chunk)

    def events(self) -> list[RecordedEvent]:
        return list(RecordingReader(self.place).events())

    def data(self, code: Code) -> bytes:
        return b"".join(event.data for event in self.events() if event.code is code)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
async def registry(shelf: Shelf) -> AsyncIterator[Registry]:
    async with Registry(end=QUICK, recordings=shelf) as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RECORDING_DELAY", 0.01)
    monkeypatch.setattr(room, "RECORDING_RETRY", 0.01)


async def over(attachment: Attachment) -> None:
    await eventually(lambda: attachment.session.is_over, "the end")
    attachment.close()


async def test_what_goes_through_is_recorded(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf
) -> None:
    attachment = registry.create(engine, container, CAT, decision=wanting())
    await attachment.session.wait_started()
    attachment.write_stdin(b"hello")
    attachment.end_stdin()
    await over(attachment)
    await eventually(lambda: bool(shelf.whole), "the recording")
    assert (shelf.data(Code.OUTPUT), shelf.data(Code.INPUT)) == (b"hello", b"hello")
    assert shelf.events()[-1].data == b"0"
    assert next(event.data for event in shelf.events() if event.code is Code.MARKER) == b"alice is here as controller"
    assert {each.name: each.end for each in RecordingReader(shelf.place).sums()} == {
        "stdin": 5, "stdout": 5, "stderr": 0
    }  # fmt: skip


async def test_who_comes_goes_and_resizes_is_in_it(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf
) -> None:
    attachment = registry.create(engine, container, SHELL, decision=wanting())
    await attachment.session.wait_started()
    attachment.resize(TerminalSize(cols=100, rows=30))
    attachment.close()
    await eventually(lambda: bool(shelf.whole), "the recording")
    assert shelf.data(Code.RESIZE) == b"100x30"
    labels = [event.data for event in shelf.events() if event.code is Code.MARKER]
    assert labels[1:] == [b"alice has left", b"the session ended: session.gone"]


async def test_it_is_in_the_file_a_moment_later(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, quick: None
) -> None:
    attachment = registry.create(engine, container, CAT, decision=wanting())
    await attachment.session.wait_started()
    attachment.write_stdin(b"hello")
    await eventually(lambda: shelf.data(Code.OUTPUT) == b"hello", "the output")
    assert attachment.session.recorder is not None
    await eventually(lambda: attachment.session.recorder.done[Stream.STDOUT] == 5, "the offset")  # type: ignore[union-attr]


async def test_it_is_on_the_disk_a_moment_later_also_when_nothing_follows(
    engine: FakeEngine,
    container: Container,
    registry: Registry,
    shelf: Shelf,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced: list[bytes] = []
    real = RecordingWriter.sync

    def sync(writer: RecordingWriter) -> None:
        real(writer)
        synced.append(shelf.data(Code.OUTPUT))

    monkeypatch.setattr(RecordingWriter, "sync", sync)
    for each in (room, file_room):
        monkeypatch.setattr(each, "RECORDING_SYNC", 0.2)
    attachment = registry.create(engine, container, CAT, decision=wanting())
    await attachment.session.wait_started()
    attachment.write_stdin(b"one")
    await eventually(lambda: b"one" in synced, "the first")
    attachment.write_stdin(b"two")
    await eventually(lambda: b"onetwo" in synced, "the last")
    count = len(synced)
    await asyncio.sleep(0.5)
    assert len(synced) == count, "what is on the disk needs no more"


async def test_the_log_keeps_what_is_not_written_yet(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RECORDING_DELAY", 1000.0)
    attachment = registry.create(engine, container, CAT, decision=wanting())
    await attachment.session.wait_started()
    attachment.write_stdin(b"hello")
    await eventually(lambda: attachment.session.logs[Stream.STDOUT].end == 5, "the output")
    attachment.read(Stream.STDOUT, size=5)
    attachment.acknowledge(Stream.STDOUT, offset=5)
    assert attachment.session.logs[Stream.STDOUT].start == 0
    assert attachment.session.recorder is not None
    attachment.session.recorder.hurry()
    await eventually(lambda: attachment.session.logs[Stream.STDOUT].start == 5, "room")


async def test_much_is_written_long_before_the_log_is_full(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RECORDING_DELAY", 1000.0)
    monkeypatch.setattr(room, "RECORDING_AHEAD", 1000)
    attachment = registry.create(engine, container, CAT, decision=wanting())
    await attachment.session.wait_started()
    recorder, output = attachment.session.recorder, attachment.session.logs[Stream.STDOUT]
    assert recorder is not None
    attachment.write_stdin(b"x" * 900)
    await eventually(lambda: output.end == 900, "the output")
    assert recorder.done[Stream.STDOUT] == 0
    attachment.write_stdin(b"x" * 1100)
    await eventually(lambda: recorder.done[Stream.STDOUT] == 2000, "written")
    assert not output.is_full


async def test_input_goes_on_when_it_is_recorded_and_not_before(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, may_write = RecordingWriter.write, threading.Event()

    def write(writer: RecordingWriter, *args: Any) -> None:
        assert may_write.wait(10)
        real(writer, *args)

    monkeypatch.setattr(RecordingWriter, "write", write)
    attachment = registry.create(engine, container, CAT, decision=wanting())
    session = attachment.session
    await session.wait_started()
    for piece in (b"one", b"two"):
        attachment.write_stdin(piece)
        await asyncio.sleep(0.05)
    attachment.end_stdin()
    assert (session.stdin_received(attachment), session.stdin_consumed(attachment)) == (6, 0)
    may_write.set()
    await over(attachment)
    assert session.stdin_consumed(attachment) == 6
    await eventually(lambda: bool(shelf.whole), "the recording")
    assert shelf.data(Code.OUTPUT) == shelf.data(Code.INPUT) == b"onetwo"


async def test_a_flood_is_in_several_files_with_key_frames(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_room, "RECORDING_CHUNK", 10_000)
    monkeypatch.setattr(room, "RECORDING_DELAY", 0.001)
    spec = SHELL._replace(command=("cat",))
    attachment = registry.create(engine, container, spec, decision=wanting(mode=RecordMode.OUTPUT))
    await attachment.session.wait_started()
    sent = b""
    for number in itertools.count():
        line = b"line %d\r" % number * 100
        attachment.write_stdin(line)
        sent += line
        await asyncio.sleep(0.001)
        if len(shelf.closed) >= 3 or number > 2000:
            break
    attachment.close()
    await eventually(lambda: bool(shelf.whole), "the recording")
    assert len(chunk_files(shelf.place)) >= 4
    reader = RecordingReader(shelf.place)
    frame = reader.frame(reader.duration())
    assert frame is not None
    assert b"line" in frame.paint
    assert shelf.data(Code.INPUT) == b""


@pytest.mark.parametrize("failure", [OnUnrecorded.END, OnUnrecorded.HOLD])
async def test_what_can_not_be_recorded_does_not_begin(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, failure: OnUnrecorded
) -> None:
    shelf.error = RecordingError("no room")
    attachment = registry.create(engine, container, CAT, decision=wanting(failure))
    await attachment.session.wait_started()
    assert attachment.session.failure is shelf.error
    assert engine.running == 0


async def test_unless_the_policy_is_content_with_an_alarm(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf
) -> None:
    shelf.error = RecordingError("no room")
    attachment = registry.create(engine, container, CAT, decision=wanting(OnUnrecorded.ALARM))
    await attachment.session.wait_started()
    attachment.write_stdin(b"hello")
    await eventually(lambda: attachment.read(Stream.STDOUT, size=10) == b"hello", "the output")
    assert shelf.failures == [("recording.unavailable", OnUnrecorded.ALARM)]
    assert attachment.notices[0][0] == "recording.unavailable"


async def _broken(
    engine: FakeEngine, container: Container, registry: Registry, failure: OnUnrecorded, patch: pytest.MonkeyPatch
) -> Attachment:
    """A session whose recording can't be written any more."""
    attachment = registry.create(engine, container, CAT, decision=wanting(failure))
    await attachment.session.wait_started()
    attachment.write_stdin(b"one")
    await eventually(lambda: attachment.session.recorder.done[Stream.STDOUT] == 3, "the first")  # type: ignore[union-attr]

    def full(*_: object) -> None:
        raise RecordingError("no room")

    patch.setattr(RecordingWriter, "write", full)
    attachment.write_stdin(b"two")
    return attachment


async def test_a_session_ends_without_its_recording(
    engine: FakeEngine,
    container: Container,
    registry: Registry,
    shelf: Shelf,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attachment = await _broken(engine, container, registry, OnUnrecorded.END, monkeypatch)
    await over(attachment)
    assert attachment.session.status is not None
    assert attachment.session.status.reason == "recording.unavailable"
    assert shelf.failures == [("recording.unavailable", OnUnrecorded.END)]
    assert engine.running == 0


async def test_or_goes_on_with_an_alarm(
    engine: FakeEngine,
    container: Container,
    registry: Registry,
    shelf: Shelf,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attachment = await _broken(engine, container, registry, OnUnrecorded.ALARM, monkeypatch)
    await eventually(lambda: bool(shelf.failures), "the alarm")
    attachment.write_stdin(b"three")
    await eventually(lambda: attachment.session.logs[Stream.STDOUT].end == 11, "the output")
    assert not attachment.session.is_over


async def test_or_stands_still_until_it_can_be_recorded(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf, quick: None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        attachment = await _broken(engine, container, registry, OnUnrecorded.HOLD, patch)
        session = attachment.session
        await eventually(lambda: session.recorder is not None and session.recorder.is_holding, "the hold")
        attachment.write_stdin(b"three")
        await asyncio.sleep(0.1)
        assert session.logs[Stream.STDOUT].end == 3, "nothing that is not recorded reaches the command"
        assert session.stdin_consumed(attachment) <= 3
        assert len(shelf.failures) == 1
    await eventually(lambda: session.logs[Stream.STDOUT].end == 11, "the rest")
    attachment.end_stdin()
    await over(attachment)
    await eventually(lambda: bool(shelf.whole), "the recording")
    assert shelf.data(Code.OUTPUT) == shelf.data(Code.INPUT) == b"onetwothree"


async def test_the_end_is_written_once_though_it_could_not_be_at_first(
    engine: FakeEngine,
    container: Container,
    registry: Registry,
    shelf: Shelf,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attachment = registry.create(engine, container, CAT, decision=wanting(OnUnrecorded.HOLD))
    await attachment.session.wait_started()
    attachment.write_stdin(b"one")
    await eventually(lambda: attachment.session.recorder.done[Stream.STDOUT] == 3, "the first")  # type: ignore[union-attr]
    real, failures = RecordingWriter.write, iter(range(3))

    def full(writer: RecordingWriter, *args: Any) -> None:
        if next(failures, None) is not None:
            raise RecordingError("no room")
        real(writer, *args)

    monkeypatch.setattr(RecordingWriter, "write", full)
    attachment.end_stdin()
    await over(attachment)
    await eventually(lambda: bool(shelf.whole), "the recording")
    assert [event.code for event in shelf.events()].count(Code.EXIT) == 1
    assert shelf.data(Code.OUTPUT) == b"one"


async def test_a_fault_in_the_recorder_is_a_failure_to_record(
    engine: FakeEngine,
    container: Container,
    registry: Registry,
    shelf: Shelf,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attachment = registry.create(engine, container, CAT, decision=wanting())
    await attachment.session.wait_started()
    monkeypatch.setattr(Transcript, "take", lambda *_: 1 / 0)
    attachment.write_stdin(b"x")
    await over(attachment)
    assert attachment.session.status is not None
    assert attachment.session.status.reason == "recording.unavailable"


async def test_without_a_place_nothing_begins_that_must_be_recorded(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        with pytest.raises(RecordingError):
            registry.create(engine, container, CAT, decision=wanting())
        attachment = registry.create(engine, container, CAT, decision=wanting(OnUnrecorded.ALARM))
        assert attachment.session.recorder is None


async def test_what_the_policy_does_not_want_recorded_is_not(
    engine: FakeEngine, container: Container, registry: Registry, shelf: Shelf
) -> None:
    attachment = registry.create(engine, container, CAT, decision=ALLOWED)
    await attachment.session.wait_started()
    attachment.end_stdin()
    await over(attachment)
    assert attachment.session.recorder is None
    assert not shelf.place.exists()
