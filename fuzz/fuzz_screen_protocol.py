"""Fuzz what the server and the emulators' process say to each other: any split is one, only `BadMessage` is raised.

The first byte of the input says in what pieces the rest is fed, and with its highest bit which end reads it. What a
server would have said is also done, with screens that emulate nothing.
"""

from collections.abc import Sequence

from whale.model.limits import MAX_REPLIES
from whale.model.terminal import TerminalSize
from whale.screen.process import Screens
from whale.screen.protocol import (
    ANSWERS,
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
    VERSION,
    BadMessage,
    Decoder,
    Message,
    encode,
    encode_size,
)

_SIZE = encode_size(TerminalSize(cols=80, rows=24))
_HEAD = len(encode(DONE))

SEEDS: list[bytes] = [
    b"\x01" + encode(OPEN, 1, _SIZE) + encode(FEED, 1, b"text") + encode(REPAINT, 1) + encode(CLOSE, 1),
    b"\x05" + encode(OPEN, 1, _SIZE) + encode(OPEN, 1, _SIZE) + encode(REPLIES, 1),
    b"\x07" + encode(OPEN, 2**64 - 1, _SIZE) + encode(RESIZE, 2**64 - 1, _SIZE) + encode(FEED, 3),
    b"\x40" + encode(OPEN, 1, _SIZE) + encode(FEED, 1, bytes(MAX_FEED)) + encode(FEED, 1, bytes(MAX_FEED + 1)),
    b"\x81" + encode(READY, 0, bytes((VERSION,)) + b"why") + encode(DONE, 1) + encode(PAINTED, 1, b"\x1b[H"),
    b"\x83" + encode(REPLIED, 1, b"\x1b[?62;22c") + encode(REPLIED, 1, b"text\n"),
    b"\xff" + encode(PAINTED, 1, bytes(100_000)) + encode(REPLIED, 1, bytes(MAX_REPLIES + 1)),
]


def fuzz_one(data: bytes) -> None:
    """Read one stream, whole and in pieces; do what a server's says."""
    first, stream = data[0] if data else 0, data[1:]
    is_process, step = first >= 128, max(first % 128 or 1, len(stream) // 2000)
    pieces = [stream[start : start + step] for start in range(0, len(stream), step)]
    messages, error = _read([stream], is_process=is_process)
    assert (messages, error) == _read(pieces, is_process=is_process)
    again = b"".join(encode(*message) for message in messages)
    assert stream.startswith(again)
    if is_process:
        assert not any(
            b"\n" in message.body or b"\r" in message.body for message in messages if message.kind == REPLIED
        )
    else:
        _do(messages)


def _read(pieces: Sequence[bytes], *, is_process: bool) -> tuple[list[Message], str]:
    decoder = Decoder.of_process() if is_process else Decoder.of_server()
    messages: list[Message] = []
    try:
        for piece in [*pieces, b""]:
            messages.extend(decoder.receive(piece))
            assert len(decoder._buffer) <= _HEAD + max(most for _, most in decoder._bounds.values())
    except BadMessage as error:
        return messages, str(error)
    return messages, ""


def _do(messages: list[Message]) -> None:
    """Each has its answer, until one makes no sense."""
    screens = Screens(lambda _size: None)
    try:
        for message in messages:
            (answer,) = Decoder.of_process().receive(screens.handle(message))
            assert (answer.kind, answer.screen) == (ANSWERS[message.kind], message.screen)
    except BadMessage:
        return
