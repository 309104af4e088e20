"""RFC 6455 as the command line speaks it, held to the `websockets` library frame by frame."""

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder

import pytest
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode
from websockets.http11 import Request
from websockets.http11 import Response as TheirResponse
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from whale.model.errors import ProtocolError, TransportError
from whale.model.limits import KIB, MAX_MESSAGE
from whale.wire import websocket
from whale.wire.frames import SUBPROTOCOL
from whale.wire.websocket import (
    MASK_BULK,
    MAX_FRAGMENTS,
    MAX_HANDSHAKE,
    CloseReceived,
    FrameReader,
    HandshakeParser,
    MessageReceived,
    Opcode,
    PingReceived,
    Response,
    apply_mask,
    check_accept,
    encode_close,
    encode_frame,
    encode_handshake,
    new_key,
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


# -- handshake -----------------------------------------------------------------------------------------------------


def test_keys_are_16_random_bytes() -> None:
    assert len(new_key()) == 24
    assert len({new_key() for _ in range(100)}) == 100


def test_the_library_takes_the_handshake_and_its_answer_is_taken() -> None:
    protocol, key = server(connected=False), new_key()
    headers = {"Authorization": "Bearer whale_x", "Sec-WebSocket-Protocol": SUBPROTOCOL}
    protocol.receive_data(encode_handshake(host="example.test:7433", path="/1.0/shell", key=key, headers=headers))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    assert request.path == "/1.0/shell"
    assert request.headers["Host"] == "example.test:7433"
    assert request.headers["Authorization"] == "Bearer whale_x"
    assert request.headers["Sec-WebSocket-Key"] == key
    protocol.send_response(protocol.accept(request))
    protocol.send_binary(b"\x05first")
    answer = b"".join(protocol.data_to_send())
    parser = HandshakeParser()
    response = parser.feed(answer)
    assert response is not None
    check_accept(response, key=key, subprotocol=SUBPROTOCOL)
    assert FrameReader().feed(parser.leftover) == [MessageReceived(b"\x05first", binary=True)]


def test_the_librarys_refusal_is_read_with_its_body() -> None:
    protocol = server(connected=False)
    protocol.receive_data(encode_handshake(host="h", path="/", key=new_key(), headers={}))
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    refusal = protocol.reject(403, "not you\n")
    assert isinstance(refusal, TheirResponse)
    protocol.send_response(refusal)
    response = HandshakeParser().feed(b"".join(protocol.data_to_send()))
    assert response is not None
    assert (response.status, response.body) == (403, b"not you\n")


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "a\rb"}])
def test_a_line_break_never_gets_into_a_header(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_handshake(host="h", path="/", key="k", headers=headers)


def test_a_refusal_waits_for_its_whole_body() -> None:
    parser = HandshakeParser()
    assert parser.feed(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nab") is None
    assert parser.feed(b"cdeXX") == Response(401, {"content-length": "5"}, b"abcde")


@pytest.mark.parametrize("length", [b"", b"x", b"-1", b"+5", b"9" * 5000, b"\xb2", b"5, 5"])
def test_a_refusal_of_unknown_length_has_no_body(length: bytes) -> None:
    response = HandshakeParser().feed(b"HTTP/1.1 500 No\r\nContent-Length: " + length + b"\r\n\r\nabcde")
    assert response is not None
    assert response.body == b""


def test_an_endless_body_is_cut() -> None:
    parser = HandshakeParser()
    assert parser.feed(b"HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n") is None
    response = parser.feed(b"x" * 2 * MAX_HANDSHAKE)
    assert response is not None
    assert len(response.body) == MAX_HANDSHAKE


def test_interim_answers_are_skipped() -> None:
    parser = HandshakeParser()
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert parser.feed(interim) is None
    assert parser.feed(b"HTTP/1.1 101 Go\r\nA: b\r\n\r\nrest") == Response(101, {"a": "b"}, b"")
    assert parser.leftover == b"rest"


def test_a_header_that_came_twice_has_both_values() -> None:
    response = HandshakeParser().feed(b"HTTP/1.1 101 x\r\nA: 1\r\na:2 \r\n\r\n")
    assert response is not None
    assert response.headers == {"a": "1, 2"}


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 101", b"HTTP/1.1 101 ", b"HTTP/1.0 101 Go", b"HTTP/1.1 101 Switching Protocols"]
)
def test_status_lines_of_the_field(line: bytes) -> None:
    response = HandshakeParser().feed(line + b"\r\n\r\n")
    assert response is not None
    assert response.status == 101


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1  101 x\r\n\r\n",
        b"HTTP/1.1 1010 x\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 099 x\r\n\r\n",
        b"HTTP/1.1 600 x\r\n\r\n",
        b"HTTP/1.1 +10 x\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 x\r\n\r\n",
        b"HTTP/1.9 101 x\r\n\r\n",
        b"HTTP/1.1.1 101 x\r\n\r\n",
        b"HTTP/1.1 101 x\r\nno colon\r\n\r\n",
        b"HTTP/2 101 x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00",
        b"http/1.1 101 x\r\n\r\n",
        b"HTTP/x",
    ],
)
def test_what_is_not_http_is_refused(head: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        HandshakeParser().feed(head)
    assert caught.value.code == "transport.lost"


@pytest.mark.parametrize("record", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x15", b"\x16\x03\x03\x00\x7a\x02"])
def test_tls_that_answers_plain_http_is_recognised(record: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        HandshakeParser().feed(record)
    assert caught.value.code == "transport.plain_http"
    assert "https://" in caught.value.hint


def test_a_tls_port_that_closes_without_a_word_gets_a_hint() -> None:
    with pytest.raises(TransportError) as caught:
        HandshakeParser().feed_eof()
    assert caught.value.code == "transport.lost"
    assert "https://" in caught.value.hint


def test_a_head_that_is_cut_gets_none() -> None:
    parser = HandshakeParser()
    assert parser.feed(b"HTTP/1.1 101") is None
    with pytest.raises(TransportError) as caught:
        parser.feed_eof()
    assert caught.value.hint == ""


def test_a_refusal_that_is_cut_is_returned_as_far_as_it_came() -> None:
    parser = HandshakeParser()
    assert parser.feed(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nClient sent an HTTP") is None
    assert parser.feed_eof() == Response(400, {"content-length": "100"}, b"Client sent an HTTP")


def head_of(size: int) -> bytes:
    start = b"HTTP/1.1 101 x\r\nA: "
    return start + b"y" * (size - len(start)) + b"\r\n\r\n"


def test_a_head_has_a_limit_however_it_comes() -> None:
    longest = head_of(MAX_HANDSHAKE)
    parsers = [HandshakeParser(), HandshakeParser()]
    assert parsers[0].feed(longest) is not None
    answers = [parsers[1].feed(longest[i : i + 1]) for i in range(len(longest))]
    assert answers[-1] is not None
    assert not any(answers[:-1])
    with pytest.raises(TransportError, match="too long"):
        HandshakeParser().feed(head_of(MAX_HANDSHAKE + 1))
    with pytest.raises(TransportError, match="too long"):
        HandshakeParser().feed(b"HTTP/1.1 101 x\r\nA: " + b"y" * MAX_HANDSHAKE)


def test_endless_interim_answers_have_the_same_limit() -> None:
    parser = HandshakeParser()
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    fitting = MAX_HANDSHAKE // len(interim)
    assert parser.feed(interim * fitting) is None
    with pytest.raises(TransportError, match="too long"):
        parser.feed(interim * fitting)


def good_answer(key: str) -> Response:
    accept = ServerProtocol()
    accept.receive_data(encode_handshake(host="h", path="/", key=key, headers={}))
    (request,) = accept.events_received()
    assert isinstance(request, Request)
    value = accept.accept(request).headers["Sec-WebSocket-Accept"]
    headers = {
        "upgrade": "WebSocket",
        "connection": "keep-alive, Upgrade",
        "sec-websocket-accept": value,
        "sec-websocket-protocol": SUBPROTOCOL,
    }
    return Response(101, headers, b"")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sec-websocket-accept": "x"}, "transport.lost"),
        ({"sec-websocket-accept": ""}, "transport.lost"),
        ({"upgrade": "h2c"}, "transport.lost"),
        ({"connection": "close"}, "transport.lost"),
        ({"sec-websocket-protocol": "whale.v2"}, "protocol.version"),
        ({"sec-websocket-protocol": ""}, "protocol.version"),
        ({"sec-websocket-extensions": "permessage-deflate"}, "protocol.violation"),
    ],
)
def test_only_the_right_answer_is_taken(change: dict[str, str], code: str) -> None:
    key = new_key()
    answer = good_answer(key)
    check_accept(answer, key=key, subprotocol=SUBPROTOCOL)
    with pytest.raises(TransportError) as caught:
        check_accept(answer._replace(headers=answer.headers | change), key=key, subprotocol=SUBPROTOCOL)
    assert caught.value.code == code


def test_a_refusal_is_no_acceptance_and_neither_is_another_requests_answer() -> None:
    key = new_key()
    with pytest.raises(TransportError):
        check_accept(good_answer(key)._replace(status=200), key=key, subprotocol=SUBPROTOCOL)
    with pytest.raises(TransportError):
        check_accept(good_answer(new_key()), key=key, subprotocol=SUBPROTOCOL)


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


def test_masks_are_fresh() -> None:
    masks = {encode_frame(Opcode.BINARY, b"x")[2:6] for _ in range(100)}
    assert len(masks) > 95


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
