"""The words for roles."""

from whale.model.role import Role


def test_their_words_are_those_of_the_protocol() -> None:
    assert {role.value for role in Role} == {"controller", "viewer"}
