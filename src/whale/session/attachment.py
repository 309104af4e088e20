"""An attachment: one client's binding to a session, with its cursor in each output log.

It pulls: `read` hands out bytes from the cursor on, as many as the client has credit for, so that a slow client
holds nothing but its own cursor. What the client has consumed comes back through `acknowledge`.
"""

import asyncio
from typing import TYPE_CHECKING

from whale.model.exec import Stream

if TYPE_CHECKING:
    from whale.session.session import Session


class Attachment:
    """The controller's side of a session. Its owner calls `close`, which in this version ends the session."""

    __slots__ = ("_closed", "_cursors", "_wake", "notices", "session")

    def __init__(self, session: "Session") -> None:
        self.session = session
        self._cursors = {stream: log.start for stream, log in session.logs.items()}
        self._wake = asyncio.Event()
        self._closed = False
        self.notices: list[tuple[str, str]] = []
        """Codes and texts for the client's user; whoever sends them takes them out."""

    def notify(self, *, code: str, message: str) -> None:
        """Leave a word for the client's user."""
        self.notices.append((code, message))
        self.wake()

    def wake(self) -> None:
        """Make a waiting `wait` return: something may have changed."""
        self._wake.set()

    async def wait(self) -> None:
        """Wait until something may have changed since the last call. The caller looks again at everything."""
        await self._wake.wait()
        self._wake.clear()

    def read(self, stream: Stream, *, size: int) -> bytes:
        """Take up to `size` bytes of a stream from the cursor on, and move it. Empty when there are none."""
        if size <= 0:
            return b""
        data = self.session.logs[stream].read(offset=self._cursors[stream], size=size)
        self._cursors[stream] += len(data)
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

    def close(self) -> None:
        """Leave. A session that is not over ends with its controller. Idempotent."""
        if not self._closed:
            self._closed = True
            if not self.session.is_over:
                self.session.end()
