"""Readers are known for the length of a block, and told once."""

import pytest

from tests.unit.broker.conftest import ALICE, BOB
from tests.unit.policy.worlds import WEB
from whale.broker.readers import Readers, Right
from whale.model.errors import AccessDenied, WhaleError
from whale.model.principal import Action

OF_ALICE = Right(ALICE, Action.LOGS, WEB)
OF_BOB = Right(BOB, Action.LOGS, WEB)


class Told(list[str]):
    def by(self, name: str):  # type: ignore[no-untyped-def]
        return lambda error: self.append(f"{name}: {error.code}")


def ignore(error: WhaleError) -> None:
    """Hear of the end and do nothing."""


def test_readers_are_known_while_they_read() -> None:
    readers = Readers()
    assert readers.tokens() == set()
    with readers.reading(OF_ALICE, ignore), readers.reading(OF_ALICE, ignore):
        with readers.reading(OF_BOB, ignore):
            assert readers.tokens() == {ALICE.token_id, BOB.token_id}
            assert [right for _, right in readers.rights()] == [OF_ALICE, OF_ALICE, OF_BOB]
        assert readers.tokens() == {ALICE.token_id}
    assert readers.tokens() == set()


def test_one_that_fails_is_forgotten() -> None:
    readers = Readers()
    with pytest.raises(ZeroDivisionError), readers.reading(OF_ALICE, ignore):
        raise ZeroDivisionError
    assert readers.tokens() == set()


def test_all_of_a_token_are_told_once_and_nobody_else() -> None:
    readers, told = Readers(), Told()
    with (
        readers.reading(OF_ALICE, told.by("one")),
        readers.reading(OF_ALICE, told.by("two")),
        readers.reading(OF_BOB, told.by("bob")),
    ):
        assert readers.revoke({ALICE.token_id}) == [OF_ALICE, OF_ALICE]
        assert readers.revoke({ALICE.token_id}) == []
        assert readers.revoke(()) == []
    assert told == ["one: auth.revoked", "two: auth.revoked"]


def test_one_is_ended_once_with_why() -> None:
    readers, told = Readers(), Told()
    with readers.reading(OF_ALICE, told.by("alice")), readers.reading(OF_BOB, told.by("bob")):
        [(key, _), _] = readers.rights()
        for _ in range(2):
            readers.end(key, AccessDenied("no"))
    assert told == ["alice: access.denied"]
