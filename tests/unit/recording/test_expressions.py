"""Many expressions at once."""

import pytest

from whale.model.errors import ConfigError
from whale.recording.expressions import Expression, Expressions, Hit


def test_every_end_is_found_with_its_start() -> None:
    search = Expressions([Expression(b"ab+"), Expression(b"^C$", any_case=True)]).search()
    assert sorted(search(b"xabb\nc\n")) == [Hit(1, 3, 0), Hit(1, 4, 0), Hit(5, 6, 1)]
    assert search(b"nothing") == []


def test_the_first_end_is_found() -> None:
    first = Expressions([Expression(b"one"), Expression(b"two")]).first()
    assert first(b"a two and one") == Hit(2, 5, 1)
    assert first(b"nothing") is None
    assert first(b"one") == Hit(0, 3, 0)


def test_without_starts_there_are_only_ends() -> None:
    assert Expressions([Expression(b"one")], with_starts=False).first()(b"a one") == Hit(0, 5, 0)


def test_no_expressions_find_nothing() -> None:
    assert Expressions([]).search()(b"text") == []
    assert Expressions([]).first()(b"text") is None


@pytest.mark.parametrize("pattern", [rb"(a)\1", rb"(?<=a)b", rb"a*", rb"(", rb"((a{1,900}){1,900}){1,900}b"])
def test_what_is_not_linear_is_refused_by_name(pattern: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        Expressions([Expression(b"good"), Expression(pattern)])
    assert caught.value.path == pattern.decode()
    assert caught.value.hint
