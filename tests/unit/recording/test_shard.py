import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale.model.errors import RecordingError
from whale.recording.shard import Part, Shard
from whale.recording.text import LineKind, SpokenLine
from whale.recording.text_block import lines_of

ONE, OTHER = "1" * 32, "2" * 32


def block(*texts: str) -> list[SpokenLine]:
    return [SpokenLine(number, LineKind.SCREEN, text) for number, text in enumerate(texts)]


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[Shard]:
    made = Shard(tmp_path / "000001.db", is_writing=True)
    made.add(Part(ONE, 0, is_last=False), [block("drop table", "Übung macht"), block("other words")])
    made.add(Part(OTHER, 0, is_last=True), [block("drop the needle", "unrepeatable9")])
    yield made
    made.close()


def test_blocks_are_found_by_beginnings_of_words_newest_first(shard: Shard) -> None:
    assert shard.search(["drop"]) == {OTHER: [3], ONE: [1]}
    assert list(shard.search(["dr"])) == [OTHER, ONE]
    assert shard.search(["drop", "tab"]) == {ONE: [1]}
    assert shard.search(["übung"]) == {ONE: [1]}
    assert shard.search(["drop", "other"]) == {}
    assert shard.search(["drop"], [ONE]) == {ONE: [1]}
    assert shard.search(["drop"], []) == {}
    assert [line.text for line in lines_of(shard.rows(2))] == ["other words"]
    assert shard.rows(99) == b""
    assert (shard.blocks(), shard.parts()) == (3, [Part(ONE, 0, False), Part(OTHER, 0, True)])


def test_words_are_looked_for_near_each_other(shard: Shard) -> None:
    lines = [*("x" * 100 for _ in range(700)), "drop", *("y" * 100 for _ in range(700)), "table", "drop table"]
    shard.add(Part("3" * 32, 0, is_last=True), [block("early", *lines[:701], "table"), block("early", *lines[701:])])
    assert shard.search(["early", "drop"]) == {}, "they are 64 KiB apart"
    assert shard.search(["drop", "table"], ["3" * 32]) == {"3" * 32: [5, 4]}
    shard.delete(["3" * 32])
    assert shard.search(["early"]) == {}
    assert shard.search(["drop"]) == {OTHER: [3], ONE: [1]}


def test_only_the_server_reads_it(shard: Shard) -> None:
    assert stat.S_IMODE(shard.path.stat().st_mode) == 0o600


def test_a_part_that_comes_again_is_there_once(shard: Shard) -> None:
    shard.add(Part(ONE, 0, is_last=False), [block("drop table")])
    assert shard.search(["drop"], [ONE]) == {ONE: [4]}
    assert shard.search(["other"]) == {}
    assert shard.blocks() == 2


def test_a_part_that_was_cut_short_is_not_there(shard: Shard) -> None:
    def cut() -> Iterator[list[SpokenLine]]:
        yield block("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shard.add(Part(ONE, 1, is_last=True), cut())
    broken: list[list[SpokenLine]] = [block("half"), [None]]  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        shard.add(Part(ONE, 1, is_last=True), broken)
    assert shard.search(["half"]) == {}
    assert len(shard.parts()) == 2


def test_nothing_is_left_in_the_file_of_what_is_deleted(shard: Shard) -> None:
    # So many that they come into pages that are merged, and split.
    for number in range(1, 60):
        shard.add(
            Part(OTHER, number, is_last=False), [block(f"secretword{number}x", *(f"w{each}" for each in range(300)))]
        )
    assert b"secretword" in shard.path.read_bytes()
    assert shard.delete([OTHER])
    assert not shard.delete([OTHER])
    assert shard.search(["drop"]) == {ONE: [1]}
    for path in shard.path.parent.iterdir():
        left = path.read_bytes()
        assert b"secretword" not in left, path
        assert b"unrepeatable9" not in left, path
        assert OTHER.encode() not in left, path


def test_a_reader_sees_it_and_changes_nothing(shard: Shard) -> None:
    reader = Shard(shard.path)
    assert list(reader.search(["needle"])) == [OTHER]
    with pytest.raises(RecordingError):
        reader.delete([ONE])
    shard.delete([OTHER])
    assert reader.search(["needle"]) == {}
    reader.close()


def test_what_takes_too_long_is_broken_off(tmp_path: Path) -> None:
    shard = Shard(tmp_path / "000001.db", is_writing=True)
    shard.add(Part(ONE, 0, is_last=True), (block(f"word{number}") for number in range(3000)))
    shard.stop_at(time.monotonic() - 1)
    with pytest.raises(RecordingError):
        shard.search(["word"])
    shard.close()


def test_another_version_is_said_and_an_empty_file_is_one_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "000001.db"
    path.touch()
    empty = Shard(path)
    assert empty.search(["word"]) == {}
    empty.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for is_writing in (False, True):
        with pytest.raises(RecordingError, match="version"):
            Shard(path, is_writing=is_writing)


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_what_is_no_index_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "000001.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingError):
        Shard(path)
