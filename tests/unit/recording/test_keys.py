"""Typed input, taken apart."""

import pytest

from whale.recording.keys import Keys, Kind, Unit


def parts(data: bytes) -> list[tuple[str, bytes]]:
    return [(unit.kind.value, unit.data) for unit in Keys().feed(0, data)]


def test_characters_are_apart_from_keys() -> None:
    assert parts("aü\t\x7f\x1b[A\x1bOP\x1bb\x1b[15;2~".encode()) == [
        ("characters", "aü".encode()),
        *(("key", key) for key in (b"\t", b"\x7f", b"\x1b[A", b"\x1bOP", b"\x1bb", b"\x1b[15;2~")),
    ]
    assert parts(b"a\rb\n\x03") == [
        ("characters", b"a"),
        ("enter", b"\r"),
        ("characters", b"b"),
        ("enter", b"\n"),
        ("enter", b"\x03"),
    ]


def test_a_paste_is_characters_between_two_keys() -> None:
    assert parts(b"\x1b[200~text\x1b[201~") == [
        ("key", b"\x1b[200~"),
        ("characters", b"text"),
        ("key", b"\x1b[201~"),
    ]


def test_answers_of_a_terminal_are_known_for_them() -> None:
    assert parts(b"\x1b]52;c;c2VjcmV0\x07x") == [("reply", b"\x1b]52;c;c2VjcmV0\x07"), ("characters", b"x")]
    assert parts(b"\x1bP1$r0m\x1b\\") == [("reply", b"\x1bP1$r0m\x1b\\")]
    assert parts(b"\x1b[Mabc") == [("key", b"\x1b[Mabc")]


@pytest.mark.parametrize("key", [b"\x1b[1;5C", b"\x1bOA", b"\x1b[M !!"])
def test_a_key_in_pieces_is_one(key: bytes) -> None:
    keys = Keys()
    units = [unit for at in range(len(key)) for unit in keys.feed(at, key[at : at + 1])]
    assert [(unit.kind, unit.data) for unit in units] == [(Kind.KEY, key)]


def test_an_escape_alone_is_a_key() -> None:
    keys = Keys()
    assert keys.feed(0, b"\x1b") == []
    assert keys.flush(50) == []
    assert keys.flush(51) == [Unit(0, Kind.KEY, b"\x1b")]
    keys.feed(100, b"\x1b")
    assert keys.feed(200, b"a") == [Unit(100, Kind.KEY, b"\x1b"), Unit(200, Kind.CHARACTERS, b"a")]
