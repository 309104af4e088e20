"""What the server and the emulators' process say to each other: any split, any bytes, nothing beyond the bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.model.limits import MAX_REPAINT, MAX_REPLIES
from whale.model.terminal import TerminalSize
from whale.screen import protocol
from whale.screen.protocol import (
    CLOSE,
    DONE,
    FEED,
    MAX_FEED,
    OPEN,
    PAINTED,
    READY,
    REPAINT,
    REPLIED,
    REPLIES,
    RESIZE,
    BadMessage,
    Decoder,
    Message,
    decode_size,
    encode,
    encode_size,
)

numbers = st.integers(0, 2**64 - 1)
sizes = st.builds(lambda cols, rows: TerminalSize(cols=cols, rows=rows), st.integers(0, 65535), st.integers(0, 65535))
from_server = st.one_of(
    st.builds(Message, st.sampled_from([CLOSE, REPAINT, REPLIES]), numbers, st.just(b"")),
    st.builds(Message, st.just(FEED), numbers, st.binary(max_size=300)),
    st.builds(Message, st.sampled_from([OPEN, RESIZE]), numbers, sizes.map(encode_size)),
)
from_process = st.one_of(
    st.builds(Message, st.just(DONE), numbers, st.just(b"")),
    st.builds(Message, st.just(PAINTED), numbers, st.binary(max_size=300)),
    st.builds(Message, st.just(REPLIED), numbers, st.sampled_from([b"", b"\x1b[?62;22c", b"\x1b]11;#fff\x07"])),
    st.builds(Message, st.just(READY), numbers, st.binary(min_size=1, max_size=20)),
)


@given(st.lists(from_server), st.lists(from_process), st.integers(1, 50))
def test_any_split_gives_the_same_messages(server: list[Message], process: list[Message], step: int) -> None:
    for messages, decoder in ((server, Decoder.of_server()), (process, Decoder.of_process())):
        data = b"".join(encode(*message) for message in messages)
        found: list[Message] = []
        for start in range(0, len(data), step):
            found += decoder.receive(data[start : start + step])
        assert found == messages
        assert not decoder._buffer


@given(st.binary(max_size=200), st.integers(1, 50))
def test_nothing_else_is_raised_for_any_bytes(data: bytes, step: int) -> None:
    for decoder in (Decoder.of_server(), Decoder.of_process()):
        found: list[Message] = []
        try:
            for start in range(0, len(data), step):
                found += decoder.receive(data[start : start + step])
        except BadMessage:
            continue
        assert b"".join(encode(*message) for message in found) + bytes(decoder._buffer) == data


@given(sizes)
def test_a_size_is_what_it_was(size: TerminalSize) -> None:
    assert decode_size(encode_size(size)) == size


def test_a_size_that_is_none_is_the_nearest_one() -> None:
    assert decode_size(encode_size(TerminalSize(cols=-1, rows=70_000))) == TerminalSize(cols=0, rows=65535)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        (OPEN, 4, 4),
        (RESIZE, 4, 4),
        (FEED, 0, MAX_FEED),
        (CLOSE, 0, 0),
        (REPAINT, 0, 0),
        (REPLIES, 0, 0),
        (DONE, 0, 0),
        (PAINTED, 0, MAX_REPAINT),
        (REPLIED, 0, MAX_REPLIES),
        (READY, 1, 1 + protocol.MAX_REASON),
    ],
)
def test_bodies_are_bounded_before_they_are_there(kind: int, least: int, most: int) -> None:
    of = Decoder.of_server if kind in protocol.ANSWERS else Decoder.of_process
    for length in (least, most):
        assert list(of().receive(protocol._HEAD.pack(kind, 1, length))) == ([] if length else [Message(kind, 1)])
    for length in {max(0, least - 1), most + 1} - {least, most}:
        with pytest.raises(BadMessage, match="too long or too short"):
            list(of().receive(protocol._HEAD.pack(kind, 1, length)))


def test_each_end_says_its_own_kinds() -> None:
    for kind in protocol.ANSWERS:
        with pytest.raises(BadMessage, match="unknown kind"):
            list(Decoder.of_process().receive(protocol._HEAD.pack(kind, 1, 4)))
    for kind in (DONE, PAINTED, REPLIED, READY, 0):
        with pytest.raises(BadMessage, match="unknown kind"):
            list(Decoder.of_server().receive(protocol._HEAD.pack(kind, 1, 1)))


@pytest.mark.parametrize("control", [b"\r", b"\n", b"\x03", b"\x04", b"\x0f", b"\x7f", b"\x00"])
def test_a_reply_types_no_command(control: bytes) -> None:
    with pytest.raises(BadMessage, match="control characters"):
        list(Decoder.of_process().receive(encode(REPLIED, 1, b"\x1b[0n" + control)))


def test_what_comes_before_nonsense_counts() -> None:
    decoder = Decoder.of_process()
    found: list[Message] = []
    with pytest.raises(BadMessage):
        found.extend(decoder.receive(encode(DONE, 1) + encode(REPLIED, 1, b"\n")))
    assert found == [Message(DONE, 1)]
