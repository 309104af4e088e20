"""What leaves on one connection to a session: output within the credit, acknowledgements, pictures, words, the end.

Output is sent as it comes, by the call that brings it. One task does what has to be waited for: room in the
connection, the end.
"""

import asyncio
from collections.abc import Callable

import structlog

from whale.gateway.websocket import CLOSE_GOING_AWAY, CLOSE_OK, WebSocket
from whale.model.errors import AuthenticationError, SessionError
from whale.model.exec import Stream
from whale.model.limits import DELIVERY_TIMEOUT, MAX_PAYLOAD
from whale.model.outcomes import outcome_of
from whale.session.attachment import Attachment
from whale.wire.messages import Opened
from whale.wire.requests import Progress
from whale.wire.server import ServerConnection

_log = structlog.get_logger("whale.gateway")

_STREAMS = (Stream.STDERR, Stream.STDOUT)
"""The rarer stream first: a flood on stdout must not hold up a line on stderr."""
_TERMINAL = (Stream.STDOUT,)

_REVOKED_HINT = "ask for a new token"


class SessionSender:
    """Made when the attachment is there; `run` it. `is_over` says that nothing can be sent any more."""

    def __init__(
        self,
        attachment: Attachment,
        *,
        ws: WebSocket,
        wire: ServerConnection,
        is_over: Callable[[], bool],
    ) -> None:
        self.delivered = asyncio.Event()
        """Set it when the client has confirmed that it has everything."""
        self._attachment = attachment
        self._ws = ws
        self._wire = wire
        self._is_over = is_over
        self._wake = asyncio.Event()
        self._streams = _TERMINAL if attachment.session.spec.tty else _STREAMS
        self._stdin_acked = attachment.stdin_consumed

    async def run(self, *, replay: int) -> None:
        """Answer the request, then send until the client has everything. Raises why the session failed."""
        attachment = self._attachment
        answer = _answer(attachment, stdin_window=self._wire.stdin_window, replay=replay)
        self._ws.send(self._wire.send_opened(answer))
        attachment.listen(self._changed)
        while self._send_pending():
            if self._ws.is_congested:
                await self._ws.drain()
            else:
                await self._wake.wait()
                self._wake.clear()
        attachment.listen(_ignore)
        await self._send_end()

    def ack_input(self) -> None:
        """Note input that has left for the engine; acknowledge it when it is time."""
        consumed = self._attachment.stdin_consumed
        if consumed > self._stdin_acked:
            ack = self._wire.consumed(consumed - self._stdin_acked)
            self._stdin_acked = consumed
            if ack is not None:
                self._ws.send(ack)

    def _changed(self) -> None:
        """Send what can be sent at once; wake the task for the rest."""
        if not self._send_pending() or self._ws.is_congested:
            self._wake.set()

    def _send_pending(self) -> bool:
        """Send what there is and the client has credit for, while the connection takes it; False at the end of all."""
        attachment = self._attachment
        if self._is_over():
            return True  # and the task is about to be cancelled
        if attachment.is_revoked:
            return False
        if attachment.is_behind:
            gap = attachment.take_gap()
            self._ws.send(self._wire.send_gap(stdout=gap.stdout, stderr=gap.stderr))
        if attachment.wants_screen:
            self._send_screen()
        self._send_output()
        if self._stdin_acked != attachment.stdin_received:
            self.ack_input()
        if not attachment.was_told_role:
            attachment.was_told_role = True
            self._ws.send(self._wire.send_role(attachment.role, answers=attachment.answers))
        while attachment.notices:
            code, message = attachment.notices.popleft()
            self._ws.send(self._wire.send_notice(code=code, message=message))
        return not self._is_at_end() and not (attachment.session.is_over and attachment.is_drained)

    def _is_at_end(self) -> bool:
        attachment = self._attachment
        return attachment.is_superseded or attachment.session.is_abandoned

    def _send_output(self) -> None:
        attachment, output, more = self._attachment, self._wire.output, True
        while more and not self._ws.is_congested:
            more = False
            for stream in self._streams:
                size = min(output[stream].credit, MAX_PAYLOAD)
                if data := attachment.read(stream, size=size):
                    self._ws.send(self._wire.send_output(stream, data))
                    more = more or len(data) == size

    def _send_screen(self) -> None:
        screen = self._attachment.take_screen()
        for begin in range(0, len(screen), MAX_PAYLOAD):
            self._ws.send(self._wire.send_screen(screen[begin : begin + MAX_PAYLOAD]))

    async def _send_end(self) -> None:
        session = self._attachment.session
        if session.is_abandoned:
            await self._ws.close(CLOSE_GOING_AWAY)  # and no word that it is over: the next server has it
            return
        if self._attachment.is_revoked:
            raise AuthenticationError("the token was revoked, or has expired", code="auth.revoked", hint=_REVOKED_HINT)
        if self._attachment.is_superseded:
            raise SessionError("the session went on over another connection", code="session.superseded")
        if session.failure is not None:
            raise session.failure
        assert session.status is not None  # a session that is over has one or the other
        code = session.status.reason
        message = outcome_of(code).meaning if session.status.is_lost else ""
        self._ws.send(self._wire.send_status(session.status, message=message))
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT):
                await self.delivered.wait()
        except TimeoutError:
            pass
        if not self.delivered.is_set():
            _log.warning("session.not_delivered", session=session.id, principal=self._attachment.principal.name)
        await self._ws.close(CLOSE_OK if self.delivered.is_set() else outcome_of("protocol.timeout").close)


def _answer(attachment: Attachment, *, stdin_window: int, replay: int) -> Opened:
    """Say what the client can begin, or go on, with."""
    session = attachment.session
    attachment.was_told_role = True
    return Opened(
        session=session.id,
        container_id=session.container.id,
        container_name=session.container.name,
        stdin_window=stdin_window,
        keep=int(session.attendance.keep) if attachment.key else 0,
        stdin=Progress(received=attachment.stdin_received, consumed=attachment.stdin_consumed),
        stdin_ended=session.is_stdin_ended,
        stdout=attachment.cursor(Stream.STDOUT),
        stderr=attachment.cursor(Stream.STDERR),
        role=attachment.role,
        answers=attachment.answers,
        joined=attachment.has_joined,
        replay=replay,
    )


def _ignore() -> None:
    """Nothing more is to be sent."""
