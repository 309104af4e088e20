import time

import pytest

from whale.access.federation.pattern import MAX_VALUE, fits, is_pattern

MAIN = "repo:acme/app:ref:refs/heads/main"


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (MAIN, MAIN),
        ("repo:acme/*:ref:refs/heads/main", MAIN),
        ("repo:acme/app:**", MAIN),
        ("**main", MAIN),
        ("repo:acme/app:ref:refs/heads/**", "repo:acme/app:ref:refs/heads/feature/a:b"),
        ("*-prod-*", "a-prod-b"),
        ("a*", "a"),
        ("*a*a*", "banana"),
        ("a.b", "a.b"),
        ("[a]?", "[a]?"),
        ("ünï*", "ünïcode"),
    ],
)
def test_what_fits(pattern: str, value: str) -> None:
    assert fits(pattern, value)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (MAIN, "repo:acme/app-evil:ref:refs/heads/main"),
        (MAIN, f"{MAIN}2"),
        (MAIN, f"x{MAIN}"),
        (MAIN, MAIN.upper()),
        (MAIN, f"{MAIN}\n"),
        (MAIN, f"{MAIN}\x00"),
        ("repo:acme/app:**", f"{MAIN}\nrepo:acme/app:x"),
        ("repo:acme/app:**", "repo:acme/app-evil:ref:refs/heads/main"),
        ("repo:acme/app*:ref:refs/heads/main", "repo:acme/app:x:ref:refs/heads/main"),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/x/y:ref:refs/heads/main"),
        ("repo:acme/*:ref:refs/heads/main", "repo:acme/x:environment:y:ref:refs/heads/main"),
        ("repo:acme/app:ref:refs/heads/*", "repo:acme/app:ref:refs/heads/feature/x"),
        ("a.b", "axb"),
        ("[a]", "a"),
        ("a?", "ab"),
        ("*a", ""),
        ("a", ""),
        ("**x", "y"),
        ("x**", "x" * (MAX_VALUE + 1)),
    ],
)
def test_what_does_not(pattern: str, value: str) -> None:
    assert not fits(pattern, value)


def test_stars_alone_name_nobody() -> None:
    for text in ("", "*", "**", "*****", "a\n", "a" * (MAX_VALUE + 1)):
        assert not is_pattern(text)
    for text in ("a", "a*", "**:a", MAIN):
        assert is_pattern(text)


def test_no_value_takes_long() -> None:
    pattern, value = "*a**a" * 200 + "b", "a" * MAX_VALUE
    began = time.process_time()
    assert not fits(pattern, value)
    assert time.process_time() - began < 2, "it grows with the product of both, and not by powers"
