"""What leaves on one connection to a session: output within the credit, acknowledgements, pictures, words, the end.

Output is sent as it comes, by the call that brings it. One task does what has to be waited for: room in the
connection, the end.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from whale.gateway.websocket import CLOSE_GOING_AWAY, CLOSE_OK, WebSocket
from whale.model.errors import AccessDenied, AuthenticationError, SessionError
from whale.model.exec import Stream
from whale.model.limits import DELIVERY_TIMEOUT, MAX_PAYLOAD
from whale.model.outcomes import outcome_of
from whale.session.attachment import Attachment
from whale.session.session import SessionState
from whale.wire.messages import Opened
from whale.wire.requests import Progress
from whale.wire.server import ServerConnection

_log = structlog.get_logger("whale.gateway")

_STREAMS = (Stream.STDERR, Stream.STDOUT)
"""The rarer stream first: a flood on stdout must not hold up a line on stderr."""
_TERMINAL = (Stream.STDOUT,)

_ENDED = SessionState.ENDED  # looked up for every keystroke, and an enumeration is slow at it

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
        self._wait: asyncio.Timeout | None = None
        """Of the wait for a client that may never do what is waited for."""
        self._streams = _TERMINAL if attachment.session.spec.tty else _STREAMS
        self._painted = 0
        """Acknowledgement from which on the client has its last picture."""
        self._stdin_acked = attachment.stdin_consumed

    async def run(self, *, replay: int) -> None:
        """Answer the request, then send until the client has everything. Raises why the session failed."""
        attachment = self._attachment
        answer = _answer(attachment, stdin_window=self._wire.stdin_window, replay=replay)
        self._ws.send(self._wire.send_opened(answer))
        attachment.listen(self._changed)
        while self._send_pending():
            if self._ws.is_congested:
                await self._patiently(self._ws.drain(), seconds=None)
            else:
                await self._wake.wait()
                self._wake.clear()
        attachment.listen(self._check_place)  # nothing else matters any more
        await self._send_end()

    def ack_input(self) -> None:
        """Acknowledge input that has left for the engine, when it is time."""
        consumed = self._attachment.stdin_consumed
        if consumed > self._stdin_acked:
            ack = self._wire.consumed(consumed - self._stdin_acked)
            self._stdin_acked = consumed
            if ack is not None:
                self._ws.send(ack)

    def _changed(self) -> None:
        """Send what can be sent at once; wake the task for the rest."""
        if not self._send_pending():
            self._wake.set()
            self._check_place()
        elif self._ws.is_congested:
            self._wake.set()

    def _check_place(self) -> None:
        """Wait no longer for a client that has no place in the session any more: one that reads nothing keeps none."""
        if self._attachment.is_displaced and self._wait is not None:
            self._wait.reschedule(0.0)
            self._wait = None

    async def _patiently(self, what: Awaitable[object], *, seconds: float | None) -> None:
        """Wait for what the client does or does not do, while it has its place."""
        try:
            async with asyncio.timeout(seconds) as self._wait:
                await what
        except TimeoutError:
            pass
        finally:
            self._wait = None

    def _send_pending(self) -> bool:
        """Send what there is and the client has credit for, while the connection takes it; False at the end of all."""
        attachment = self._attachment
        if self._is_over():
            return True  # and the task is about to be cancelled
        if attachment.is_displaced:
            return False
        if not attachment.is_behind or self._leave_out():
            if attachment.wants_screen:
                self._send_screen()
            self._send_output()
            if attachment.owes_screen and attachment.is_drained:
                self._send_screen()
        if self._wire.is_ack_near:
            self.ack_input()
        if not attachment.was_told_role:
            attachment.was_told_role = True
            self._ws.send(self._wire.send_role(attachment.role, answers=attachment.answers))
        while attachment.notices:
            code, message = attachment.notices.popleft()
            self._ws.send(self._wire.send_notice(code=code, message=message))
        session = attachment.session
        is_cut = attachment.is_displaced or session.is_abandoned
        return not is_cut and not (session.state is _ENDED and attachment.is_drained)

    def _leave_out(self) -> bool:
        """Go on behind what has gone, when the client has credit for it. False: no output can be sent yet.

        A picture costs no credit, so a client gets no other one before its word for the last gap: then it has that.
        """
        attachment, output = self._attachment, self._wire.output
        if self._ws.is_congested:
            return False
        if all(output[stream].credit <= 0 for stream in attachment.behind()):
            return True  # of the other streams more can be sent
        stdout = output[Stream.STDOUT]
        if stdout.acked < self._painted:
            return False
        sent, gap = stdout.sent, attachment.take_gap()
        if attachment.wants_screen:
            # What the client has not consumed it may go on not to have consumed: it acknowledges what is left out.
            self._painted = stdout.acked + gap.stdout - sent
        self._ws.send(self._wire.send_gap(stdout=gap.stdout, stderr=gap.stderr))
        return True

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
        self._require_place()
        if session.failure is not None:
            raise session.failure
        assert session.status is not None  # a session that is over has one or the other
        code = session.status.reason
        message = outcome_of(code).meaning if session.status.is_lost else ""
        self._ws.send(self._wire.send_status(session.status, message=message))
        await self._patiently(self.delivered.wait(), seconds=DELIVERY_TIMEOUT)
        self._require_place()
        if not self.delivered.is_set():
            _log.warning("session.not_delivered", session=session.id, principal=self._attachment.principal.name)
        await self._ws.close(CLOSE_OK if self.delivered.is_set() else outcome_of("protocol.timeout").close)

    def _require_place(self) -> None:
        if self._attachment.revoked_because:
            hint = self._attachment.revoked_because
            raise AccessDenied("the policy does not allow this any more", code="access.withdrawn", hint=hint)
        if self._attachment.is_revoked:
            raise AuthenticationError("the token was revoked, or has expired", code="auth.revoked", hint=_REVOKED_HINT)
        if self._attachment.is_superseded:
            raise SessionError("the session went on over another connection", code="session.superseded")


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
        stdin_ended=session.is_stdin_ended or attachment.is_stdin_ended,
        stdout=attachment.cursor(Stream.STDOUT),
        stderr=attachment.cursor(Stream.STDERR),
        role=attachment.role,
        answers=attachment.answers,
        joined=attachment.has_joined,
        replay=replay,
        screen=session.has_picture,
    )
