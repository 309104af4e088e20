"""A recording that is cut at any byte of its last 64 KiB can be read up to there, gone on with, and is whole then.

A few hundred bytes in every run, and each one with WHALE_SOAK=1.
"""

import json
import os
import random
import shutil
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.recording_events import ID, header, output
from whale.model.errors import RecordingError
from whale.recording.chunk import ChunkReader, Ending, chunk_files
from whale.recording.event import KeyFrame, RecordedEvent
from whale.recording.parts import PART
from whale.recording.reader import RecordingReader
from whale.recording.verify import verify
from whale.recording.writer import RecordingWriter

SOAK = bool(os.environ.get("WHALE_SOAK"))
LAST = 64 * 1024
EACH = 1 if SOAK else 331
"""Bytes between two cuts, beside those around the ends of records."""

KEY = KeyFrame(0, 80, 24, b"picture" * 100)
SOME = random.Random(1)


def _flush(number: int) -> list[RecordedEvent]:
    """What a quarter of a second brings: a number, and what compresses badly, and may be no text."""
    data = b"%04d:%b\r\n" % (number, SOME.randbytes(SOME.choice((0, 40, 300))))
    return [output(number * 250 + 7, data[:5]), output(number * 250 + 11, data[5:])] if number % 3 else []


class Made(NamedTuple):
    """A recording, the events up to each position, and the last bytes of its files: file and size to cut it to."""

    directory: Path
    events: list[list[RecordedEvent]]
    cuts: list[tuple[Path, int]]

    def cut(self, path: Path, size: int, copy: Path) -> None:
        """Make a copy in which there is nothing any more from a byte on."""
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for each in chunk_files(self.directory):
            if each < path:
                (copy / each.name).hardlink_to(each)
        shutil.copyfile(path, copy / path.name)
        os.truncate(copy / path.name, size)


def _made(directory: Path, *, each: int, chunks: int, count: int) -> Made:
    """Make one of so many flushes: of so many files, each of so many of them, and a last one of the rest."""
    writer = RecordingWriter.create(directory, header())
    flushes = [_flush(number) for number in range(count)]
    for number, events in enumerate(flushes):
        writer.write(events, {"stdout": number})
        if (number + 1) % each == 0 and writer.number < chunks:
            writer.begin_chunk(KEY)
    return Made(directory, flushes, list(_cuts(directory)))


def _cuts(directory: Path) -> Iterator[tuple[Path, int]]:
    """Whatever may be left when up to the last 64 KiB are not."""
    left = LAST
    for path in reversed(chunk_files(directory)):
        size = path.stat().st_size
        ends = {record.end for record in ChunkReader(path)._read()}
        for lost in range(min(left, size) + 1):
            if lost % EACH == 0 or {size - lost - 1, size - lost, size - lost + 1} & ends:
                yield path, size - lost
        left -= min(left, size)
        if not left:
            return


def _text(events: list[RecordedEvent]) -> bytes:
    return b"".join(event.data for event in events)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """As a server leaves it that is killed: the last file has nothing but flushes, and more than 64 KiB of them."""
    made = _made(tmp_path_factory.mktemp("killed") / ID, each=20, chunks=1, count=400)
    assert {path.name for path, _ in made.cuts} == {"000001.chunk"}
    return made


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The same of small files, so that cuts go through heads, and take whole files away."""
    made = _made(tmp_path_factory.mktemp("short") / ID, each=10, chunks=40, count=405)
    assert len({path.name for path, _ in made.cuts}) > 5
    return made


def test_at_most_the_last_flush_is_lost(killed: Made, tmp_path: Path) -> None:
    copy = tmp_path / ID
    path = killed.cuts[0][0]
    chunk = ChunkReader(path)
    ends, behind = [], []
    for record in chunk.records():
        ends.append(record.end)
        behind.append(chunk.note(record).position["stdout"])
    for number, (_, size) in enumerate(killed.cuts):
        killed.cut(path, size, copy)
        last = bisect_right(ends, size) - 1
        whole = behind[last]
        assert ChunkReader(copy / path.name).ending() == Ending(ends[last], last + 2, None)
        if SOAK and number % 16 and not {size - 1, size, size + 1} & set(ends):
            continue
        writer = RecordingWriter.resume(copy)
        assert writer.position == {"stdout": whole}
        writer.close()
        if number % 8 == 0:
            assert verify(copy, id=ID, head=None) == []
        if number % (64 if SOAK else 50) == 0:
            _goes_on(killed, copy, whole)
    assert len(killed.cuts) > (LAST if SOAK else 300)


def _goes_on(made: Made, copy: Path, whole: int) -> None:
    """What was whole is there, and the rest is added to it."""
    assert _text(list(RecordingReader(copy).events())) == b"".join(map(_text, made.events[: whole + 1]))
    writer = RecordingWriter.resume(copy)
    for again, events in enumerate(made.events[whole + 1 :], whole + 1):
        writer.write(events, {"stdout": again})
    closed = writer.finish()
    assert verify(copy, id=ID, head=closed.sha256) == []
    found = list(RecordingReader(copy).events())
    assert _text(found) == b"".join(map(_text, made.events))
    assert {event.at for event in found} == {event.at for events in made.events for event in events}


def test_cuts_through_heads_and_whole_files_are_cuts_like_others(short: Made, tmp_path: Path) -> None:
    copy = tmp_path / ID
    for number, (path, size) in enumerate(short.cuts):
        if number % (4 if SOAK else 30):
            continue
        short.cut(path, size, copy)
        lost = _text(list(RecordingReader(copy).events()))
        assert b"".join(map(_text, short.events)).startswith(lost)
        writer = RecordingWriter.resume(copy)
        whole = writer.position["stdout"]
        writer.close()
        assert lost == b"".join(map(_text, short.events[: whole + 1]))
        _goes_on(short, copy, whole)


def test_of_what_was_finished_little_is_lost(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """No crash does this: a file is on the disk before it counts as finished. A disk that fails may."""
    directory, copy = tmp_path_factory.mktemp("finished") / ID, tmp_path / ID
    flushes = [_flush(number) for number in range(2000)]
    writer = RecordingWriter.create(directory, header())
    for number, events in enumerate(flushes):
        writer.write(events, {"stdout": number})
    head = writer.finish().sha256
    lines = list(RecordingReader(directory).lines())
    for path, size in Made(directory, flushes, list(_cuts(directory))).cuts[1 :: 4 if SOAK else 8]:
        Made(directory, [], []).cut(path, size, copy)
        found = list(RecordingReader(copy).lines())
        assert found == lines[: len(found)]
        assert json.loads(found[0])["version"] == 3
        gone = sum(map(len, lines[len(found) :]))
        stored = path.stat().st_size - size
        assert gone < PART + 2000 or stored > 2000 + gone // 20
        assert verify(copy, id=ID, head=head) != []


def test_before_its_header_there_is_no_recording(tmp_path: Path) -> None:
    writer = RecordingWriter.create(tmp_path / ID, header())
    writer.close()
    (path,) = chunk_files(tmp_path / ID)
    for size in range(path.stat().st_size - 1, -1, -1):
        os.truncate(path, size)
        with pytest.raises(RecordingError) as failed:
            RecordingReader(tmp_path / ID).header()
        assert failed.value.code == "recording.damaged"
