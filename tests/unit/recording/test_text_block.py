import pytest

from whale.model.errors import RecordingError
from whale.recording.search_query import SearchQuery
from whale.recording.text import LineKind, SpokenLine
from whale.recording.text_block import BLOCK, find_lines, in_blocks, lines_of, pack, unpack

LINES = [
    SpokenLine(0, LineKind.SCREEN, "12 drop table"),
    SpokenLine(1234, LineKind.TYPED, "> drop the table"),
    SpokenLine(1235, LineKind.SCREEN, "ta drop"),
    SpokenLine(2000, LineKind.SCREEN, "Drop Table again"),
]


def test_lines_come_back() -> None:
    assert lines_of(unpack(pack(LINES))) == LINES


def test_blocks_are_about_as_large() -> None:
    lines = [SpokenLine(number, LineKind.SCREEN, "x" * 100) for number in range(2000)]
    blocks = list(in_blocks(lines))
    assert [line for block in blocks for line in block] == lines
    assert {len(block) for block in blocks[:-1]} == {BLOCK // 100 + 1}
    assert list(in_blocks([])) == []


@pytest.mark.parametrize(
    ("query", "numbers"),
    [("drop table", [0, 1, 3]), ('"drop table"', [0, 3]), ("12", [0]), ("1234", []), ("drop nothing", []), ("ag", [3])],
)
def test_lines_are_found_by_their_text_alone(query: str, numbers: list[int]) -> None:
    found = [line for line, _ in find_lines(SearchQuery(query), unpack(pack(LINES)))]
    assert found == [LINES[number] for number in numbers]


def test_characters_that_fold_to_two_do_not_mislead() -> None:
    lines = [SpokenLine(0, LineKind.SCREEN, "ßßßßß ﬁne"), *LINES]
    rows = unpack(pack(lines))
    assert [line for line, _ in find_lines(SearchQuery("again"), rows)] == [LINES[3]]
    assert [line for line, _ in find_lines(SearchQuery("fine"), rows)] == [lines[0]]
    assert list(find_lines(SearchQuery("nowhere"), rows)) == []


@pytest.mark.parametrize("body", [b"", b"no zstd", pack(LINES)[:-3]])
def test_what_is_damaged_is_said(body: bytes) -> None:
    with pytest.raises(RecordingError):
        unpack(body)


@pytest.mark.parametrize("rows", [b"no row\n", b"1>\xff\n"])
def test_rows_that_are_none_are_said(rows: bytes) -> None:
    with pytest.raises(RecordingError):
        lines_of(rows)
    with pytest.raises(RecordingError):
        list(find_lines(SearchQuery("row"), rows + b"x row\n"))
