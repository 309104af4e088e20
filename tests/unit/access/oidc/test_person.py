from typing import Any

import pytest

from whale.access.oidc.person import MAX_GROUP, MAX_GROUPS, Person, person_of
from whale.model.errors import WhaleError

CLAIMS: dict[str, Any] = {"sub": "1", "preferred_username": "alice", "groups": ["b", "a", "b"]}


def person(claims: dict[str, Any], *, name: str = "preferred_username", allowed: tuple[str, ...] = ()) -> Person:
    return person_of(claims, name_claim=name, groups_claim="groups", allowed_groups=allowed)


def refused(claims: dict[str, Any], **more: Any) -> str:
    with pytest.raises(WhaleError) as caught:
        person(claims, **more)
    return caught.value.code


def test_a_person() -> None:
    assert person(CLAIMS) == Person("1", "alice", ("a", "b"))
    assert person(CLAIMS | {"groups": "one"}).groups == ("one",)
    assert person({"sub": "1", "preferred_username": "alice"}).groups == ()
    assert person(CLAIMS | {"groups": ["CN=x,OU=y", "/path", "ü"]}).groups == ("/path", "CN=x,OU=y", "ü")


@pytest.mark.parametrize("name", [None, "", "a b", "-x", "x" * 65, "<b>", "é", 5, ["alice"], "a\n"])
def test_names_that_can_not_be_used(name: object) -> None:
    assert refused(CLAIMS | {"preferred_username": name}) == "login.name"


def test_an_address_is_a_name_when_it_is_proved() -> None:
    claims = CLAIMS | {"email": "alice@example.com"}
    assert person(claims | {"email_verified": True}, name="email").name == "alice@example.com"
    for proved in (False, None, "true", 1):
        assert refused(claims | {"email_verified": proved}, name="email") == "login.name"
    assert refused(claims, name="email") == "login.name"


@pytest.mark.parametrize(
    "groups", [5, {"a": 1}, [5], [""], ["a", None], ["x" * (MAX_GROUP + 1)], ["a\x1b"], ["x"] * (MAX_GROUPS + 1)]
)
def test_all_groups_or_none(groups: object) -> None:
    assert refused(CLAIMS | {"groups": groups}) == "login.failed"


def test_groups_that_may() -> None:
    assert person(CLAIMS, allowed=("x", "a")).name == "alice"
    assert refused(CLAIMS, allowed=("x",)) == "login.denied"
    assert refused(CLAIMS | {"groups": []}, allowed=("x",)) == "login.denied"
