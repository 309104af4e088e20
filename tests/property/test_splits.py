"""Any split of the bytes gives the same events, broken streams included."""

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from tests.property.helpers import outcome, pieces_of
from whale.model.errors import ProtocolError, TransportError
from whale.wire.framing import FramedReader, encode_framed
from whale.wire.handshake import HandshakeParser, Response
from whale.wire.websocket import FrameReader

PAYLOADS = st.binary(max_size=200) | st.integers(min_value=120, max_value=70_000).map(bytes)
CONTROLS = st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))
MESSAGES = st.builds(Frame, st.sampled_from([Opcode.BINARY, Opcode.TEXT]), PAYLOADS)
CLOSES = st.builds(Frame, st.just(Opcode.CLOSE), st.binary(min_size=2, max_size=125))
FRAGMENTS = st.builds(Frame, st.sampled_from([Opcode.BINARY, Opcode.CONT]), st.binary(max_size=50), fin=st.booleans())
ANY_FRAME = st.one_of(MESSAGES, CONTROLS, FRAGMENTS, CLOSES)


def websocket(*, masked: bool) -> st.SearchStrategy[bytes]:
    """Streams of frames as one of the two ends sends them, some of them broken."""
    frames = ANY_FRAME.map(lambda frame: frame.serialize(mask=masked))
    return st.lists(frames | st.binary(max_size=20), max_size=8).map(b"".join)


LENGTHS = st.binary(min_size=4, max_size=4)
BODIES = st.lists(
    st.binary(min_size=1, max_size=300).map(encode_framed) | LENGTHS | st.binary(max_size=8), max_size=8
).map(b"".join)

LINES = st.sampled_from(
    [
        b"HTTP/1.1 101 Switching Protocols",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 103",
        b"HTTP/1.1 401 Unauthorized",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 099 No",
        b"Content-Length: 5",
        b"content-length: 20000",
        b"Content-Length: x",
        b"Upgrade: websocket",
        b"no colon",
        b"",
        b"",
        b"X: " + b"y" * 9000,
    ]
)
HEADS = st.lists(LINES | st.binary(max_size=10), max_size=10).map(lambda lines: b"\r\n".join([*lines, b"", b"rest"]))
ANSWERS = st.builds(bytes.__add__, st.sampled_from([b"", b"HTTP/1.1 101 x\r\n", b"HTTP/1.1 500 x\r\n"]), HEADS)


@given(st.data(), st.booleans())
def test_websocket_frames(data: st.DataObject, masked: bool) -> None:
    stream = data.draw(websocket(masked=masked))
    pieces = data.draw(pieces_of(stream))
    whole, split = FrameReader(masked=masked), FrameReader(masked=masked)
    assert outcome(split.feed, pieces, ProtocolError) == outcome(whole.feed, [stream], ProtocolError)


@given(st.data(), BODIES)
def test_frames_in_a_body(data: st.DataObject, stream: bytes) -> None:
    pieces = data.draw(pieces_of(stream))
    assert outcome(FramedReader().feed, pieces, ProtocolError) == outcome(FramedReader().feed, [stream], ProtocolError)


def answer_of(pieces: list[bytes]) -> tuple[Response | None, bytes, str]:
    """What a handshake came to: its response, the bytes behind it, and the error."""
    parser = HandshakeParser()
    for number, piece in enumerate(pieces):
        try:
            response = parser.feed(piece)
        except TransportError as error:
            return None, b"", str(error)
        if response is not None:
            rest = parser.leftover + b"".join(pieces[number + 1 :]) if response.status == 101 else b""
            return response, rest, ""
    return None, b"", "unfinished"


@given(st.data(), ANSWERS)
def test_the_answer_to_a_handshake(data: st.DataObject, stream: bytes) -> None:
    pieces = data.draw(pieces_of(stream))
    assert answer_of(pieces) == answer_of([stream])
