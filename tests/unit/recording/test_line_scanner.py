"""An operator's expressions, a line at a time."""

from whale.model.limits import MAX_REDACTED_LINE
from whale.recording.expressions import Expression, Expressions
from whale.recording.line_scanner import LineScanner
from whale.recording.scanner import Range
from whale.recording.visible import Text

EXPRESSIONS = Expressions([Expression(b"a+b"), Expression(b"bc"), Expression(b"x.*y")])


def scanner_of(data: bytes) -> tuple[Text, LineScanner]:
    text = Text()
    scanner = LineScanner(text, EXPRESSIONS, ("one", "two", "three"))
    text.add(data, 0)
    text.settle()
    return text, scanner


def test_what_overlaps_is_one() -> None:
    _, scanner = scanner_of(b"-aabc- x\ny\n")
    scanner.scan()
    assert scanner.found == [Range(1, 5, "one")]


def test_a_line_is_held_back_until_it_ends() -> None:
    text, scanner = scanner_of(b"one\nab")
    scanner.scan()
    assert (scanner.at, scanner.found, scanner.is_between) == (4, [], False)
    scanner.scan(is_last=True)
    assert (scanner.at, scanner.found, scanner.is_between) == (6, [Range(4, 6, "one")], True)
    text.add(b"more\n", 6)
    scanner.skip()
    assert scanner.at == text.end


def test_a_long_line_is_seen_in_pieces_that_overlap() -> None:
    half = MAX_REDACTED_LINE // 2
    _, scanner = scanner_of(b"-" * (half - 1) + b"ab" + b"-" * (half - 2) + b"ab--")
    scanner.scan()
    assert scanner.at == half
    scanner.scan(is_last=True)
    assert Range(half - 1, half + 1, "one") in scanner.found
    assert Range(2 * half - 1, 2 * half + 1, "one") in scanner.found


def test_a_line_that_waits_for_too_long_is_looked_at() -> None:
    _, scanner = scanner_of(b"ab")
    assert scanner.give_up() == [Range(0, 2, "one")]
