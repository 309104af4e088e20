"""`GET /1.0/shell`: one WebSocket connection, one session.

Two tasks: one reads messages and never waits for anything but the next one; the other is the only one that sends.
They meet in the attachment. Liveness is the framework's ping and pong, which neither of them can hold up.
"""

import asyncio

import structlog
from aiohttp import WSMsgType, web

from whale.broker.broker import Broker
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.model.errors import ProtocolError, WhaleError
from whale.model.exec import Stream
from whale.model.limits import (
    DELIVERY_TIMEOUT,
    HANDSHAKE_TIMEOUT,
    HEARTBEAT_INTERVAL,
    MAX_MESSAGE,
    MAX_PAYLOAD,
)
from whale.model.outcomes import outcome_of
from whale.model.principal import Principal
from whale.session.attachment import Attachment
from whale.wire.events import (
    OpenRequested,
    OutputAcked,
    Resized,
    ServerEvent,
    SignalRequested,
    StdinEnded,
    StdinReceived,
    Violated,
)
from whale.wire.frames import SUBPROTOCOL
from whale.wire.messages import Open
from whale.wire.server import ServerConnection

CLOSE_OK = 1000

_log = structlog.get_logger("whale.gateway")


async def shell(request: web.Request) -> web.StreamResponse:
    """Upgrade to a WebSocket and serve one session on it."""
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if SUBPROTOCOL not in offered:
        raise ProtocolError(f"the subprotocol {SUBPROTOCOL} is needed here", code="protocol.version")
    ws = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,), max_msg_size=MAX_MESSAGE, heartbeat=HEARTBEAT_INTERVAL, compress=False
    )
    # Looked at first: the framework's own refusal repeats the header, and fails where that is not text.
    if request.headers.get("Upgrade", "").lower() != "websocket" or not ws.can_prepare(request):
        raise ProtocolError("this is not a WebSocket handshake")
    await ws.prepare(request)
    await ShellConnection(ws, request.app[CONTEXT].broker, request[PRINCIPAL]).serve()
    return ws


class ShellConnection:
    """One connection from its handshake to its close."""

    def __init__(self, ws: web.WebSocketResponse, broker: Broker, principal: Principal) -> None:
        self._ws = ws
        self._broker = broker
        self._principal = principal
        self._wire = ServerConnection()
        self._attachment: Attachment | None = None
        self._delivered = asyncio.Event()
        self._is_closing = False
        self._stdin_acked = 0
        self._acks: list[bytes] = []

    async def serve(self) -> None:
        """Serve until the client has everything, or is gone, or broke the rules."""
        try:
            await self._serve(await self._receive_open())
        except WhaleError as error:
            await self._refuse(error)
        except ConnectionError:
            pass  # the client is gone; what it left is ended below
        finally:
            if self._attachment is not None:
                self._attachment.close()

    async def _serve(self, request: Open | None) -> None:
        if request is None:
            return
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send(request), name="sender")
            violation = await self._receive()
            if not self._is_closing:  # else the sender is in the middle of the closing handshake
                sender.cancel()
        if violation is not None:
            raise violation

    async def _receive_open(self) -> Open | None:
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                event = await self._next_event()
        except TimeoutError:
            raise ProtocolError("nothing was asked for in time", code="protocol.timeout") from None
        match event:
            case OpenRequested(request):
                return request
            case Violated(error):
                raise error
            case _:
                return None

    async def _next_event(self) -> ServerEvent:
        """Wait for the next message that means something; None when the client has left."""
        while True:
            message = await self._ws.receive()
            if message.type is WSMsgType.BINARY:
                event = self._wire.receive_message(message.data)
            elif message.type is WSMsgType.TEXT:
                event = self._wire.receive_text()
            else:
                return None
            if event is not None:
                return event

    # -- receiving ---------------------------------------------------------------------------------------------

    async def _receive(self) -> ProtocolError | None:
        while (event := await self._next_event()) is not None:
            if isinstance(event, Violated):
                return event.error
            self._apply(event)
        return None

    def _apply(self, event: ServerEvent) -> None:
        attachment = self._attachment
        assert attachment is not None  # the wire lets nothing else through before `opened`
        session = attachment.session
        match event:
            case StdinReceived(data):
                session.write_stdin(data)
                self._collect_ack(attachment)
            case OutputAcked(stdout, stderr, status):
                attachment.acknowledge(Stream.STDOUT, offset=stdout)
                attachment.acknowledge(Stream.STDERR, offset=stderr)
                if status:
                    self._delivered.set()
                attachment.wake()
            case Resized(size):
                session.resize(size)
            case StdinEnded():
                session.end_stdin()
            case SignalRequested(signal):
                session.signal(signal)
            case _:
                raise AssertionError(event)

    def _collect_ack(self, attachment: Attachment) -> None:
        """Note input that has left for the engine; leave an acknowledgement to the sender when one is due."""
        consumed = attachment.session.stdin_consumed
        ack = self._wire.consumed(consumed - self._stdin_acked)
        self._stdin_acked = consumed
        if ack is not None:
            self._acks.append(ack)
            attachment.wake()

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, request: Open) -> None:
        try:
            attachment = await self._broker.open_session(
                self._principal,
                request.container,
                request.spec,
                window=max(request.stdout_window, request.stderr_window),
            )
            self._attachment = attachment
            await self._send_session(attachment)
        except WhaleError as error:
            await self._refuse(error)
        except ConnectionError:
            await self._close(outcome_of("transport.lost").close)

    async def _send_session(self, attachment: Attachment) -> None:
        container = attachment.session.container
        await self._ws.send_bytes(
            self._wire.send_opened(
                session=attachment.session.id, container_id=container.id, container_name=container.name
            )
        )
        while not (attachment.session.is_over and attachment.is_drained):
            if not await self._send_pending(attachment):
                await attachment.wait()
        await self._send_end(attachment)

    async def _send_pending(self, attachment: Attachment) -> bool:
        """Send what there is and the client has credit for; False when there was nothing."""
        sent = False
        # The rarer stream first: a flood on stdout must not hold up a line on stderr.
        for stream in (Stream.STDERR, Stream.STDOUT):
            data = attachment.read(stream, size=min(self._wire.output[stream].credit, MAX_PAYLOAD))
            if data:
                sent = True
                await self._ws.send_bytes(self._wire.send_output(stream, data))
        self._collect_ack(attachment)
        while self._acks:
            sent = True
            await self._ws.send_bytes(self._acks.pop(0))
        while attachment.notices:
            sent = True
            code, message = attachment.notices.pop(0)
            await self._ws.send_bytes(self._wire.send_notice(code=code, message=message))
        return sent

    async def _send_end(self, attachment: Attachment) -> None:
        session = attachment.session
        if session.failure is not None:
            raise session.failure
        assert session.status is not None  # a session that is over has one or the other
        code = session.status.reason
        message = outcome_of(code).meaning if session.status.is_lost else ""
        await self._ws.send_bytes(self._wire.send_status(session.status, message=message))
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT):
                await self._delivered.wait()
        except TimeoutError:
            pass
        if not self._delivered.is_set():
            _log.warning("session.not_delivered", session=session.id, principal=self._principal.name)
        await self._close(CLOSE_OK if self._delivered.is_set() else outcome_of("protocol.timeout").close)

    async def _refuse(self, error: WhaleError) -> None:
        """Tell the client what went wrong and close with the code that fits."""
        _log.info("session.refused", principal=self._principal.name, code=error.code, error=str(error))
        if not self._ws.closed:
            await self._ws.send_bytes(self._wire.send_failure(error))
            await self._close(outcome_of(error.code).close, error.code)

    async def _close(self, code: int, reason: str = "") -> None:
        self._is_closing = True
        await self._ws.close(code=code, message=reason.encode())
