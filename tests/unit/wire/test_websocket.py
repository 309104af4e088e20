"""The frames of RFC 6455 as both ends of whale send and read them, held to the `websockets` library one by one."""

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder

import pytest
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from whale.model.errors import ProtocolError
from whale.model.limits import KIB, MAX_MESSAGE
from whale.wire import websocket
from whale.wire.frames import SUBPROTOCOL
from whale.wire.handshake import encode_handshake, new_key
from whale.wire.websocket import (
    MASK_BULK,
    MAX_FRAGMENTS,
    CloseReceived,
    FrameReader,
    MessageReceived,
    Opcode,
    PingReceived,
    apply_mask,
    encode_close,
    encode_frame,
    encode_head,
    encode_message,
)

SIZES = [0, 1, 2, 3, 4, 5, 7, 124, 125, 126, 127, 128, 1000, 65534, 65535, 65536, 65537, MASK_BULK - 1, MASK_BULK]
SIZES += [MASK_BULK + 1, MAX_MESSAGE]


@pytest.fixture(params=["slow", "compiled"])
def masking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with masking in Python and with the compiled function."""
    mask: Callable[[bytes, bytes], bytes] = websocket._mask_slowly
    if request.param == "compiled":
        mask = websocket._load_mask()
        assert mask is not websocket._mask_slowly
    monkeypatch.setattr(websocket, "_mask_bulk", mask)


def content(size: int) -> bytes:
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


def server(*, connected: bool = True) -> ServerProtocol:
    """The library's server end, behind its handshake if `connected`."""
    protocol = ServerProtocol(subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=MAX_MESSAGE)
    if connected:
        key = new_key()
        offer = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        protocol.receive_data(encode_handshake(host="h", path="/", key=key, headers=offer))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        protocol.data_to_send()
    return protocol


def from_server(*frames: Frame) -> bytes:
    return b"".join(frame.serialize(mask=False) for frame in frames)


# -- frames to the server ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_library_reads_our_frames(masking: None, size: int) -> None:
    protocol = server()
    protocol.receive_data(encode_frame(Opcode.BINARY, content(size)))
    (frame,) = protocol.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.data, frame.fin) == (TheirOpcode.BINARY, content(size), True)
    assert protocol.parser_exc is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_our_frames_are_byte_for_byte_the_librarys(size: int) -> None:
    ours = encode_frame(Opcode.BINARY, content(size))
    theirs = Frame(TheirOpcode.BINARY, content(size)).serialize(mask=True)
    head = len(ours) - size - 4
    assert ours[:head] == theirs[:head]
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("begun", [0, 1, 2, 3, 4, 5, 127])
def test_a_message_in_two_parts_is_one_frame(masking: None, begun: int, size: int) -> None:
    size = max(0, size - begun)
    protocol = server()
    for part in encode_message(content(begun), content(size)):
        protocol.receive_data(part)
    (frame,) = protocol.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.data, frame.fin) == (TheirOpcode.BINARY, content(begun) + content(size), True)
    assert len(encode_message(content(begun), content(size))[1]) == size


def test_masks_are_fresh() -> None:
    masks = {encode_frame(Opcode.BINARY, b"x")[2:6] for _ in range(100)}
    assert len(masks) > 95
    assert len({encode_message(b"x", b"y")[0][2:6] for _ in range(100)}) > 95


@pytest.mark.parametrize("size", [*range(9), 63, 64, 65, 4095, 4096, 20_001])
def test_masking_twice_changes_nothing(masking: None, size: int) -> None:
    masked = apply_mask(content(size), b"\x01\x80\xff\x00")
    assert len(masked) == size
    assert apply_mask(masked, b"\x01\x80\xff\x00") == content(size)
    assert masked == bytes(byte ^ b"\x01\x80\xff\x00"[i % 4] for i, byte in enumerate(content(size)))


def test_the_compiled_function_is_loaded_for_bulk_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_mask_bulk", None)
    apply_mask(b"x" * (MASK_BULK - 1), b"abcd")
    assert websocket._mask_bulk is None
    apply_mask(b"x" * MASK_BULK, b"abcd")
    assert websocket._mask_bulk not in {None, websocket._mask_slowly}


def test_without_the_library_masking_is_slow_and_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_mask_bulk", None)
    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: None)
    assert apply_mask(apply_mask(content(MASK_BULK), b"abcd"), b"abcd") == content(MASK_BULK)
    assert websocket._mask_bulk is websocket._mask_slowly


def test_a_library_that_loads_oddly_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Spec:
        submodule_search_locations = ("x",)

        class loader:
            @staticmethod
            def create_module(spec: object) -> None:
                return None

    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: Spec)
    assert websocket._load_mask() is websocket._mask_slowly


def test_the_room_does_not_import_the_library() -> None:
    source = sys.modules["whale.wire.websocket"]
    assert not any(name.startswith("websockets") for name in vars(source))


@pytest.mark.parametrize("code", [1000, 1002, 1009, 4400])
def test_a_close_is_read_by_the_library(code: int) -> None:
    protocol = server()
    protocol.receive_data(encode_close(code))
    protocol.events_received()
    assert protocol.close_rcvd is not None
    assert (protocol.close_rcvd.code, protocol.close_rcvd.reason) == (code, "")


def test_a_pong_is_read_by_the_library() -> None:
    protocol = server()
    protocol.send_ping(b"are you there")
    (event,) = FrameReader().feed(b"".join(protocol.data_to_send()))
    assert event == PingReceived(b"are you there")
    protocol.receive_data(encode_frame(Opcode.PONG, event.payload))
    (frame,) = protocol.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.data) == (TheirOpcode.PONG, b"are you there")


# -- frames from the server ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_we_read_the_librarys_frames(size: int) -> None:
    protocol = server()
    protocol.send_binary(content(size))
    data = b"".join(protocol.data_to_send())
    assert FrameReader().feed(data) == [MessageReceived(content(size), binary=True)]


@pytest.mark.parametrize("size", [0, 125, 126, 65536])
def test_a_frame_may_come_byte_by_byte(size: int) -> None:
    data = from_server(Frame(TheirOpcode.BINARY, content(size)))
    reader = FrameReader()
    events = [reader.feed(data[i : i + 1]) for i in range(len(data))]
    assert events[-1] == [MessageReceived(content(size), binary=True)]
    assert not any(events[:-1])


def test_text_is_told_apart() -> None:
    protocol = server()
    protocol.send_text(b"hello")
    assert FrameReader().feed(b"".join(protocol.data_to_send())) == [MessageReceived(b"hello", binary=False)]


@pytest.mark.parametrize("pieces", [[b"a", b"b"], [b"", b"", b""], [content(70_000), b"x", content(126)]])
@pytest.mark.parametrize("text", [True, False])
def test_fragments_add_up_with_pings_in_between(pieces: list[bytes], text: bool) -> None:
    protocol = server()
    send_first = protocol.send_text if text else protocol.send_binary
    send_first(pieces[0], fin=False)
    for piece in pieces[1:-1]:
        protocol.send_ping(b"p")
        protocol.send_continuation(piece, fin=False)
    protocol.send_pong(b"unasked")
    protocol.send_continuation(pieces[-1], fin=True)
    protocol.send_binary(b"next")
    events = FrameReader().feed(b"".join(protocol.data_to_send()))
    pings = [PingReceived(b"p")] * (len(pieces) - 2)
    whole = MessageReceived(b"".join(pieces), binary=not text)
    assert events == [*pings, whole, MessageReceived(b"next", binary=True)]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4404, "größe"), (4999, "x" * 123)])
def test_the_librarys_close_is_read(code: int, reason: str) -> None:
    protocol = server()
    protocol.send_close(code, reason)
    reader = FrameReader()
    assert reader.feed(b"".join(protocol.data_to_send())) == [CloseReceived(code, reason)]
    assert reader.feed(from_server(Frame(TheirOpcode.BINARY, b"late"))) == []


def test_odd_closes() -> None:
    assert FrameReader().feed(b"\x88\x00") == [CloseReceived(1005, "")]
    assert FrameReader().feed(b"\x88\x03\x03\xe8\xff") == [CloseReceived(1000, "\ufffd")]


GOOD = from_server(Frame(TheirOpcode.BINARY, b"good"))
OPEN_FRAGMENT = from_server(Frame(TheirOpcode.BINARY, b"a", fin=False))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x81mask\x00", "protocol.violation"),
        (b"\xc2\x00", "protocol.violation"),
        (b"\xa2\x00", "protocol.violation"),
        (b"\x92\x00", "protocol.violation"),
        (b"\x80\x00", "protocol.violation"),
        (b"\x00\x00", "protocol.violation"),
        (b"\x83\x00", "protocol.violation"),
        (b"\x87\x00", "protocol.violation"),
        (b"\x8b\x00", "protocol.violation"),
        (b"\x8f\x00", "protocol.violation"),
        (b"\x09\x00", "protocol.violation"),
        (b"\x08\x00", "protocol.violation"),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, "protocol.violation"),
        (b"\x88\x01\x03", "protocol.violation"),
        (OPEN_FRAGMENT + GOOD, "protocol.violation"),
        (OPEN_FRAGMENT + b"\x81\x00", "protocol.violation"),
        (b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8, "big"), "protocol.too_big"),
        (b"\x82\x7f" + b"\xff" * 8, "protocol.too_big"),
        (b"\x02\x00" + b"\x00\x00" * MAX_FRAGMENTS, "protocol.too_big"),
    ],
)
def test_what_breaks_the_rfc_is_a_violation(data: bytes, code: str) -> None:
    reader = FrameReader()
    assert reader.feed(GOOD) == [MessageReceived(b"good", binary=True)]
    with pytest.raises(ProtocolError) as caught:
        reader.feed(data)
    assert caught.value.code == code
    with pytest.raises(ProtocolError):
        reader.feed(GOOD)


def test_what_came_before_a_violation_is_not_lost() -> None:
    reader = FrameReader()
    assert reader.feed(GOOD + b"\xc2\x00") == [MessageReceived(b"good", binary=True)]
    with pytest.raises(ProtocolError, match="extension"):
        reader.feed(b"")


def test_fragments_have_the_limit_of_a_message() -> None:
    half = from_server(Frame(TheirOpcode.BINARY, b"x" * (MAX_MESSAGE // 2), fin=False))
    last = from_server(Frame(TheirOpcode.CONT, b"x" * (MAX_MESSAGE // 2)))
    (event,) = FrameReader().feed(half + last)
    assert isinstance(event, MessageReceived)
    assert len(event.data) == MAX_MESSAGE
    over = from_server(Frame(TheirOpcode.CONT, b"x" * (MAX_MESSAGE // 2 + 1)))
    with pytest.raises(ProtocolError) as caught:
        FrameReader().feed(half + over)
    assert caught.value.code == "protocol.too_big"


def test_a_reader_holds_no_more_than_a_message() -> None:
    reader = FrameReader()
    whole = from_server(Frame(TheirOpcode.BINARY, content(100 * KIB)))
    for _ in range(50):
        for start in range(0, len(whole), 30 * KIB):
            reader.feed(whole[start : start + 30 * KIB])
    assert len(reader._buffer) == 0
    assert reader.feed(whole[:-1]) == []
    assert reader.feed(whole[-1:]) == [MessageReceived(content(100 * KIB), binary=True)]


# -- frames from a client ------------------------------------------------------------------------------------------


def from_client(*frames: Frame) -> bytes:
    return b"".join(frame.serialize(mask=True) for frame in frames)


@pytest.mark.parametrize("size", SIZES)
def test_we_read_the_librarys_masked_frames(masking: None, size: int) -> None:
    data = from_client(Frame(TheirOpcode.BINARY, content(size)), Frame(TheirOpcode.PING, b"p"))
    assert FrameReader(masked=True).feed(data) == [MessageReceived(content(size), binary=True), PingReceived(b"p")]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 129, 131, 132, 254])
def test_one_message_at_a_time_is_read_as_among_others(size: int, masked: bool) -> None:
    message = Frame(TheirOpcode.BINARY, content(size)).serialize(mask=masked)
    reader = FrameReader(masked=masked)
    assert reader.feed(message) == [MessageReceived(content(size), binary=True)]
    assert reader.feed(message + message) == [MessageReceived(content(size), binary=True)] * 2
    assert reader.feed(message[:1]) == []
    assert reader.feed(message[1:]) == [MessageReceived(content(size), binary=True)]


def test_a_message_within_a_fragmented_one_is_a_violation_even_alone() -> None:
    reader = FrameReader(masked=True)
    assert reader.feed(from_client(Frame(TheirOpcode.BINARY, b"a", fin=False))) == []
    with pytest.raises(ProtocolError):
        reader.feed(from_client(Frame(TheirOpcode.BINARY, b"b")))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [0, 1, 2, 125, 126, 127, 65536])
def test_who_masks_and_who_does_not_is_not_free(size: int, masked: bool) -> None:
    wrong = Frame(TheirOpcode.BINARY, content(size)).serialize(mask=not masked)
    with pytest.raises(ProtocolError, match="mask"):
        FrameReader(masked=masked).feed(wrong)


@pytest.mark.parametrize("size", SIZES)
def test_the_library_reads_a_servers_frames(size: int) -> None:
    head = encode_head(Opcode.BINARY, size)
    assert head + content(size) == from_server(Frame(TheirOpcode.BINARY, content(size)))


def test_who_reads_masked_frames_has_the_compiled_function_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_mask_bulk", None)
    FrameReader()
    assert websocket._mask_bulk is None
    FrameReader(masked=True)
    assert websocket._mask_bulk not in {None, websocket._mask_slowly}
