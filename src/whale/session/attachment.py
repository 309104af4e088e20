"""An attachment: one client's binding to a session, with its cursor in each output log.

It pulls: told that something may have changed, its owner takes with `read` bytes from the cursor on, as many as the
client has credit for, so that a slow client holds nothing but its own cursor. What the client has consumed comes
back through `acknowledge`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from whale.model.exec import Stream

if TYPE_CHECKING:
    from whale.session.session import Session


class Attachment:
    """The controller's side of a session. Its owner calls `close`, or `lose` when the connection broke."""

    __slots__ = ("_changed", "_closed", "_cursors", "is_superseded", "notices", "session")

    def __init__(self, session: "Session", *, received: Mapping[Stream, int] | None = None) -> None:
        """`received`: offsets behind the bytes that a client which comes back has."""
        self.session = session
        self.is_superseded = False
        """True when the client has come back on another connection."""
        self._cursors = {
            stream: max(log.start, received[stream]) if received is not None else log.start
            for stream, log in session.logs.items()
        }
        self._changed: Callable[[], None] = _ignore
        self._closed = False
        self.notices: list[tuple[str, str]] = []
        """Codes and texts for the client's user; whoever sends them takes them out."""

    def listen(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever something may have changed: it looks at everything, and must not raise.

        A call and not an event: output is on its way before the engine's callback returns, where a task that has to
        be woken costs a keystroke a turn of the loop. Nothing is called for what came before; look at it at once.
        """
        self._changed = changed

    def notify(self, *, code: str, message: str) -> None:
        """Leave a word for the client's user."""
        self.notices.append((code, message))
        self._changed()

    def wake(self) -> None:
        """Tell the owner that something may have changed."""
        self._changed()

    def read(self, stream: Stream, *, size: int) -> bytes:
        """Take up to `size` bytes of a stream from the cursor on, and move it. Empty when there are none."""
        offset, log = self._cursors[stream], self.session.logs[stream]
        if size <= 0 or offset == log.end:
            return b""
        data = log.read(offset=offset, size=size)
        self._cursors[stream] = offset + len(data)
        return data

    @property
    def is_drained(self) -> bool:
        """True when every byte there is has been read."""
        return all(self._cursors[stream] == log.end for stream, log in self.session.logs.items())

    def acknowledge(self, stream: Stream, *, offset: int) -> None:
        """Note that the client has everything below an offset, which it can only say of bytes it was sent."""
        if offset > self._cursors[stream]:
            raise ValueError("acknowledged more than was read")
        self.session.acknowledge(stream, offset=offset)

    def cursor(self, stream: Stream) -> int:
        """Offset of the next byte that `read` returns."""
        return self._cursors[stream]

    def supersede(self) -> None:
        """Tell the owner that its client has come back elsewhere."""
        self.is_superseded = True
        self._changed()

    def close(self) -> None:
        """Leave for good. A session that is not over ends with its controller. Idempotent."""
        if not self._closed:
            self._stop_listening()
            self.session.leave(self)

    def lose(self) -> None:
        """Leave without having meant to: the client may come back, if the session is kept. Idempotent."""
        if not self._closed:
            self._stop_listening()
            self.session.lose(self)

    def _stop_listening(self) -> None:
        self._closed = True
        self._changed = _ignore


def _ignore() -> None:
    """Nobody listens yet."""
