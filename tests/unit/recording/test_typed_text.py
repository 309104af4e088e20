import pytest

from whale.recording.text_screen import MAX_LINE
from whale.recording.typed_text import TypedText


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (b"drop table\r", ["drop table"]),
        (b"drpo\x7f\x7fop table\r\rls\n", ["drop table", "ls"]),
        (b"one two\x17three\r", ["one three"]),
        (b"gone\x15kept\r", ["gone", "kept"]),
        (b"never sent", ["never sent"]),
        (b"a\x03b\x04", ["a", "b"]),
        (b"\x1b[200~paste d\x1b[201~\x1b[A\x1bOB\x1bf\x1b[M abx\r", ["paste dx"]),
        (b"cd /t\tx\r", ["cd /t x"]),
        ("é日\r".encode(), ["é日"]),
        (b"\x7f\x7fa\r", ["a"]),
    ],
)
def test_lines_are_what_an_editor_makes_of_keys(typed: bytes, expected: list[str]) -> None:
    whole, keys = TypedText(), TypedText()
    at_once = [*whole.feed(typed, 7), *whole.finish()]
    one_by_one = [line for value in typed for line in keys.feed(bytes([value]), 7)] + keys.finish()
    assert [line.text for line in at_once] == [line.text for line in one_by_one] == expected
    assert all(line.at == 7 for line in at_once)


def test_a_line_without_an_end_is_several() -> None:
    typed = TypedText()
    lines = typed.feed(b"x" * 3 * MAX_LINE, 0) + typed.finish()
    assert [len(line.text) for line in lines] == [MAX_LINE] * 3
