import os
import stat
import time
from pathlib import Path

import pytest

from whale.model.errors import RecordingError
from whale.recording import index as module
from whale.recording.index import Hit, Indexed, IndexSearch, IndexWriter, shard_files
from whale.recording.search_query import SHOWN, SearchQuery
from whale.recording.shard import Part
from whale.recording.text import LineKind, SpokenLine

IDS = [f"{number:032x}" for number in range(10)]
SCREEN = LineKind.SCREEN


def lines(*texts: str) -> list[list[SpokenLine]]:
    return [[SpokenLine(number * 1000, SCREEN, text) for number, text in enumerate(texts)]]


def found(directory: Path, text: str, among: list[str] | None = None, limit: int = 100) -> list[tuple[str, list[Hit]]]:
    search = IndexSearch(directory, SearchQuery(text), deadline=time.monotonic() + 60)
    made = []
    while candidates := search.candidates(among):
        made += [(id, search.hits(id, limit=limit)) for id in candidates]
    assert not search.is_late
    search.close()
    return made


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of ten recordings in several files."""
    monkeypatch.setattr(module, "FULL", 4)
    directory = tmp_path / "index"
    writer = IndexWriter(directory)
    for number, id in enumerate(IDS):
        writer.add(Part(id, 0, is_last=True), lines("drop table", f"unique{number}", "drop the table" + " x" * SHOWN))
    writer.close()
    writer.close()
    return directory


def test_hits_are_lines_newest_recordings_first(directory: Path) -> None:
    assert len(shard_files(directory)) == 3
    hits = found(directory, "table drop")
    assert [id for id, _ in hits] == IDS[::-1]
    assert hits[0][1][0] == Hit(0, SCREEN, "drop table")
    assert (hits[0][1][1].at, hits[0][1][1].line[-1]) == (2000, "…")
    assert found(directory, '"drop table"', limit=1)[0][1] == [Hit(0, SCREEN, "drop table")]
    assert found(directory, "unique3") == [(IDS[3], [Hit(1000, SCREEN, "unique3")])]
    assert found(directory, "unique", [IDS[2]]) == [(IDS[2], [Hit(1000, SCREEN, "unique2")])]
    assert found(directory, "unique3 table")[0][1] == []  # in one block, and in no line
    assert found(directory, "nowhere") == found(directory / "nothing", "table") == []


def test_nobody_else_reads_it(directory: Path) -> None:
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_another_writer_goes_on(directory: Path) -> None:
    writer = IndexWriter(directory)
    assert writer.known == dict.fromkeys(IDS, Indexed(1, is_finished=True))
    writer.add(Part("f" * 32, 0, is_last=False), lines("table of mine"))
    writer.add(Part("f" * 32, 1, is_last=True), lines("table again"))
    writer.close()
    assert found(directory, "table")[0][0] == "f" * 32
    again = IndexWriter(directory)
    assert again.known["f" * 32] == Indexed(2, is_finished=True)
    again.close()


def test_what_is_deleted_is_in_no_file(directory: Path) -> None:
    writer = IndexWriter(directory)
    writer.delete(IDS[:5])
    assert set(writer.known) == set(IDS[5:])
    assert len(shard_files(directory)) == 2  # one was empty
    for path in directory.iterdir():
        assert b"unique1" not in path.read_bytes()
        assert b"unique4" not in path.read_bytes()
    writer.close()
    assert [id for id, _ in found(directory, "table")] == IDS[:4:-1]


@pytest.mark.parametrize("damage", [b"", b"no database" * 1000])
def test_what_is_damaged_is_made_anew(directory: Path, damage: bytes) -> None:
    path = shard_files(directory)[1]
    path.write_bytes(damage)
    path.with_name(f"{path.name}-journal").touch()
    writer = IndexWriter(directory)
    assert set(writer.known) == {*IDS[:4], *IDS[8:]}
    writer.close()
    if damage:
        assert not path.exists()


def test_a_search_ends_when_it_takes_too_long(directory: Path) -> None:
    search = IndexSearch(directory, SearchQuery("table"), deadline=time.monotonic() - 1)
    assert search.candidates() == []
    assert search.is_late
    search = IndexSearch(directory, SearchQuery("table"), deadline=time.monotonic() + 60)
    [first, *_] = search.candidates()
    search._deadline = 0
    assert search.hits(first, limit=5) == []
    search.close()
    assert search.hits(first, limit=5) == []


def test_a_file_that_goes_meanwhile_is_passed_over(directory: Path) -> None:
    search = IndexSearch(directory, SearchQuery("table"), deadline=time.monotonic() + 60)
    shard_files(directory)[-1].unlink()
    assert search.candidates()[0] == IDS[7]
    shard_files(directory)[0].write_bytes(b"no database" * 100)
    with pytest.raises(RecordingError):
        search.candidates()
    search.close()


def test_what_can_not_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError):
        IndexWriter(tmp_path / "file")
    with pytest.raises(RecordingError):
        shard_files(tmp_path / "file")
    (tmp_path / "index").mkdir()
    os.symlink("/dev/null", tmp_path / "index" / "lock")
    with pytest.raises(RecordingError):
        IndexWriter(tmp_path / "index")
