"""The header that carries an `attach`, held to the standard library's own base64url."""

import base64
import random

import pytest

from whale.model.errors import ProtocolError
from whale.wire.attach_header import MAX_ATTACH_HEADER, decode_attach_header, encode_attach_header
from whale.wire.messages import decode_client_control
from whale.wire.requests import Attach, Progress, encode_attach


def test_an_attach_comes_out_as_it_went_in() -> None:
    request = Attach("5f" * 16, Progress(2**62, 7), Progress(), 1 << 20, 1 << 20, screen=True)
    value = encode_attach_header(encode_attach(request))
    assert len(value) < MAX_ATTACH_HEADER // 8
    assert decode_client_control(decode_attach_header(value)[1:]) == request


@pytest.mark.parametrize("size", range(1, 80))
def test_it_is_base64url_without_padding(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    value = encode_attach_header(b"\x05" + payload)
    assert value == base64.urlsafe_b64encode(payload).decode().rstrip("=")
    assert decode_attach_header(value) == b"\x05" + payload


@pytest.mark.parametrize("value", ["", "a", "abcde", "ab+/", "ab==", "a b", "ab\n", "ä", "A" * (MAX_ATTACH_HEADER + 1)])
def test_anything_else_is_a_violation(value: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_attach_header(value)
    assert caught.value.code == "protocol.violation"


def test_the_longest_value_is_taken() -> None:
    assert len(decode_attach_header("A" * MAX_ATTACH_HEADER)) == 1 + MAX_ATTACH_HEADER * 3 // 4
