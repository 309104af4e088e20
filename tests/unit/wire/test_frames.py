"""Channel numbers are on the wire and do not change."""

import pytest

from whale.model.exec import Stream
from whale.wire.frames import HALF_CLOSE_STDIN, PREFIXES, SUBPROTOCOL, Channel, encode_frame


def test_the_numbers_are_those_of_the_document() -> None:
    numbers = {"STDIN": 0, "STDOUT": 1, "STDERR": 2, "STATUS": 3, "RESIZE": 4, "CONTROL": 5, "SCREEN": 6}
    numbers["HALF_CLOSE"] = 255
    assert {channel.name: int(channel) for channel in Channel} == numbers
    assert SUBPROTOCOL == "whale.v1"


@pytest.mark.parametrize("stream", Stream)
def test_streams_and_their_channels_have_one_number(stream: Stream) -> None:
    assert PREFIXES[stream] == bytes([stream])
    assert int(Channel[stream.name]) == int(stream)


@pytest.mark.parametrize("channel", Channel)
def test_a_frame_is_its_channel_and_its_payload(channel: Channel) -> None:
    assert encode_frame(channel, b"") == bytes([channel])
    assert encode_frame(channel, b"\0payload") == bytes([channel]) + b"\0payload"


def test_the_half_close_is_two_bytes() -> None:
    assert HALF_CLOSE_STDIN == b"\xff\x00"
