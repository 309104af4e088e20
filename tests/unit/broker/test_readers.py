"""Readers are known for the length of a block, and told once."""

import pytest

from tests.unit.broker.conftest import ALICE, BOB
from whale.broker.readers import Readers


def test_readers_are_known_while_they_read() -> None:
    readers = Readers()
    assert readers.tokens() == set()
    with readers.reading(ALICE, lambda: None), readers.reading(ALICE, lambda: None):
        with readers.reading(BOB, lambda: None):
            assert readers.tokens() == {ALICE.token_id, BOB.token_id}
        assert readers.tokens() == {ALICE.token_id}
    assert readers.tokens() == set()


def test_one_that_fails_is_forgotten() -> None:
    readers = Readers()
    with pytest.raises(ZeroDivisionError), readers.reading(ALICE, lambda: None):
        raise ZeroDivisionError
    assert readers.tokens() == set()


def test_all_of_a_token_are_told_once_and_nobody_else() -> None:
    readers, told = Readers(), list[str]()
    with (
        readers.reading(ALICE, lambda: told.append("one")),
        readers.reading(ALICE, lambda: told.append("two")),
        readers.reading(BOB, lambda: told.append("bob")),
    ):
        assert readers.revoke({ALICE.token_id}) == [ALICE, ALICE]
        assert readers.revoke({ALICE.token_id}) == []
        assert readers.revoke(()) == []
    assert told == ["one", "two"]
