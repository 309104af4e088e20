"""`GET /1.0/shell`: one WebSocket connection, one session.

Messages are dealt with as they come, and output is sent as it comes, both without waiting for anything. One task
does what has to be waited for: the start, room in the connection, the end.
"""

import asyncio

import structlog
from aiohttp import web

from whale.broker.broker import Broker
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.websocket import CLOSE_OK, WebSocket
from whale.model.errors import ProtocolError, SessionError, WhaleError
from whale.model.exec import Stream
from whale.model.limits import DELIVERY_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_PAYLOAD
from whale.model.outcomes import outcome_of
from whale.model.principal import Principal
from whale.session.attachment import Attachment
from whale.wire.attach_header import ATTACH_HEADER, TAKEN, decode_attach_header
from whale.wire.events import (
    AttachRequested,
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
from whale.wire.messages import Opened
from whale.wire.requests import Attach, Open, Progress
from whale.wire.server import ServerConnection
from whale.wire.websocket import MessageReceived

_log = structlog.get_logger("whale.gateway")

_STREAMS = (Stream.STDERR, Stream.STDOUT)
"""The rarer stream first: a flood on stdout must not hold up a line on stderr."""
_TERMINAL = (Stream.STDOUT,)


async def shell(request: web.Request) -> web.StreamResponse:
    """Upgrade to a WebSocket and serve one session on it."""
    connection = ShellConnection(request)
    response = await connection.ws.accept(SUBPROTOCOL, headers=connection.take_header(request))
    await connection.serve()
    return response


class ShellConnection:
    """One connection from its handshake to its close; implements the WebSocket's `Receiver`."""

    def __init__(self, request: web.Request) -> None:
        self.ws = WebSocket(request, self)
        self._broker: Broker = request.app[CONTEXT].broker
        self._principal: Principal = request[PRINCIPAL]
        self._wire = ServerConnection()
        self._request: asyncio.Future[Open | Attach | None] = asyncio.get_running_loop().create_future()
        self._attachment: Attachment | None = None
        self._violation: ProtocolError | None = None
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._delivered = asyncio.Event()
        self._is_settled = False
        """True when the client knows how it ends, or broke the rules: it will not come back."""
        self._streams: tuple[Stream, ...] = _STREAMS
        self._stdin_acked = 0

    def take_header(self, request: web.Request) -> dict[str, str]:
        """Take the `attach` of a client that comes back in one flight; return the header that says so.

        Raises `ProtocolError` for a header that carries anything else.
        """
        values = request.headers.getall(ATTACH_HEADER, [])
        if not values:
            return {}
        event = self._wire.receive_message(decode_attach_header(values[0]))
        if isinstance(event, Violated):
            raise event.error
        if not isinstance(event, AttachRequested) or len(values) > 1:
            raise ProtocolError(f"the header {ATTACH_HEADER} carries one attach, and nothing else")
        self._apply(event)
        return {ATTACH_HEADER: TAKEN}

    async def serve(self) -> None:
        """Serve until the client has everything, or is gone, or broke the rules."""
        request: Open | Attach | None = None
        try:
            request = await self._requested()
            if request is not None:
                await self._serve(request)
        except WhaleError as error:
            await self._refuse(error)
        finally:
            self._let_go(request)

    def _let_go(self, request: Open | Attach | None) -> None:
        may_return = self.ws.is_lost and not self._is_settled
        if self._attachment is not None:
            if may_return:
                self._attachment.lose()
            else:
                self._attachment.close()
        elif request is not None and not may_return:
            # It left while the session was opened, and may have left one behind that waits for it.
            self._broker.give_up_session(self._principal, request.attachment)

    async def _requested(self) -> Open | Attach | None:
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                return await self._request
        except TimeoutError:
            raise ProtocolError("nothing was asked for in time", code="protocol.timeout") from None

    async def _serve(self, request: Open | Attach) -> None:
        async with asyncio.TaskGroup() as tasks:
            session = tasks.create_task(self._run(request), name="session")
            await self._over.wait()
            session.cancel()
        if self._violation is not None:
            raise self._violation

    # -- receiving: what the WebSocket calls -------------------------------------------------------------------

    def message_received(self, message: MessageReceived) -> None:
        """Do what the client asks for."""
        if self._attachment is not None and self._attachment.is_superseded:
            return  # what comes late here was sent again on the next connection
        event = self._wire.receive_message(message.data) if message.binary else self._wire.receive_text()
        if event is not None:
            self._apply(event)

    def violated(self, error: ProtocolError) -> None:
        """Leave it to the task to refuse."""
        if self._violation is None:
            self._violation = error
            self._is_settled = True
            if not self._request.done():
                self._request.set_exception(error)
            self._over.set()

    def ended(self) -> None:
        """Leave it to the task to end."""
        if not self._request.done():
            self._request.set_result(None)
        self._over.set()

    def _apply(self, event: ServerEvent) -> None:
        match event:
            case StdinReceived(data):
                attachment = self._opened()
                attachment.session.write_stdin(data)
                self._send_ack(attachment)
            case OutputAcked(stdout, stderr, status):
                attachment = self._opened()
                attachment.acknowledge(Stream.STDOUT, offset=stdout)
                attachment.acknowledge(Stream.STDERR, offset=stderr)
                if status:
                    self._is_settled = True
                    self._delivered.set()
                attachment.wake()
            case Resized(size):
                self._opened().session.resize(size)
            case StdinEnded():
                self._opened().session.end_stdin()
            case SignalRequested(signal):
                self._opened().session.signal(signal)
            case OpenRequested(request) | AttachRequested(request):
                self._request.set_result(request)
            case Violated(error):
                self.violated(error)
            case _:
                raise AssertionError(event)

    def _opened(self) -> Attachment:
        assert self._attachment is not None  # the wire lets nothing of this through before `opened`
        return self._attachment

    # -- sending -----------------------------------------------------------------------------------------------

    async def _run(self, request: Open | Attach) -> None:
        try:
            self._attachment = await self._attach(request)
            if isinstance(request, Attach) and request.size is not None:
                self._attachment.session.resize(request.size)
            await self._send_session(self._attachment)
        except WhaleError as error:
            await self._refuse(error)

    async def _attach(self, request: Open | Attach) -> Attachment:
        if isinstance(request, Attach):
            received = {Stream.STDOUT: request.stdout.received, Stream.STDERR: request.stderr.received}
            consumed = {Stream.STDOUT: request.stdout.consumed, Stream.STDERR: request.stderr.consumed}
            return await self._broker.resume_session(
                self._principal, request.attachment, received=received, consumed=consumed
            )
        return await self._broker.open_session(
            self._principal,
            request.container,
            request.spec,
            window=max(request.stdout_window, request.stderr_window),
            attachment=request.attachment,
        )

    async def _send_session(self, attachment: Attachment) -> None:
        if attachment.session.spec.tty:
            self._streams = _TERMINAL
        self._stdin_acked = attachment.session.stdin_consumed
        self.ws.send(self._wire.send_opened(_answer(attachment, stdin_window=self._wire.stdin_window)))
        attachment.listen(self._changed)
        while self._send_pending(attachment):
            if self.ws.is_congested:
                await self.ws.drain()
            else:
                await self._wake.wait()
                self._wake.clear()
        attachment.listen(_ignore)
        await self._send_end(attachment)

    def _changed(self) -> None:
        """Send what can be sent at once; wake the task for the rest."""
        if not self._send_pending(self._opened()) or self.ws.is_congested:
            self._wake.set()

    def _send_pending(self, attachment: Attachment) -> bool:
        """Send what there is and the client has credit for, while the connection takes it; False at the end of all."""
        if self._over.is_set():
            return True  # and the task is about to be cancelled
        output, more = self._wire.output, True
        while more and not self.ws.is_congested:
            more = False
            for stream in self._streams:
                size = min(output[stream].credit, MAX_PAYLOAD)
                if data := attachment.read(stream, size=size):
                    self.ws.send(self._wire.send_output(stream, data))
                    more = more or len(data) == size
        if self._stdin_acked != attachment.session.bytes_in:
            self._send_ack(attachment)
        while attachment.notices:
            code, message = attachment.notices.pop(0)
            self.ws.send(self._wire.send_notice(code=code, message=message))
        return not attachment.is_superseded and not (attachment.session.is_over and attachment.is_drained)

    def _send_ack(self, attachment: Attachment) -> None:
        """Note input that has left for the engine; acknowledge it when it is time."""
        consumed = attachment.session.stdin_consumed
        if consumed != self._stdin_acked:
            ack = self._wire.consumed(consumed - self._stdin_acked)
            self._stdin_acked = consumed
            if ack is not None:
                self.ws.send(ack)

    async def _send_end(self, attachment: Attachment) -> None:
        session = attachment.session
        if attachment.is_superseded:
            raise SessionError("the session went on over another connection", code="session.superseded")
        if session.failure is not None:
            raise session.failure
        assert session.status is not None  # a session that is over has one or the other
        code = session.status.reason
        message = outcome_of(code).meaning if session.status.is_lost else ""
        self.ws.send(self._wire.send_status(session.status, message=message))
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT):
                await self._delivered.wait()
        except TimeoutError:
            pass
        if not self._delivered.is_set():
            _log.warning("session.not_delivered", session=session.id, principal=self._principal.name)
        await self.ws.close(CLOSE_OK if self._delivered.is_set() else outcome_of("protocol.timeout").close)

    async def _refuse(self, error: WhaleError) -> None:
        """Tell the client what went wrong and close with the code that fits."""
        _log.info("session.refused", principal=self._principal.name, code=error.code, error=str(error))
        if self.ws.is_open:
            self._is_settled = True
            self.ws.send(self._wire.send_failure(error))
            await self.ws.close(outcome_of(error.code).close, error.code)


def _answer(attachment: Attachment, *, stdin_window: int) -> Opened:
    """Say what the client can begin, or go on, with."""
    session = attachment.session
    return Opened(
        session=session.id,
        container_id=session.container.id,
        container_name=session.container.name,
        stdin_window=stdin_window,
        keep=int(session.keep),
        stdin=Progress(received=session.bytes_in, consumed=session.stdin_consumed),
        stdin_ended=session.is_stdin_ended,
        stdout=attachment.cursor(Stream.STDOUT),
        stderr=attachment.cursor(Stream.STDERR),
    )


def _ignore() -> None:
    """Nothing more is to be sent."""
