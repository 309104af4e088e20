"""Shapes, found in text that comes in pieces."""

import pytest

from whale.recording.rules import Shapes
from whale.recording.scanner import Range, Scanner
from whale.recording.shapes import Part, Shape
from whale.recording.visible import Text

SHAPES = Shapes(
    [
        Shape("number", b"no_", Part(rb"[0-9]", 3, 3), rest=rb"[0-9]"),
        Shape("block", b"<<", Part(b"<"), rest=rb"[a-z\n]", most=5),
    ]
)


def found(*pieces: bytes, shapes: Shapes = SHAPES) -> list[Range]:
    text = Text()
    scanner = Scanner(text, shapes)
    ranges = []
    for number, piece in enumerate(pieces):
        text.add(piece, 0)
        text.settle()
        scanner.scan(is_last=number == len(pieces) - 1)
        ranges += scanner.found
        scanner.found.clear()
        text.forget(scanner.at)
    return ranges


def characters(ranges: list[Range]) -> list[int]:
    return [at for start, end, _ in ranges for at in range(start, end)]


def after(*pieces: bytes) -> tuple[Text, Scanner]:
    text = Text()
    scanner = Scanner(text, SHAPES)
    for piece in pieces:
        text.add(piece, 0)
        text.settle()
        scanner.scan()
    return text, scanner


@pytest.mark.parametrize("text", [b"x no_12345 y", b"no_1\n23", b"no_12 no_123", b"<<<abcdefgh", b"nono_999", b"no_12"])
def test_any_cut_finds_the_same(text: bytes) -> None:
    whole = characters(found(text))
    assert characters(found(*[text[at : at + 1] for at in range(len(text))])) == whole
    for cut in range(len(text)):
        assert characters(found(text[:cut], text[cut:])) == whole


def test_a_lead_within_the_beginning_of_another_one_waits() -> None:
    shapes = Shapes([Shape("short", b"ab", Part(rb"[0-9]")), Shape("long", b"xab1c", Part(rb"[0-9]"))])
    assert [each.rule for each in found(b"xab1c2", shapes=shapes)] == ["long"]
    assert [each.rule for each in found(b"xab1", b"c2", shapes=shapes)] == ["long"]
    assert [each.rule for each in found(b"xab1", b"d2", shapes=shapes)] == ["short"]


def test_the_lead_tells_the_rule_and_the_rest_none() -> None:
    assert found(b"x no_12345 y") == [Range(2, 8, "number"), Range(8, 10, "")]


def test_a_rest_over_lines_has_an_end() -> None:
    assert characters(found(b"<<<abcdefgh")) == list(range(8))


def test_what_is_held_back_is_given_up_as_a_whole() -> None:
    _, scanner = after(b"x no_1")
    assert scanner.at == 2
    assert [(start, end) for start, end, _ in scanner.give_up()] == [(2, 6)]


def test_lines_are_not_passed_over_within_a_secret() -> None:
    assert after()[1].is_between
    assert not after(b"no_123")[1].is_between
    assert after(b"no_123", b" no")[1].is_between


def test_what_is_passed_over_is_decided() -> None:
    text, scanner = after(b"x no")
    scanner.skip()
    assert scanner.at == text.end
