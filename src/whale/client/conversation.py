"""What is said between this program and the server during a session.

Output is acknowledged when it is written, and only then; how a session ended is reported only after its last byte
is out. It never waits, and never takes a connection that broke for an end: where the server keeps the session, it
goes on at the same byte over a new one.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, assert_never

from whale.client.bottom_line import NEVER
from whale.client.display import Display
from whale.client.ending import Ending
from whale.client.inlet import Inlet
from whale.client.link import NORMAL_CLOSE, Link
from whale.client.remarks import closed, detached, missed_remark, role_remark
from whale.client.remote import remote_error
from whale.client.resumption import Resumption
from whale.client.status_line import StatusLine
from whale.client.wishes import Wishes
from whale.model.errors import ProtocolError, TransportError, WhaleError
from whale.model.exec import Stream
from whale.model.limits import KIB, PEER_TIMEOUT
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire.client import ClientConnection, ClientState
from whale.wire.events import (
    ApprovalAwaited,
    ClientEvent,
    DetachConfirmed,
    FailureReceived,
    GapReceived,
    NoticeReceived,
    OutputReceived,
    RoleChanged,
    ScreenReceived,
    SessionOpened,
    SessionResumed,
    StatusReceived,
    Violated,
)
from whale.wire.messages import Opened
from whale.wire.websocket import CloseReceived, FrameEvent, MessageReceived, PingReceived

if TYPE_CHECKING:
    from whale.client.reconnect import Reconnect
    from whale.client.resumption import BeginSearch

MAX_QUEUED = 512 * KIB
"""Bytes waiting for the socket above which nothing is read, neither input nor messages: the server takes nothing."""

# Looked up for every keystroke, and an enumeration is slow at it.
_OPEN, _CONTROLLER = ClientState.OPEN, Role.CONTROLLER


class Conversation:
    """Drives a link and its protocol. Made when `open` has been sent; over when `is_over`; then call `finish`."""

    def __init__(
        self,
        link: Link,
        connection: ClientConnection,
        *,
        display: Display,
        say: Callable[[str], None],
        size: TerminalSize | None,
        status: StatusLine | None = None,
        reconnect: "BeginSearch | None" = None,
    ) -> None:
        """`reconnect` begins to look for a new connection; without it a broken one is the end."""
        self._way = Resumption(link, begin=reconnect, status=status)
        self.display = display
        self.session = ""
        """Its id, once the server has said it."""
        self._connection = connection
        self._say = say
        self.wishes = Wishes(connection, size=size, send=self._send)
        self._was_opened = False
        self._role = Role.CONTROLLER
        self._arrived: deque[FrameEvent] = deque()
        self.ending = Ending()
        self._attach = b""
        """The one that is sent on the next connection."""
        self._is_spoiled = False
        """True when the screen needs the picture, and the connection was not asked for it."""
        self.is_calm = False
        """True when nothing is under way but typing and output; `calm_down` finds out, and anything else ends it."""

    @property
    def link(self) -> Link:
        """The connection in use, or the one that broke."""
        return self._way.link

    @property
    def reconnect(self) -> "Reconnect | None":
        """The search for a new connection, while there is none; call `reconnected` when it is done."""
        return self._way.search

    @property
    def is_opening(self) -> bool:
        """True until the server has answered `open`."""
        return self._connection.state < _OPEN and not self._was_opened

    @property
    def is_over(self) -> bool:
        """True when it is known how it ends and all output is written."""
        return self.ending.is_known and not self.display.is_blocked

    @property
    def is_listening(self) -> bool:
        """True when messages should be read."""
        return not self._way.is_lost and self.link.queued < MAX_QUEUED

    @property
    def is_sending(self) -> bool:
        """True when something waits for the socket."""
        return not self._way.is_lost and self.link.queued > 0

    @property
    def input_credit(self) -> int:
        """Bytes of input that can be sent now."""
        if self._connection.state is not _OPEN or self._way.is_lost or self._way.link.queued >= MAX_QUEUED:
            return 0
        if self._connection.role is not _CONTROLLER or self._connection.is_leaving:
            return 0
        return self._connection.stdin.credit

    @property
    def due(self) -> float:
        """When something is done if the server stays silent; `NEVER` when nothing is to be done."""
        due = self.display.due
        if not self._way.is_lost:
            lookout = self._way.lookout
            due = min(due, self.link.heard + PEER_TIMEOUT, NEVER if lookout is None else lookout.due)
        return due

    @property
    def patience(self) -> float | None:
        """Seconds that the server may still be silent before something is done; None when nothing is to be done."""
        due = self.due
        return None if due == NEVER else max(0.0, due - time.monotonic())

    @property
    def watched(self) -> tuple[int, ...]:
        """What else to wait for; call `look_around` when one of them is readable."""
        return () if self._way.is_lost or self._way.lookout is None else self._way.lookout.descriptors

    def calm_down(self) -> bool:
        """Find out whether nothing is under way but typing and output, and return that (`is_calm`)."""
        way, connection = self._way, self._connection
        self.is_calm = (
            connection.state is _OPEN
            and connection.role is _CONTROLLER
            and not (way.is_lost or self.ending.is_known or self._is_spoiled or self.wishes.is_leaving)
            and not (way.lookout is not None and way.lookout.is_alert)
            and not (self.display.is_blocked or self.link.has_unread)
            and self.input_credit > 0
        )
        return self.is_calm

    def disturb(self) -> None:
        """Have the loop look at everything again before it waits for anything."""
        self.is_calm = False

    def receive(self) -> None:
        """Read what has come and act on it."""
        if self._is_spoiled:
            # It was not asked for the picture, and all that it says is said again on the next one.
            self._lose(TransportError("the connection was silent for too long"))
            return
        try:
            self._take_in()
            if not self.is_calm:
                self._way.heard()
        except TransportError as error:
            self._lose(error)
        except ProtocolError as error:
            self._violated(error)
        for stream, outlet in self.display.outlets.items():
            if outlet.is_blocked:
                self.write(stream)
                self.is_calm = self.is_calm and not outlet.is_blocked

    def notice_silence(self) -> None:
        """Give the connection up when nothing came for too long. Call it when that was longer than `patience`."""
        self._update_line()
        self.look_around()
        if not self._way.is_lost and self.link.heard + PEER_TIMEOUT <= time.monotonic():
            hint = "check your network and the server"
            self._lose(TransportError(f"the server said nothing for {PEER_TIMEOUT:.0f} s", hint=hint))

    def _update_line(self) -> None:
        if not self.display.update():
            return
        if self.reconnect is not None:
            self._way.ask(self._ask_again())
        else:
            self._is_spoiled = True

    def look_around(self) -> None:
        """Ask whether the server is there, or look for another connection, when it is time."""
        lookout = self._way.lookout
        if lookout is None or self._way.is_lost or not self._connection.can_resume:
            return
        try:
            is_time = lookout.look()
            if is_time:
                self.receive()  # its last words, which show that it lives
        except TransportError as error:
            self._broken(error)
        else:
            if is_time and lookout.beside is not None and not self._way.is_lost:
                self._lose(TransportError("the connection went silent"))

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it."""
        try:
            self.link.flush()
        except TransportError as error:
            self._broken(error)

    def write(self, stream: Stream) -> None:
        """Write output that waits, as far as its reader takes it, and acknowledge that much."""
        self._consumed(stream, self.display.flush(stream))

    def _consumed(self, stream: Stream, size: int) -> None:
        if size and (ack := self._connection.consumed(stream, size)) is not None:
            self._send(ack)

    def send_input(self, inlet: Inlet) -> None:
        """Send input as far as the credit goes, and its end behind it."""
        credit = self.input_credit
        if credit <= 0:
            self.is_calm = False
            return
        data = inlet.take(credit)
        if data:
            self._attempt(self._way.link.send, self._connection.begin_stdin(data), data)
        if len(data) == credit:
            self.is_calm = False
        if inlet.is_ended and self._connection.state is _OPEN and inlet.take_end():
            self._attempt(self.link.send, self._connection.end_stdin())

    def leave_if_wanted(self, inlet: Inlet | None) -> None:
        """Detach, if the user wants to and everything that was typed before is on its way."""
        if not self._way.is_lost and (message := self.wishes.take_detach(inlet)):
            self._attempt(self.link.send, message)

    def hurry(self) -> None:
        """Look for a new connection now, where there is none: the user is at the keys."""
        self._way.hurry()

    def reconnected(self) -> None:
        """Take the result of the search for a new connection, and ask there for the session, if that is still to do."""
        if not self._way.is_found:
            return
        failure = self._way.take()
        self.wishes.connect()
        if failure is not None:
            self._fail(failure)
            return
        if not self.link.is_attached:
            self._send(self._ask_again())
        elif self._way.asked != self._attach:
            self._lose(TransportError("the connection was not asked for the picture"))

    def close(self) -> None:
        """Hang up, whatever there is still to say."""
        self._way.close()
        self.link.close(heard=True)

    def finish(self) -> int:
        """Confirm how it ended and hang up; return the command's exit status. Raises what went wrong instead."""
        ending = self.ending
        if ending.failure is None and not self._way.is_lost:
            self._send(self._connection.acknowledge_status())
        self.link.close(ending.close_code, heard=ending.close_code != NORMAL_CLOSE)
        return ending.settle()

    def _take_in(self) -> bool:
        """Act on what has come; False when that was nothing."""
        events = self.link.receive()
        self._arrived.extend(events)
        while self._arrived:
            self._handle(self._arrived.popleft())
        if self.is_calm and self._way.link.is_secure and self._way.link.has_unread:
            self.is_calm = False
        return bool(events)

    def _handle(self, event: FrameEvent) -> None:
        if isinstance(event, MessageReceived):
            if not event.binary:
                raise ProtocolError("text messages are not allowed here", code="protocol.text_frame")
            meant = self._connection.receive_message(event.data)
            if isinstance(meant, OutputReceived):
                self._consumed(meant.stream, self.display.put(meant.stream, meant.data))
            else:
                self.is_calm = False
                self._handle_message(meant)
            return
        self.is_calm = False
        if isinstance(event, PingReceived):
            self._attempt(self.link.send_pong, event.payload)
        elif isinstance(event, CloseReceived):
            self._lose(closed(event))
        else:
            assert_never(event)

    def _handle_message(self, event: ClientEvent) -> None:
        if isinstance(event, StatusReceived):
            self.ending.status = event.ended
        elif isinstance(event, FailureReceived):
            gone = self._connection.is_leaving and event.failure.code == "session.gone"
            self._fail(detached(self.session, None) if gone else remote_error(*event.failure))
        elif isinstance(event, NoticeReceived):
            self._say(event.notice.message)
        elif isinstance(event, Violated):
            raise event.error
        elif isinstance(event, SessionOpened):
            self._way.clear_status()
            self._opened(event.answer)
        elif isinstance(event, SessionResumed):
            self._resumed(event)
        else:
            self._handle_change(event)

    def _handle_change(self, event: ClientEvent) -> None:
        if isinstance(event, ScreenReceived):
            self.display.put_screen(event.data)
        elif isinstance(event, GapReceived):
            self.display.skip(event.missed[Stream.STDOUT])
            self._send(event.ack)
            self._tell_missed(sum(event.missed.values()))
        elif isinstance(event, ApprovalAwaited):
            self.display.waiting.show(*event)
        elif isinstance(event, RoleChanged):
            self._role_changed(event)
        elif isinstance(event, DetachConfirmed):
            self._fail(detached(self.session, event.keep))

    def _resumed(self, event: SessionResumed) -> None:
        self._way.clear_status()
        for message in event.resend:
            self._attempt(self.link.send, message)
        self._tell_missed(sum(event.missed.values()))
        self._opened(event.answer)

    def _opened(self, answer: Opened) -> None:
        """Say what could not be said before."""
        self._was_opened = True
        self.session, self._role = answer.session, answer.role
        self.display.begin(offset=answer.stdout, replay=answer.replay, answers=answer.answers)
        self.display.line.is_allowed = answer.screen and self._connection.can_resume
        if self._connection.can_resume:
            self._way.look_out(answer.keep)
        self.wishes.opened()

    def _tell_missed(self, missed: int) -> None:
        if missed:
            self._way.note(missed_remark(missed), otherwise=self._say)

    def _role_changed(self, event: RoleChanged) -> None:
        self.display.set_answers(event.answers)
        if event.role is not self._role:
            self._role = event.role
            self._say(role_remark(event.role))
            self.wishes.role_changed()

    def _send(self, message: bytes) -> None:
        self._attempt(self.link.send_urgent, message)

    def _attempt(self, send: Callable[..., None], *parts: bytes) -> None:
        if not self._way.is_lost:
            try:
                send(*parts)
            except TransportError as error:
                self._broken(error)

    def _broken(self, error: TransportError) -> None:
        """Sending failed. What the server said before it went is still there to be read, and says more."""
        self._way.is_lost = True
        # Its close, or the end of what it said, is where this ends; nothing is sent any more.
        with suppress(TransportError, ProtocolError):
            while not self.ending.is_known and (self._arrived or self._take_in()):
                while self._arrived:
                    self._handle(self._arrived.popleft())
        self._lose(error)

    def _violated(self, error: ProtocolError) -> None:
        self.ending.violate(error)
        self._way.is_lost, self.is_calm = True, False

    def _lose(self, error: TransportError) -> None:
        self._way.is_lost, self.is_calm = True, False
        if not self._way.is_possible or self.ending.is_known or not self._connection.can_resume:
            self._fail(error)
        elif self.reconnect is None:
            self._arrived.clear()
            self._is_spoiled = False
            self.wishes.disconnect()
            self._way.begin(self._connection.keep, attach=self._ask_again() if self._connection.is_known else b"")

    def _ask_again(self) -> bytes:
        size, screen = self.wishes.take_size(), self.display.line.wants_picture
        self._attach = self._connection.attach(size=size, screen=screen)
        return self._attach

    def _fail(self, error: WhaleError) -> None:
        self.is_calm = False
        self.display.waiting.clear()
        self.ending.fail(error)
