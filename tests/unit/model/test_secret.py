"""A secret gets nowhere by accident."""

import copy
import pickle

import pytest

from whale.model.secret import Secret

PLANTED = "whale_tok_hunter2"


def test_it_is_revealed_on_purpose() -> None:
    assert Secret(PLANTED).reveal() == PLANTED


def test_it_does_not_print() -> None:
    secret = Secret(PLANTED)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", f"{[secret]}", f"{secret!s}"]
    assert not any(PLANTED in text for text in shown)
    assert f"{secret:>12}" == "   Secret(…)"


def test_it_does_not_leave_the_process() -> None:
    secret = Secret(PLANTED)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)
    assert not hasattr(secret, "__dict__")


def test_it_compares_by_its_text() -> None:
    assert Secret(PLANTED) == Secret(PLANTED)
    assert Secret(PLANTED) != Secret(PLANTED + "x")
    assert Secret(PLANTED) != PLANTED
    assert len({Secret(PLANTED), Secret(PLANTED), Secret("")}) == 2


def test_bytes_that_are_not_utf8_compare_too() -> None:
    odd = b"\xff\xfe".decode("utf-8", "surrogateescape")
    assert Secret(odd) == Secret(odd)
    assert Secret(odd) != Secret("ÿþ")


def test_an_empty_one_is_false() -> None:
    assert not Secret("")
    assert Secret(PLANTED)
