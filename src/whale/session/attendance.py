"""Coming and going: who may attach to a session, who is waited for and how long, and when nobody needs it any more.

A client whose connection broke has a while to come back, and one that detached leaves the session to itself for a
while. When the last controller leaves for good, or does not come back, the session ends.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog

from whale.model.errors import ProtocolError, SessionError
from whale.model.exec import Stream
from whale.model.limits import MAX_ATTACHED
from whale.model.principal import Principal
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.audience import NO_SOURCE, Audience
from whale.session.record import SessionRecord, attachments_of
from whale.session.waiting import Waiting

if TYPE_CHECKING:
    from whale.session.session import Session

_log = structlog.get_logger("whale.session")


class Attendance:
    """One per session. It tells the session to end, and the session tells it when it is over."""

    def __init__(self, session: "Session", audience: Audience, *, keep: float) -> None:
        """`keep`: see `Waiting`."""
        self._session = session
        self._audience = audience
        self._released = asyncio.Event()
        self._was_told = False
        """Somebody who controlled it knows how it ended."""
        self._waiting = Waiting(session, keep=keep, given_up=self._expire, run_out=self._expire_detached)

    @property
    def keep(self) -> float:
        """Seconds that clients may be away."""
        return self._waiting.keep

    def attach(
        self,
        principal: Principal,
        *,
        role: Role = Role.CONTROLLER,
        key: str = "",
        size: TerminalSize | None = None,
        joins: bool = False,
    ) -> Attachment:
        """Attach a client that was not here before: to a terminal's picture, or at a pipe's oldest byte still held.

        `key` is what it made up to come back with; `joins` says that the session is not its own. Raises
        `SessionError` for a pipe that has its controller already,
        and for too many.
        """
        if role is Role.CONTROLLER:
            self._check_controller()
        self._make_room()
        source = self._place() if role is Role.CONTROLLER else NO_SOURCE
        self._waiting.come(role)
        attachment = Attachment(
            self._session,
            principal=principal,
            role=role,
            key=key,
            cursors=self._beginning(),
            size=size,
            source=source,
            input_base=self._session.begin_input(source),
        )
        attachment.has_joined = joins
        attachment.wants_screen = self._is_late
        self._audience.add(attachment)
        self._session.mark(f"{principal.name} is here as {role.value}")
        self._session.audience_changed()
        return attachment

    def resume(
        self,
        former: Attachment,
        *,
        received: Mapping[Stream, int],
        consumed: Mapping[Stream, int],
        size: TerminalSize | None = None,
    ) -> Attachment:
        """Attach a client that comes back, at the bytes it has `received`, or later where those have gone.

        What it has `consumed` it needs no more. Its former connection, which may not know yet that it is broken,
        loses the session. Raises `ProtocolError` for bytes that were never sent.
        """
        if any(received[stream] > log.end for stream, log in self._session.logs.items()):
            raise ProtocolError("more was received than was sent", code="protocol.flow")
        attachment = self._replaced(former, cursors=received, size=size)
        self._session.mark(f"{attachment.principal.name} is back")
        attachment.acked = {stream: max(former.acked[stream], consumed[stream]) for stream in self._session.logs}
        self._session.trim()
        return attachment

    def ask_again(self, former: Attachment, *, size: TerminalSize | None = None) -> Attachment:
        """Attach a client in the place that it has, and was never told of: it has received nothing.

        Of its own session it gets everything that is held, of another what it would have got.
        """
        if former.has_joined:
            attachment = self._replaced(former, cursors=self._beginning(), size=size)
            attachment.wants_screen = self._is_late
        else:
            attachment = self._replaced(former, cursors=dict.fromkeys(self._session.logs, 0), size=size)
        self._session.trim()
        return attachment

    @property
    def _is_late(self) -> bool:
        """True when who comes now is shown a picture instead of the output before it."""
        return self._session.spec.tty and any(log.end for log in self._session.logs.values())

    def _beginning(self) -> dict[Stream, int]:
        """Where output begins for who comes now: behind a terminal's picture, or at a pipe's oldest byte still held."""
        return {stream: log.end if self._is_late else log.start for stream, log in self._session.logs.items()}

    def _replaced(self, former: Attachment, *, cursors: Mapping[Stream, int], size: TerminalSize | None) -> Attachment:
        attachment = Attachment(
            self._session,
            principal=former.principal,
            role=former.role,
            key=former.key,
            cursors=cursors,
            size=size or former.size,
            source=former.source,
            input_base=former.input_base,
        )
        attachment.has_joined = former.has_joined
        attachment.is_stdin_ended = former.is_stdin_ended
        attachment.is_back = True
        self._waiting.forget(former)
        self._waiting.come(former.role)
        self._audience.replace(former, attachment)
        former.supersede()
        self._session.audience_changed()
        return attachment

    def lose(self, attachment: Attachment) -> None:
        """Note that an attachment's connection broke: wait for its return, or go on without it."""
        if self._session.is_abandoned or attachment not in self._audience.members:
            return  # its client is back already
        if not attachment.key or not self.keep:
            self.leave(attachment)
            return
        attachment.is_lost = True
        self._waiting.wait_for(attachment)
        _log.info(
            "session.waiting",
            session=self._session.id,
            principal=attachment.principal.name,
            seconds=self._waiting.keep,
        )
        self._session.mark(f"{attachment.principal.name} has lost the connection")
        self._session.observer.attachment_lost(attachment)
        self._left(attachment)

    def detach(self, attachment: Attachment) -> None:
        """Note that a client has left and wants the session to go on."""
        if self._session.is_abandoned or attachment not in self._audience.members:
            return
        self._waiting.forget(attachment)
        self._audience.remove(attachment)
        self._session.mark(f"{attachment.principal.name} has left")
        if attachment.is_controller:
            self._waiting.leave()
        if not self._audience.controllers and not self.is_detached:
            self._waiting.wait_for_anybody()
        _log.info("session.detached", session=self._session.id, principal=attachment.principal.name)
        self._session.observer.attachment_detached(attachment)
        self._left(attachment)

    def leave(self, attachment: Attachment, *, reason: str = "session.gone") -> None:
        """Note that a client has left for good, or has everything. The last controller takes the session along.

        So does the last viewer of a session whose controllers have become viewers.
        """
        if self._session.is_abandoned or attachment not in self._audience.members:
            return
        self._waiting.forget(attachment)
        self._audience.remove(attachment)
        self._session.mark(f"{attachment.principal.name} has left")
        if self._session.is_over:
            # A viewer tells nobody: who left the session to itself may still come and ask.
            self._was_told = self._was_told or attachment.is_controller
        elif self._is_deserted(attachment):
            self._session.end(reason=reason)
        self._left(attachment)

    def give_up(self, attachment: Attachment) -> None:
        """Take leave of a client that was lost and will not come back; one that is back is left alone."""
        if attachment.is_lost:
            self.leave(attachment)

    def give_up_all(self) -> None:
        """Take leave of everybody who is lost, and of anybody who may come: others need the room."""
        self._was_told = True
        for lost in self._waiting.lost:
            self.leave(lost)
        self._check_released()

    def change_role(self, attachment: Attachment, role: Role) -> None:
        """Give the keyboard to an attachment, or take it away. Raises `SessionError` for a pipe's second controller."""
        if role is not attachment.role:
            if role is Role.CONTROLLER:
                self._check_controller()
                if attachment.source == NO_SOURCE:
                    attachment.source = self._place()
                    attachment.input_base = self._session.begin_input(attachment.source)
            attachment.role = role
            self._session.mark(f"{attachment.principal.name} is {role.value} now")
            self._waiting.come(role)
            self._left(attachment)
        attachment.was_told_role = False
        attachment.wake()

    def _left(self, attachment: Attachment) -> None:
        """Act on somebody's having left, be it for a while."""
        self._session.audience_changed()
        self._session.left_at(attachment.cursor(Stream.STDOUT))
        self._session.trim()
        self._check_released()

    def _is_deserted(self, last: Attachment) -> bool:
        """Tell whether nobody is there or waited for, now that one has left."""
        if self._audience.controllers or self.is_detached:
            return False
        return last.is_controller or not self._audience.members

    def _check_controller(self) -> None:
        """A pipe has one writer: who takes it over from one that is lost takes its place."""
        if self._session.spec.tty:
            return
        for other in self._audience.controllers:
            if not other.is_lost:
                raise SessionError(
                    "somebody controls this session already", code="session.busy", hint="look on with --view"
                )
        for other in self._audience.controllers:
            self._waiting.forget(other)
            self._audience.remove(other)

    def _make_room(self) -> None:
        """Let one more in. Who only looked on and has been lost for the longest makes room."""
        if len(self._audience.members) >= MAX_ATTACHED:
            self._give_up_viewer(lambda viewer: True)  # noqa: ARG005

    def _place(self) -> int:
        """Return the number of a writer that nobody has. Who has only looked on of late, and is lost, gives its own."""
        if self._audience.free_source() is None:
            self._give_up_viewer(lambda viewer: viewer.source != NO_SOURCE)
        source = self._audience.free_source()
        assert source is not None  # there is one now
        return source

    def _give_up_viewer(self, fits: Callable[[Attachment], bool]) -> None:
        lost = next((one for one in self._waiting.lost if not one.is_controller and fits(one)), None)
        if lost is None:
            raise SessionError("too many are attached to this session", code="session.limit")
        self._waiting.forget(lost)
        self._audience.remove(lost)

    def _expire(self, attachment: Attachment) -> None:
        if self._waiting.was_left and self._audience.controllers == [attachment]:
            # Whoever detached while this one was away was told how long the session goes on.
            self._waiting.wait_for_anybody(since_left=True)
        self.leave(attachment, reason="session.expired")

    def _expire_detached(self) -> None:
        self._was_told = True  # nobody has asked in time
        if not self._session.is_over:
            self._session.end(reason="session.expired")
        self._check_released()

    def _check_released(self) -> None:
        # Who has no key is told while it is here, or never.
        is_waited_for = any(member.key for member in self._audience.members)
        if self._session.is_over and not is_waited_for and (self._was_told or not self.is_detached):
            self._released.set()

    async def wait_released(self) -> None:
        """Wait until nobody needs to know any more how it ended."""
        self._check_released()
        await self._released.wait()
        self._waiting.stop()

    @property
    def is_detached(self) -> bool:
        """True when nobody is there, or waited for, who might end the session by leaving."""
        return self._waiting.is_for_anybody

    @property
    def is_awaited(self) -> bool:
        """True when somebody can come back to it, or anybody may who knows of it."""
        return self.is_detached or any(member.key for member in self._audience.members)

    def restore(self, record: SessionRecord) -> None:
        """Wait for those who were attached when the last server went, and who can come back."""
        for attachment in attachments_of(record, self._session):
            attachment.is_lost = True
            self._audience.add(attachment)
            self._waiting.wait_for(attachment)
        self._audience.refresh()
        if self._session.is_over or record.is_detached:
            self._waiting.wait_for_anybody()
        elif not self._audience.members:
            self._session.end()  # its client could not come back
        elif not self._audience.controllers:
            self._waiting.wait_for_anybody()

    def over(self) -> None:
        """Note that the session is over: somebody may still ask how, but not for as long as while it lived."""
        self._waiting.shorten()
        self._check_released()

    def release(self, *, at_once: bool) -> None:
        """Note that nobody is to be told of the end who does not know it; `at_once`, nobody at all is waited for."""
        self._was_told = True
        if at_once:
            self._released.set()
        self._check_released()
