"""One checked field at a time."""

from collections.abc import Callable
from typing import Any

import pytest

from whale.model.errors import ProtocolError
from whale.model.limits import MAX_CONTROL
from whale.model.terminal import TerminalSize
from whale.wire import fields
from whale.wire.fields import MAX_OFFSET, decode_object, encode_object


def test_an_object_goes_both_ways() -> None:
    body = {"a": [1, "ü", None, True], "b": {"c": {}}}
    assert encode_object(body) == '{"a":[1,"ü",null,true],"b":{"c":{}}}'.encode()
    assert decode_object(encode_object(body)) == body
    assert decode_object(memoryview(encode_object(body))) == body


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'a':1}",
        b'{"a":1}x',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\x01"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" * 30_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b"true",
    ],
)
def test_what_is_not_one_json_object_is_a_violation(payload: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_object(payload)
    assert caught.value.code == "protocol.violation"


def test_the_length_is_limited() -> None:
    fitting = b'{"a":"' + b"x" * (MAX_CONTROL - 8) + b'"}'
    assert len(fitting) == MAX_CONTROL
    decode_object(fitting)
    with pytest.raises(ProtocolError) as caught:
        decode_object(fitting + b" ")
    assert caught.value.code == "protocol.too_big"


def test_of_two_equal_keys_the_last_counts() -> None:
    assert decode_object(b'{"a":1,"a":2}') == {"a": 2}


def test_text_that_utf8_cannot_carry_is_not_encoded() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_object({"a": "\ud800"})
    with pytest.raises(ValueError):
        encode_object({"a": float("nan")})


Reader = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("read", "value", "result"),
    [
        (lambda f: fields.text(f, "x"), "", ""),
        (lambda f: fields.text(f, "x"), "ü🐋", "ü🐋"),
        (lambda f: fields.flag(f, "x"), True, True),
        (lambda f: fields.flag(f, "x", default=True), False, False),
        (lambda f: fields.count(f, "x"), 0, 0),
        (lambda f: fields.count(f, "x"), MAX_OFFSET, MAX_OFFSET),
        (lambda f: fields.count(f, "x", most=3), 3, 3),
        (lambda f: fields.texts(f, "x", most=2), ["a", "b"], ("a", "b")),
        (lambda f: fields.texts(f, "x", most=0), [], ()),
        (lambda f: fields.pairs(f, "x", most=1), {"A": "b"}, (("A", "b"),)),
        (lambda f: fields.child(f, "x"), {"y": 1}, {"y": 1}),
        (lambda f: fields.optional_size(f, "x"), None, None),
        (lambda f: fields.optional_size(f, "x"), {"cols": 1, "rows": 65535}, TerminalSize(cols=1, rows=65535)),
    ],
)
def test_a_good_value_is_read(read: Reader, value: object, result: object) -> None:
    assert read({"x": value}) == result


@pytest.mark.parametrize(
    ("read", "result"),
    [
        (lambda f: fields.text(f, "x", "default"), "default"),
        (lambda f: fields.flag(f, "x"), False),
        (lambda f: fields.flag(f, "x", default=True), True),
        (lambda f: fields.count(f, "x", 7), 7),
        (lambda f: fields.texts(f, "x", most=2), ()),
        (lambda f: fields.pairs(f, "x", most=2), ()),
        (lambda f: fields.child(f, "x"), {}),
        (lambda f: fields.optional_size(f, "x"), None),
    ],
)
def test_an_absent_value_has_its_default(read: Reader, result: object) -> None:
    assert read({}) == result


def read_text(body: dict[str, Any]) -> object:
    return fields.text(body, "x")


def read_flag(body: dict[str, Any]) -> object:
    return fields.flag(body, "x")


def read_count(body: dict[str, Any]) -> object:
    return fields.count(body, "x", most=9)


def read_texts(body: dict[str, Any]) -> object:
    return fields.texts(body, "x", most=2)


def read_pairs(body: dict[str, Any]) -> object:
    return fields.pairs(body, "x", most=2)


def read_child(body: dict[str, Any]) -> object:
    return fields.child(body, "x")


def read_size(body: dict[str, Any]) -> object:
    return fields.optional_size(body, "x")


BAD: list[tuple[Reader, list[object]]] = [
    (read_text, [None, 1, True, ["a"], {}, "\ud800", "a\udfff"]),
    (read_flag, [None, 0, 1, "true", [], 1.0]),
    (read_count, [None, True, False, -1, 10, 2**64, 1.0, 0.5, 1e3, "1", [1]]),
    (read_texts, [None, "ab", {}, ["a", 1], ["a", None], ["a", "b", "c"], ["\ud800"]]),
    (
        read_pairs,
        [None, [], "A=b", {"A": 1}, {"A": None}, {"A": "", "B": "", "C": ""}, {"\ud800": ""}, {"A": "\ud800"}],
    ),
    (read_child, [None, [], "", 1, True]),
    (
        read_size,
        [
            [],
            "80x24",
            {},
            {"cols": 80},
            {"rows": 24},
            {"cols": 0, "rows": 24},
            {"cols": 80, "rows": 0},
            {"cols": 65536, "rows": 24},
            {"cols": 80, "rows": 65536},
            {"cols": 80.0, "rows": 24},
            {"cols": True, "rows": 24},
            {"cols": -1, "rows": 24},
        ],
    ),
]


@pytest.mark.parametrize(("read", "value"), [(read, value) for read, values in BAD for value in values])
def test_a_bad_value_is_a_violation(read: Reader, value: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        read({"x": value})
    assert caught.value.code == "protocol.violation"


@pytest.mark.parametrize("read", [read_text, read_count])
def test_a_required_value_that_is_missing_is_a_violation(read: Reader) -> None:
    with pytest.raises(ProtocolError):
        read({})


def test_a_violation_names_the_field_and_not_what_was_in_it() -> None:
    with pytest.raises(ProtocolError) as caught:
        fields.text({"user": ["hunter2"]}, "user")
    assert "'user'" in caught.value.message
    assert "hunter2" not in str(caught.value)
