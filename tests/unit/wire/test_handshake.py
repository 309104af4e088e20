"""The opening handshake, both ends of it held to the `websockets` library."""

import pytest
from websockets.client import ClientProtocol
from websockets.http11 import Request
from websockets.http11 import Response as TheirResponse
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from whale.model.errors import ProtocolError, TransportError
from whale.wire.frames import SUBPROTOCOL
from whale.wire.handshake import (
    MAX_HANDSHAKE,
    HandshakeParser,
    Response,
    accept_key,
    check_accept,
    check_request,
    encode_handshake,
    new_key,
)
from whale.wire.websocket import FrameReader, MessageReceived


def server() -> ServerProtocol:
    """The library's server end, before its handshake."""
    return ServerProtocol(subprotocols=[Subprotocol(SUBPROTOCOL)])


def test_keys_are_16_random_bytes() -> None:
    assert len(new_key()) == 24
    assert len({new_key() for _ in range(100)}) == 100


def test_the_library_takes_the_handshake_and_its_answer_is_taken() -> None:
    protocol, key = server(), new_key()
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
    protocol = server()
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


# -- the server's side ---------------------------------------------------------------------------------------------


def librarys_request() -> Request:
    client = ClientProtocol(parse_uri("ws://whale.example/1.0/shell"), subprotocols=[Subprotocol(SUBPROTOCOL)])
    return client.connect()


def test_the_librarys_request_is_taken_and_it_takes_the_answer() -> None:
    request = librarys_request()
    key = check_request(request.headers, subprotocol=SUBPROTOCOL)
    assert key == request.headers["Sec-WebSocket-Key"]
    theirs = ServerProtocol(subprotocols=[Subprotocol(SUBPROTOCOL)]).accept(request)
    assert accept_key(key) == theirs.headers["Sec-WebSocket-Accept"]


def test_the_example_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Upgrade": "h2c"}, "protocol.violation"),
        ({"Upgrade": ""}, "protocol.violation"),
        ({"Connection": "close"}, "protocol.violation"),
        ({"Sec-WebSocket-Version": "12"}, "protocol.violation"),
        ({"Sec-WebSocket-Key": ""}, "protocol.violation"),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"}, "protocol.violation"),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="[:-4] + "===="}, "protocol.violation"),
        ({"Sec-WebSocket-Key": "d\xe9hlIHNhbXBsZSBub25jZQ=="}, "protocol.violation"),
        ({"Sec-WebSocket-Protocol": "whale.v2"}, "protocol.version"),
        ({"Sec-WebSocket-Protocol": ""}, "protocol.version"),
    ],
)
def test_what_is_no_request_for_us_is_refused(change: dict[str, str], code: str) -> None:
    good = dict(librarys_request().headers.raw_items())
    check_request(good, subprotocol=SUBPROTOCOL)
    with pytest.raises(ProtocolError) as caught:
        check_request(good | change, subprotocol=SUBPROTOCOL)
    assert caught.value.code == code


def test_one_of_several_subprotocols_is_enough() -> None:
    headers = dict(librarys_request().headers.raw_items()) | {"Sec-WebSocket-Protocol": f"chat, {SUBPROTOCOL} ,x"}
    check_request(headers, subprotocol=SUBPROTOCOL)
