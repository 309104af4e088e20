"""`GET /1.0/shell`: one WebSocket connection, one client of one session.

Messages are dealt with as they come, without waiting for anything. One task does what has to be waited for: the start
and, in `sender.py`, the end.
"""

import asyncio
import time

import structlog
from aiohttp import web

from whale.broker.sessions import SessionBroker
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.sender import SessionSender
from whale.gateway.websocket import CLOSE_OK, WebSocket
from whale.model.approval import Approval
from whale.model.errors import ProtocolError, WhaleError
from whale.model.exec import Stream
from whale.model.limits import DISPLACED_TIMEOUT, HANDSHAKE_TIMEOUT
from whale.model.outcomes import outcome_of
from whale.model.principal import Principal
from whale.model.role import Role
from whale.session.attachment import Attachment
from whale.wire.attach_header import ATTACH_HEADER, TAKEN, decode_attach_header
from whale.wire.events import (
    AttachRequested,
    DetachRequested,
    JoinRequested,
    OpenRequested,
    OutputAcked,
    Resized,
    RoleRequested,
    ServerEvent,
    SignalRequested,
    StdinEnded,
    StdinReceived,
    Violated,
)
from whale.wire.frames import SUBPROTOCOL
from whale.wire.requests import Attach, Join, Request
from whale.wire.server import ServerConnection
from whale.wire.websocket import MessageReceived

_log = structlog.get_logger("whale.gateway")


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
        self._sessions: SessionBroker = request.app[CONTEXT].sessions
        self._principal: Principal = request[PRINCIPAL]
        self._wire = ServerConnection()
        self._request: asyncio.Future[Request | None] = asyncio.get_running_loop().create_future()
        self._attachment: Attachment | None = None
        self._violation: ProtocolError | None = None
        self._sender: SessionSender | None = None
        self._over = asyncio.Event()
        self._is_settled = False
        """True when the client knows how it ends, or broke the rules: it will not come back."""

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
        request: Request | None = None
        try:
            request = await self._requested()
            if request is not None:
                await self._serve(request)
        except WhaleError as error:
            await self._refuse(error)
        finally:
            self._let_go(request)

    def _let_go(self, request: Request | None) -> None:
        may_return = self.ws.is_lost and not self._is_settled
        if self._attachment is not None:
            if may_return:
                self._attachment.lose()
            else:
                self._attachment.close()
        elif request is not None and not may_return:
            # It left while the session was opened, and may have left one behind that waits for it.
            self._sessions.give_up(self._principal, request.attachment)

    async def _requested(self) -> Request | None:
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                return await self._request
        except TimeoutError:
            raise ProtocolError("nothing was asked for in time", code="protocol.timeout") from None

    async def _serve(self, request: Request) -> None:
        async with asyncio.TaskGroup() as tasks:
            session = tasks.create_task(self._run(request), name="session")
            await self._over.wait()
            session.cancel()
        if self._is_settled and self.ws.is_open and self._violation is None:
            await self.ws.close(CLOSE_OK)  # it has detached
        if self._violation is not None:
            raise self._violation

    # -- receiving: what the WebSocket calls -------------------------------------------------------------------

    def message_received(self, message: MessageReceived) -> None:
        """Do what the client asks for."""
        if self._attachment is not None and self._attachment.is_displaced:
            return  # what comes late here was sent again on the next connection, or is nobody's word any more
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
                attachment, sender = self._opened()
                attachment.write_stdin(data)
                if self._wire.is_ack_near:
                    sender.ack_input()
            case OutputAcked(stdout, stderr, status):
                attachment, sender = self._opened()
                attachment.acknowledge(Stream.STDOUT, offset=stdout)
                attachment.acknowledge(Stream.STDERR, offset=stderr)
                if status:
                    self._is_settled = True
                    sender.delivered.set()
                attachment.wake()
            case Resized(size):
                self._opened()[0].resize(size)
            case StdinEnded():
                self._opened()[0].end_stdin()
            case SignalRequested(signal):
                self._opened()[0].session.control.signal(signal)
            case RoleRequested(role):
                self._change_role(role)
            case DetachRequested():
                self._detach()
            case OpenRequested(request) | AttachRequested(request) | JoinRequested(request):
                self._request.set_result(request)
            case Violated(error):
                self.violated(error)
            case _:
                raise AssertionError(event)

    def _opened(self) -> tuple[Attachment, SessionSender]:
        assert self._attachment is not None  # the wire lets nothing of this through before `opened`
        assert self._sender is not None
        return self._attachment, self._sender

    def _change_role(self, role: Role) -> None:
        attachment, _ = self._opened()
        try:
            self._sessions.change_role(self._principal, attachment, role)
        except WhaleError as error:
            attachment.was_told_role = False  # who gives the keyboard away takes itself for a viewer already
            attachment.notify(
                code=error.code, message=f"{error.message} ({error.hint})" if error.hint else error.message
            )

    def _detach(self) -> None:
        attachment, _ = self._opened()
        attachment.detach()
        self._is_settled = True
        self.ws.send(self._wire.send_detached(keep=int(attachment.session.attendance.keep)))
        self._over.set()

    # -- the task ----------------------------------------------------------------------------------------------

    async def _run(self, request: Request) -> None:
        try:
            attachment = self._attachment = await self._attach(request)
            session = attachment.session
            self._sender = SessionSender(attachment, ws=self.ws, wire=self._wire, is_over=self._over.is_set)
            attachment.owes_screen = isinstance(request, Attach) and request.screen and session.spec.tty
            replay = session.logs[Stream.STDOUT].end if attachment.is_back and session.spec.tty else 0
            await self._sender.run(replay=replay)
        except WhaleError as error:
            await self._refuse(error)

    async def _attach(self, request: Request) -> Attachment:
        if isinstance(request, Attach):
            received = {Stream.STDOUT: request.stdout.received, Stream.STDERR: request.stderr.received}
            consumed = {Stream.STDOUT: request.stdout.consumed, Stream.STDERR: request.stderr.consumed}
            return await self._sessions.resume(
                self._principal, request.attachment, received=received, consumed=consumed, size=request.size
            )
        self._principal = self._principal._replace(purpose=request.reason)
        if isinstance(request, Join):
            return await self._sessions.join(
                self._principal, request.session, role=request.role, key=request.attachment, size=request.size
            )
        return await self._sessions.open(
            self._principal,
            request.container,
            request.spec,
            window=max(request.stdout_window, request.stderr_window),
            key=request.attachment,
            name=request.name,
            tell=self._tell_waiting,
        )

    def _tell_waiting(self, approval: Approval) -> None:
        if self._violation is not None:
            return  # and it is about to be told that
        seconds = max(0, approval.until - int(time.time()))
        self.ws.send(self._wire.send_waiting(approval=approval.id, seconds=seconds))

    async def _refuse(self, error: WhaleError) -> None:
        """Tell the client what went wrong and close with the code that fits."""
        _log.info("session.refused", principal=self._principal.name, code=error.code, error=str(error))
        if self.ws.is_open:
            self._is_settled = True
            self.ws.send(self._wire.send_failure(error))
            is_displaced = self._attachment is not None and self._attachment.is_displaced
            patience = DISPLACED_TIMEOUT if is_displaced else None
            await self.ws.close(outcome_of(error.code).close, error.code, patience=patience)
