"""RFC 6455 at the gateway, byte by byte over real sockets; what a client sends is made by the `websockets` library."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode

from tests.door import Door
from whale.engine.fake import FakeEngine, FakeProcess
from whale.gateway import websocket
from whale.gateway.websocket import WebSocket
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_MESSAGE
from whale.wire.frames import SUBPROTOCOL
from whale.wire.handshake import HandshakeParser, Response, encode_handshake, new_key
from whale.wire.messages import Failure, Opened, decode_server_control
from whale.wire.requests import Open, encode_open
from whale.wire.websocket import CloseReceived, FrameEvent, FrameReader, MessageReceived, PingReceived

DEADLINE = 10.0
CAT = encode_open(Open("web", ExecSpec(command=("cat",), stdin=True), stdout_window=100_000, stderr_window=100_000))


def frame(opcode: TheirOpcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin=fin).serialize(mask=True)


def binary(data: bytes) -> bytes:
    return frame(TheirOpcode.BINARY, data)


class Peer:
    """A client that says exactly what the test wants, and answers nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._frames = FrameReader()
        self._events: list[FrameEvent] = []

    async def shake_hands(self, door: Door, *, behind: bytes = b"", changed: dict[str, str] | None = None) -> Response:
        """Send the handshake, some headers changed or left out, and bytes right behind it."""
        headers = {"Authorization": f"Bearer {door.token}", "Sec-WebSocket-Protocol": SUBPROTOCOL}
        request = encode_handshake(host=f"127.0.0.1:{door.port}", path="/1.0/shell", key=new_key(), headers=headers)
        head = request.decode()
        for name, value in (changed or {}).items():
            lines = [line for line in head.split("\r\n") if not line.lower().startswith(name.lower() + ":")]
            head = "\r\n".join([lines[0], *([f"{name}: {value}"] if value else []), *lines[1:]])
        self.writer.write(head.encode() + behind)
        parser = HandshakeParser()
        async with asyncio.timeout(DEADLINE):
            while (response := parser.feed(await self._reader.read(1 << 16))) is None:
                pass
        self._events += self._frames.feed(parser.leftover)
        return response

    async def next(self) -> FrameEvent | None:
        """The next event; None when the connection is over."""
        async with asyncio.timeout(DEADLINE):
            while not self._events:
                try:
                    data = await self._reader.read(1 << 16)
                except ConnectionResetError:
                    data = b""
                if not data:
                    return None
                self._events += self._frames.feed(data)
        return self._events.pop(0)

    async def message(self) -> bytes:
        event = await self.next()
        assert isinstance(event, MessageReceived), event
        return event.data

    async def open(self) -> None:
        self.writer.write(binary(CAT))
        assert isinstance(decode_server_control((await self.message())[1:]), Opened)


@asynccontextmanager
async def connected(door: Door) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def opened(door: Door) -> AsyncIterator[Peer]:
    async with connected(door) as peer:
        assert (await peer.shake_hands(door)).status == 101
        await peer.open()
        yield peer


async def until_idle(engine: FakeEngine) -> None:
    async with asyncio.timeout(DEADLINE):
        while engine.running:
            await asyncio.sleep(0.01)


# -- handshake -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"Upgrade": ""},
        {"Upgrade": "h2c"},
        {"Connection": "keep-alive"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": ""},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "x" * 24},
    ],
)
async def test_what_is_no_handshake_is_refused(door: Door, changed: dict[str, str]) -> None:
    async with connected(door) as peer:
        response = await peer.shake_hands(door, changed=changed)
        assert response.status == 400
        assert b"protocol.violation" in response.body


async def test_messages_right_behind_the_handshake_are_not_lost(door: Door) -> None:
    async with connected(door) as peer:
        assert (await peer.shake_hands(door, behind=binary(CAT))).status == 101
        assert isinstance(decode_server_control((await peer.message())[1:]), Opened)


# -- frames --------------------------------------------------------------------------------------------------------


async def test_a_message_may_come_byte_by_byte_or_many_at_once(door: Door) -> None:
    async with opened(door) as peer:
        for byte in binary(b"\x00hello"):
            peer.writer.write(bytes((byte,)))
            await peer.writer.drain()
            await asyncio.sleep(0)
        assert await peer.message() == b"\x01hello"
        peer.writer.write(b"".join(binary(b"\x00" + bytes((number,))) for number in range(50)))
        came = b""
        while len(came) < 50:
            came += (await peer.message())[1:]
        assert came == bytes(range(50))


async def test_fragments_are_one_message_with_pings_in_between(door: Door) -> None:
    async with opened(door) as peer:
        peer.writer.write(frame(TheirOpcode.BINARY, b"\x00he", fin=False))
        peer.writer.write(frame(TheirOpcode.PING, b"now?"))
        peer.writer.write(frame(TheirOpcode.CONT, b"llo"))
        assert await peer.message() == b"\x01hello"


async def test_a_ping_is_answered_with_its_payload(door: Door) -> None:
    async with opened(door) as peer:
        peer.writer.write(frame(TheirOpcode.PING, b"are you there"))
        async with asyncio.timeout(DEADLINE):
            assert await peer._reader.readexactly(15) == Frame(TheirOpcode.PONG, b"are you there").serialize(mask=False)


async def test_pings_of_a_client_that_reads_nothing_are_not_all_answered(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets: list[WebSocket] = []
    real = WebSocket._begin

    def begin(self: WebSocket) -> None:
        sockets.append(self)
        real(self)

    monkeypatch.setattr(WebSocket, "_begin", begin)
    async with opened(door) as peer:
        ping = frame(TheirOpcode.PING, b"p" * 125)
        for _ in range(1000):
            peer.writer.write(ping * 100)
            await peer.writer.drain()
        transport = sockets[0]._transport
        assert transport is not None
        assert transport.get_write_buffer_size() <= websocket.HIGH_WATER + 200


BROKEN = {
    b"\x82\x01x": "protocol.violation",
    b"\xc2\x80mask": "protocol.violation",
    b"\x83\x80mask": "protocol.violation",
    b"\x80\x80mask": "protocol.violation",
    b"\x09\x80mask": "protocol.violation",
    b"\x89\xfe\x00\x7emask" + b"x" * 126: "protocol.violation",
    b"\x82\xff" + (MAX_MESSAGE + 1).to_bytes(8, "big") + b"mask": "protocol.too_big",
}


@pytest.mark.parametrize(("data", "code"), BROKEN.items())
async def test_what_breaks_the_rfc_is_said_and_closed(door: Door, engine: FakeEngine, data: bytes, code: str) -> None:
    async with opened(door) as peer:
        peer.writer.write(data + binary(b"\x00late"))
        failure = decode_server_control((await peer.message())[1:])
        assert isinstance(failure, Failure)
        assert failure.code == code
        closed = await peer.next()
        assert isinstance(closed, CloseReceived)
        assert closed.code == (1009 if code == "protocol.too_big" else 4400)
    await until_idle(engine)


async def test_what_is_broken_before_anything_was_asked_for_is_said_too(door: Door) -> None:
    async with connected(door) as peer:
        await peer.shake_hands(door)
        peer.writer.write(b"\x82\x01x")
        failure = decode_server_control((await peer.message())[1:])
        assert isinstance(failure, Failure)
        assert failure.code == "protocol.violation"


# -- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\x03\xe8bye", 1000), (b"\x10\x68", 4200), (b"", 1000), (b"\x03\xee", 1002), (b"\xff\xff", 1002)],
)
async def test_a_close_is_answered_and_ends_the_session(
    door: Door, engine: FakeEngine, payload: bytes, code: int
) -> None:
    async with opened(door) as peer:
        peer.writer.write(frame(TheirOpcode.CLOSE, payload) + binary(b"\x00late"))
        assert await peer.next() == CloseReceived(code, "")
        assert await peer.next() is None
        await until_idle(engine)


async def test_a_client_that_never_answers_a_close_is_cut_off(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT", 0.1)
    async with opened(door) as peer:
        peer.writer.write(frame(TheirOpcode.TEXT, b"no text here"))
        while not isinstance(await peer.next(), CloseReceived):
            pass
        peer.writer.write(binary(b"\x00still here"))
        assert await peer.next() is None
    await until_idle(engine)


async def test_a_client_that_leaves_before_it_asks_leaves_nothing(door: Door) -> None:
    async with connected(door) as peer:
        await peer.shake_hands(door)
        peer.writer.write(frame(TheirOpcode.CLOSE, b"\x03\xe8"))
        assert await peer.next() == CloseReceived(1000, "")
        assert await peer.next() is None
    assert len(door.registry) == 0


# -- liveness ------------------------------------------------------------------------------------------------------


async def test_a_silent_client_is_pinged_and_given_up(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "HEARTBEAT_INTERVAL", 0.1)
    monkeypatch.setattr(websocket, "PEER_TIMEOUT", 0.25)
    begin = asyncio.get_running_loop().time()
    async with opened(door) as peer:
        assert [await peer.next(), await peer.next()] == [PingReceived(b""), PingReceived(b"")]
        assert await peer.next() is None
        assert 0.2 <= asyncio.get_running_loop().time() - begin < 2
        await until_idle(engine)


async def test_a_client_that_answers_is_kept(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "HEARTBEAT_INTERVAL", 0.1)
    monkeypatch.setattr(websocket, "PEER_TIMEOUT", 0.8)
    async with opened(door) as peer:
        for _ in range(12):
            assert await peer.next() == PingReceived(b"")
            peer.writer.write(frame(TheirOpcode.PONG))
        peer.writer.write(binary(b"\x00alive"))
        while isinstance(event := await peer.next(), PingReceived):
            pass
        assert event == MessageReceived(b"\x01alive", binary=True)


# -- backpressure --------------------------------------------------------------------------------------------------


async def test_output_goes_on_when_only_an_answer_had_filled_the_connection(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else would wake who sends: the connection became full without any output of the session's."""
    is_full, drained = False, asyncio.Event()

    async def drain(self: WebSocket) -> None:
        nonlocal is_full
        drained.set()
        is_full = False

    async def speak(process: FakeProcess) -> int:
        await process.read()
        process.emit(b"said")
        await process.read()
        return 0

    engine.add_program("cat", speak)
    monkeypatch.setattr(WebSocket, "is_congested", property(lambda self: is_full))
    monkeypatch.setattr(WebSocket, "drain", drain)
    async with opened(door) as peer:
        is_full = True
        peer.writer.write(binary(b"\x00go"))
        assert await peer.message() == b"\x01said"
        assert drained.is_set()


async def test_all_bytes_come_through_a_connection_that_is_full_most_of_the_time(door: Door) -> None:
    async with connected(door) as peer:
        await peer.shake_hands(door)
        size = 3_000_000
        spec = ExecSpec(command=("random", str(size), "7"))
        peer.writer.write(binary(encode_open(Open("web", spec, stdout_window=2_000_000, stderr_window=0))))
        await peer.message()
        await asyncio.sleep(0.3)  # it fills up
        came = 0
        while came < 2_000_000:
            message = await peer.message()
            assert message[0] == 1
            came += len(message) - 1
        assert came == 2_000_000  # the credit, to the byte
