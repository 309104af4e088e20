import pytest

from whale.model.errors import UsageError
from whale.recording.search_query import MAX_QUERY, SHOWN, SearchQuery, excerpt, words_of


@pytest.mark.parametrize(
    ("query", "line", "place"),
    [
        ("drop table", "mysql> DROP  TABLE users;", 7),
        ("table drop", "drop table", 0),
        ("drop tab", "drop table", 0),
        ("rop table", "drop table", None),
        ('"drop table"', "drop   table", 0),
        ('"table drop"', "drop table", None),
        ('"drop table', "drop table", 0),
        ("drop view", "drop table", None),
        ("rm -rf /", "# rm -rf /srv", 2),
        ("drop_table", "x drop_table()", 2),
        ("table", "drop_table()", 5),
        ("STRASSE", "straße", 0),
        ("日本", "x 日本語", 2),
        ('"a.c" main', "a.c: in main", 0),
        ('"a.c" main', "abc: in main", None),
    ],
)
def test_words_of_a_line_are_found(query: str, line: str, place: int | None) -> None:
    asked = SearchQuery(query)
    assert asked.find(line) == place
    if place is not None:
        # What the index is asked for is there.
        assert all(any(word.startswith(part) for word in words_of(line)) for part in asked.words)
        assert all(piece in line.casefold() for piece in asked.pieces)


@pytest.mark.parametrize(
    "query", ["", "  ", '""', "--", "a", "a -", "x" * (MAX_QUERY + 1), "a\nbc", "a\0bc", "ab " * 17]
)
def test_what_can_not_be_searched_for_is_said(query: str) -> None:
    with pytest.raises(UsageError):
        SearchQuery(query)


@pytest.mark.parametrize("query", ["foo* OR", "NEAR(ab cd)", "words:ab", "ab)(", "^ab", "ab'; --", "{ab} + cd"])
def test_it_is_the_language_of_no_library(query: str) -> None:
    assert SearchQuery(query).find(f"x {query} y") is not None


def test_the_index_is_asked_for_as_little_as_will_do() -> None:
    assert SearchQuery("information info x").words == ("information",)
    assert SearchQuery("a" * 100).words == ("a" * 32,)


def test_of_a_long_line_the_part_is_shown_that_was_found() -> None:
    line = "x" * 500 + " needle " + "y" * 500
    part = excerpt(line, 501)
    assert "needle" in part
    assert (part[0], part[-1], len(part)) == ("…", "…", SHOWN + 2)
    assert excerpt("short", 3) == "short"
    assert excerpt(line, 0).startswith("xxx")
