"""What is redacted, made ready."""

import pytest

from tests.corpus.secrets import TOKENS
from whale.access.tokens import TOKEN_PREFIX
from whale.model.errors import ConfigError
from whale.recording.rules import Rules, Shapes, shapes_of
from whale.recording.shapes import Part, Shape


def test_shapes_with_one_lead_are_found_together() -> None:
    one, two = Shape("one", b"ab", Part(b"1")), Shape("two", b"ab", Part(b"2"))
    shapes = Shapes([one, two, Shape("three", b"cd", Part(b"3"))])
    hit = shapes.leads.search()(b"x ab")[0]
    assert shapes.beginning_with(hit.number) == [one, two]


def test_an_expression_that_can_not_be_used_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        Rules({"good": "a", "bad": "(?=a)"}, with_formats=False)
    assert caught.value.path == "bad"


def test_short_texts_are_left_out() -> None:
    assert shapes_of([b"short", b"       "]).leads.search()(b"short       ") == []
    assert shapes_of([b"longer"]).leads.search()(b"longer")


def test_the_formats_know_whales_own_tokens() -> None:
    assert any(kind == "whale" for kind in TOKENS)
    assert Rules().shapes.signs.first()(TOKEN_PREFIX.encode()) is not None
    assert Rules(with_formats=False).shapes.signs.first()(TOKEN_PREFIX.encode()) is None
