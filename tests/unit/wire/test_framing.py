"""Frames in an HTTP body (PROTOCOL.md section 8)."""

import pytest

from whale.model.errors import ProtocolError
from whale.model.limits import MAX_MESSAGE
from whale.wire.framing import MEDIA_TYPE, FramedReader, encode_framed


def test_the_form_on_the_wire() -> None:
    assert MEDIA_TYPE == "application/vnd.whale.frames"
    assert encode_framed(b"\x01log") == b"\0\0\0\x04\x01log"


def test_frames_come_out_as_they_went_in() -> None:
    frames = [b"\x01", b"\x02" + b"x" * 300, b"\x03{}"]
    reader = FramedReader()
    assert reader.feed(b"".join(map(encode_framed, frames))) == frames
    assert reader.is_empty


def test_a_frame_is_kept_until_it_is_whole() -> None:
    reader = FramedReader()
    data = encode_framed(b"\x01abc")
    for number in range(len(data) - 1):
        assert reader.feed(data[number : number + 1]) == []
        assert not reader.is_empty
    assert reader.feed(data[-1:]) == [b"\x01abc"]
    assert reader.is_empty


def test_the_longest_frame_passes() -> None:
    frame = b"\x01" * MAX_MESSAGE
    assert FramedReader().feed(encode_framed(frame)) == [frame]


@pytest.mark.parametrize(
    ("length", "code"),
    [(0, "protocol.violation"), (MAX_MESSAGE + 1, "protocol.too_big"), (2**32 - 1, "protocol.too_big")],
)
def test_a_length_out_of_range_is_a_violation(length: int, code: str) -> None:
    reader = FramedReader()
    with pytest.raises(ProtocolError) as caught:
        reader.feed(length.to_bytes(4, "big"))
    assert caught.value.code == code
    with pytest.raises(ProtocolError):
        reader.feed(encode_framed(b"\x01late"))


def test_what_came_before_a_violation_is_not_lost() -> None:
    reader = FramedReader()
    assert reader.feed(encode_framed(b"\x01good") + b"\0\0\0\0") == [b"\x01good"]
    with pytest.raises(ProtocolError):
        reader.feed(b"")


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_a_length_that_is_not_whole_waits_also_behind_a_frame(extra: int) -> None:
    reader = FramedReader()
    second = encode_framed(b"\x01" * 300)
    assert reader.feed(encode_framed(b"\x01good") + second[:extra]) == [b"\x01good"]
    assert reader.feed(second[extra:]) == [b"\x01" * 300]
