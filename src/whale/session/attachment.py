"""An attachment: one client's binding to a session, with its role and its cursor in each output log.

It pulls: told that something may have changed, its owner takes with `read` bytes from the cursor on, as many as the
client has credit for, so that a slow client holds nothing but its own cursor. What the client has consumed comes
back through `acknowledge`. A viewer that is too slow finds that its bytes have gone, and goes on with `take_gap`.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from whale.model.exec import Stream
from whale.model.limits import MAX_NOTICES
from whale.model.principal import Principal
from whale.model.role import Role
from whale.model.terminal import TerminalSize

if TYPE_CHECKING:
    from whale.session.session import Session


_CONTROLLER = Role.CONTROLLER  # looked up for every keystroke, and an enumeration is slow at it


class Gap(NamedTuple):
    """Output that an attachment did not take in time: where it goes on."""

    stdout: int
    stderr: int


class Attachment:
    """One client's side of a session. Its owner calls `close`, `detach`, or `lose` when the connection broke."""

    __slots__ = (
        "_cursors", "_is_released", "acked", "answers", "has_joined", "input_base", "is_back",
        "is_displaced", "is_lost", "is_revoked", "is_stdin_ended", "is_superseded", "key", "notices", "owes_screen",
        "principal", "revoked_because", "role", "session", "since", "size", "source", "wake", "wants_screen",
        "was_told_role",
    )  # fmt: skip

    def __init__(
        self,
        session: "Session",
        *,
        principal: Principal,
        role: Role,
        key: str = "",
        cursors: Mapping[Stream, int],
        size: TerminalSize | None = None,
        source: int = 0,
        input_base: int = 0,
    ) -> None:
        """`key`: the id by which the client comes back, if it can. `source`: the number of its input among the
        session's writers (audience.py), of which the first `input_base` bytes were somebody else's.
        """
        self.session = session
        self.principal = principal
        self.role = role
        self.key = key
        self.size = size
        """Of the client's terminal, if it has one."""
        self.source = source
        self.input_base = input_base
        self.since = time.time()
        self.acked = dict(cursors)
        """Below these offsets the client needs nothing any more."""
        self.answers = False
        """Whether its terminal answers what programs ask terminals: one in a session does."""
        self.was_told_role = True
        """False when role or answers have changed and the client must hear it."""
        self.wants_screen = False
        """True when the terminal's picture has to be sent before any output."""
        self.owes_screen = False
        """True when it was asked for, once, behind all output that there is."""
        self.has_joined = False
        """True when the session was there before, and not this client's."""
        self.is_back = False
        """True when its client was here before: what its terminal was asked meanwhile is answered."""
        self.is_lost = False
        """True while its connection is broken and it may come back."""
        self.is_superseded = False
        """True when the client has come back on another connection."""
        self.is_revoked = False
        """True when its client's credential is good no more, or the policy takes its place away."""
        self.revoked_because = ""
        """The policy's reason, when it was the policy."""
        self.is_displaced = False
        """True in both cases: nothing that still comes on its connection counts, and nothing more is for it."""
        self.is_stdin_ended = False
        """True when no more input comes from this client."""
        self.notices: deque[tuple[str, str]] = deque(maxlen=MAX_NOTICES)
        """Codes and texts for the client's user; whoever sends them takes them out."""
        self._cursors = dict(cursors)
        self.wake: Callable[[], None] = _ignore
        """Tells the owner that something may have changed."""
        self._is_released = False

    def listen(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever something may have changed: it looks at everything, and must not raise.

        A call and not an event: output is on its way before the engine's callback returns, where a task that has to
        be woken costs a keystroke a turn of the loop. Nothing is called for what came before; look at it at once.
        """
        self.wake = changed

    def notify(self, *, code: str, message: str) -> None:
        """Leave a word for the client's user."""
        self.notices.append((code, message))
        self.wake()

    @property
    def is_controller(self) -> bool:
        """True when it may write."""
        return self.role is Role.CONTROLLER

    # -- output ------------------------------------------------------------------------------------------------

    def read(self, stream: Stream, *, size: int) -> bytes:
        """Take up to `size` bytes of a stream from the cursor on, and move it. Empty when there are none."""
        offset, log = self._cursors[stream], self.session.logs[stream]
        if size <= 0 or offset == log.end:
            return b""
        data = log.read(offset=offset, size=size)
        self._cursors[stream] = offset + len(data)
        return data

    @property
    def is_behind(self) -> bool:
        """True when bytes that it would read next have left the window: go on with `take_gap`, when there is credit."""
        cursors = self._cursors
        for stream, log in self.session.logs.items():  # noqa: SIM110 - a generator costs every keystroke 3 µs
            if cursors[stream] < log.start:
                return True
        return False

    def behind(self) -> list[Stream]:
        """List the streams whose next bytes have left the window. Nothing can be read of those."""
        return [stream for stream, log in self.session.logs.items() if self._cursors[stream] < log.start]

    def take_gap(self) -> Gap:
        """Leave out what it can't have any more; a terminal's picture then comes first."""
        for stream in self.behind():
            log = self.session.logs[stream]
            self.acked[stream] = self._cursors[stream] = log.end if self.session.spec.tty else log.start
        self.wants_screen = self.session.spec.tty
        return Gap(self._cursors[Stream.STDOUT], self._cursors[Stream.STDERR])

    def take_screen(self) -> bytes:
        """Return what brings a terminal to the picture at the cursor, once, before the output that follows.

        Empty where it was only asked for, and nothing is known that is better than what that terminal shows.
        """
        is_needed = self.wants_screen
        self.wants_screen = self.owes_screen = False
        screen = self.session.repaint()
        return screen if is_needed or self.session.has_picture else b""

    @property
    def is_drained(self) -> bool:
        """True when every byte there is has been read."""
        return all(self._cursors[stream] == log.end for stream, log in self.session.logs.items())

    def acknowledge(self, stream: Stream, *, offset: int) -> None:
        """Note that the client has everything below an offset, which it can only say of bytes it was sent."""
        if offset > self._cursors[stream]:
            raise ValueError("acknowledged more than was read")
        self.acked[stream] = max(self.acked[stream], offset)
        if not self._is_released:
            self.session.trim()

    def cursor(self, stream: Stream) -> int:
        """Offset of the next byte that `read` returns."""
        return self._cursors[stream]

    # -- input -------------------------------------------------------------------------------------------------

    def write_stdin(self, data: bytes | memoryview) -> None:
        """Pass input on. The client keeps within its credit, which bounds what waits here.

        What comes late on a connection that another one has replaced was sent again on that one.
        """
        if self.role is _CONTROLLER and not self._is_released and not self.is_superseded:
            self.session.write_stdin(self, data)

    def end_stdin(self) -> None:
        """Half-close: no more input comes from this client. That of a terminal, which others may have, stays open."""
        if self.is_controller and not self._is_released and not self.is_superseded:
            self.is_stdin_ended = True
            if not self.session.spec.tty:
                self.session.end_stdin()

    @property
    def stdin_received(self) -> int:
        """Offset behind the last byte of this client's input."""
        return self.session.stdin_received(self)

    @property
    def stdin_consumed(self) -> int:
        """Offset of this client's input up to which everything has left for the engine."""
        return self.session.stdin_consumed(self)

    def resize(self, size: TerminalSize) -> None:
        """Note the size of the client's terminal; the session's follows the smallest controller."""
        self.size = size
        self.session.audience_changed()

    # -- leaving -----------------------------------------------------------------------------------------------

    def supersede(self) -> None:
        """Tell the owner that its client has come back elsewhere."""
        self.is_superseded = self.is_displaced = True
        self.wake()

    def revoke(self, *, because: str = "") -> None:
        """Take the session from a client whose credential is good no more, and tell the owner. The session stays.

        `because` is the policy's reason, where it is the policy that wants it.
        """
        self.is_revoked = self.is_displaced = True
        self.revoked_because = because
        changed = self.wake
        self._release()
        self.session.attendance.detach(self)  # also one that is lost
        changed()

    def close(self) -> None:
        """Leave for good. A session that is not over ends with its last controller. Idempotent."""
        if self._release():
            self.session.attendance.leave(self)

    def detach(self) -> None:
        """Leave the session to itself. Idempotent."""
        if self._release():
            self.session.attendance.detach(self)

    def lose(self) -> None:
        """Leave without having meant to: the client may come back, if it has a key. Idempotent."""
        if self._release():
            self.session.attendance.lose(self)

    def _release(self) -> bool:
        was_released, self._is_released = self._is_released, True
        self.wake = _ignore
        return not was_released


def _ignore() -> None:
    """Nobody listens."""
