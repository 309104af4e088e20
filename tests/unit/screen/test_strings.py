import pytest

from whale.screen.strings import KINDS, after_end, last_kind


@pytest.mark.parametrize("introducer", KINDS)
def test_the_kind_is_what_was_begun_last(introducer: bytes) -> None:
    assert last_kind(b"\x1b]2;a\x07 \x1b[31m" + introducer + b"body") == KINDS[introducer]


@pytest.mark.parametrize("introducer", KINDS)
def test_what_follows_the_end(introducer: bytes) -> None:
    kind = KINDS[introducer]
    assert after_end(kind, b"123456") is None
    assert after_end(kind, b"12\x18rest") == b"rest"
    assert after_end(kind, b"12\x1arest") == b"rest"
    assert after_end(kind, b"12\x1b\\rest") == b"\x1b\\rest"


def test_a_bell_ends_only_what_it_ends_in_terminals() -> None:
    assert after_end(KINDS[b"\x1b]"], b"12\x07rest") == b"rest"
    assert after_end(KINDS[b"\x1bP"], b"12\x07rest") is None
    assert after_end(KINDS[b"\x1b["], b"12mrest") == b"rest"
