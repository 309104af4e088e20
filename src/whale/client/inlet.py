"""Standard input: read no more than there is use for, and listened to for whale's own keys."""

import errno
import fcntl
import os
from contextlib import suppress

from whale.client.escape import EscapeAction, EscapeReader
from whale.model.errors import UsageError
from whale.model.limits import KIB, MAX_PAYLOAD

USUAL_PIPE = 64 * KIB
"""What a pipe holds on Linux unless somebody changed it, and so the most that one read of it returns."""

BULK_PIPE = 256 * KIB
"""What a pipe that was found full is made to hold, so that its writer goes on while one payload is sent."""

READ_AHEAD = 64 * KIB
"""Bytes of a terminal that are read without credit, so that `~.` works although the server takes nothing."""


class Inlet:
    """One input. Wait for it while `is_wanted`, call `read` when it is ready, send what `take` returns."""

    def __init__(self, descriptor: int, *, escapes: EscapeReader | None, read_ahead: bool) -> None:
        self.descriptor = descriptor
        self.is_ended = False
        """True when nothing more will be read; `take` may still return something."""
        self._escapes = escapes
        self._ahead = READ_AHEAD if read_ahead else 0
        self._buffer = b""
        self._end_taken = False

    @property
    def is_waiting(self) -> bool:
        """True when something, or the end, waits to be taken."""
        return bool(self._buffer) or (self.is_ended and not self._end_taken)

    @property
    def is_idle(self) -> bool:
        """True when nothing waits, and more may come."""
        return not self._buffer and not self.is_ended

    def is_wanted(self, credit: int) -> bool:
        """True when it makes sense to read now."""
        if self.is_ended:
            return False
        return credit > 0 if not self._buffer and not self._ahead else len(self._buffer) < self._ahead

    def read(self, credit: int) -> tuple[EscapeAction, ...]:
        """Read what is there; return what the user asked whale for. Raises `UsageError` for an unreadable input."""
        if not self.is_wanted(credit):
            return ()  # the credit went while it was waited for; reading nothing would look like the end
        try:
            data = os.read(self.descriptor, self._ahead or min(credit, MAX_PAYLOAD))
        except BlockingIOError:
            return ()
        except OSError as error:
            # A terminal that hung up, or an input that was closed from the start, has simply ended.
            if error.errno not in (errno.EIO, errno.EBADF):
                raise UsageError(f"the input can't be read: {error.strerror}", code="usage.input") from error
            data = b""
        if not data:
            self.is_ended = True
            if self._escapes is not None:
                self._buffer += self._escapes.finish()
            return ()
        if self._escapes is None:
            self._buffer += data
            if len(data) == USUAL_PIPE:
                _widen(self.descriptor)
            return ()
        typed, actions = self._escapes.feed(data)
        self._buffer += typed
        return actions

    def take(self, credit: int) -> bytes:
        """Return input to send, at most `credit` bytes."""
        buffer = self._buffer
        if len(buffer) <= credit:
            self._buffer = b""
            return buffer
        self._buffer = buffer[credit:]
        return buffer[:credit]

    def discard(self) -> None:
        """Drop what waits: a viewer's keys are for whale alone."""
        self._buffer = b""

    def take_end(self) -> bool:
        """Return True once, when the input has ended and all of it was taken."""
        if not self.is_ended or self._buffer or self._end_taken:
            return False
        self._end_taken = True
        return True

    def holds(self, byte: bytes) -> bool:
        """True when a byte waits to be sent."""
        return byte in self._buffer


def _widen(descriptor: int) -> None:
    """Make a pipe hold more. Does nothing where it is no pipe, or the system does not let us."""
    resize = getattr(fcntl, "F_SETPIPE_SZ", None)
    if resize is not None:
        with suppress(OSError):
            fcntl.fcntl(descriptor, resize, BULK_PIPE)
