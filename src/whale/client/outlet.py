"""Standard output and error, written without ever waiting for whoever reads them.

The flags of a descriptor are shared with every process that has it: setting it non-blocking would break the user's
shell. So a pipe or a terminal is opened a second time where the system can do that, and gets flags of its own; a
file never blocks for long. What is left is written in pieces that a pipe which is ready always takes.
"""

import os
import select
import stat
from collections import deque
from fcntl import F_GETFL, fcntl

from whale.model.errors import UsageError

PIECE = 4096
"""PIPE_BUF: what a pipe takes whole once it is ready for writing."""

MAX_BUFFERS = 64
"""Buffers given to one call of `writev`; the system's limit is 1024."""


class Outlet:
    """One output. Add bytes with `put`; they are gone when `flush` says so.

    Raises `BrokenPipeError` when nobody reads any more, and `UsageError` when the output takes nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._waiting: deque[bytes | memoryview] = deque()
        self._put = self._flushed = 0
        self._uncounted: deque[tuple[int, int]] = deque()
        """Where in everything that was put lies what is not counted."""
        self._fallback = False
        self._owned = False
        self.descriptor = descriptor
        """What to wait for until more can be written."""
        self._open_again()

    @property
    def is_blocked(self) -> bool:
        """True when something waits to be written."""
        return bool(self._waiting)

    def put(self, data: bytes) -> None:
        """Add bytes. The credit given to the server bounds how many can wait."""
        self._waiting.append(data)
        self._put += len(data)

    def put_uncounted(self, data: bytes) -> None:
        """Add bytes that `flush` does not count."""
        if data:
            self._uncounted.append((self._put, self._put + len(data)))
            self.put(data)

    def flush(self) -> int:
        """Write what can be written now; return how many bytes of what is counted that was."""
        done = 0
        try:
            while self._waiting:
                size = self._write()
                if not size:
                    break
                done += size
        except BlockingIOError:
            pass
        except BrokenPipeError:
            raise
        except OSError as error:
            hint = "check where standard output and standard error go"
            raise UsageError(
                f"the output can't be written: {error.strerror}", code="usage.output", hint=hint
            ) from error
        begin = self._flushed
        self._flushed += done
        return done - self._take_uncounted(begin, self._flushed) if self._uncounted else done

    def _take_uncounted(self, begin: int, end: int) -> int:
        found = 0
        while self._uncounted and self._uncounted[0][0] < end:
            first, last = self._uncounted.popleft()
            found += min(last, end) - max(first, begin)
            if last > end:
                self._uncounted.appendleft((end, last))
                break
        return found

    def close(self) -> None:
        """Give back the second descriptor; the first is the caller's."""
        if self._owned:
            os.close(self.descriptor)
            self._owned = False

    def _write(self) -> int:
        waiting = self._waiting
        if len(waiting) == 1 and not self._fallback:
            size = os.write(self.descriptor, waiting[0])
            if size == len(waiting[0]):
                waiting.clear()
                return size
        elif self._fallback:
            if not select.select([], [self.descriptor], [], 0)[1]:
                return 0
            size = os.write(self.descriptor, waiting[0][:PIECE])
        else:
            size = os.writev(self.descriptor, [waiting[i] for i in range(min(len(waiting), MAX_BUFFERS))])
        self._drop(size)
        return size

    def _drop(self, size: int) -> None:
        waiting = self._waiting
        while size:
            first = waiting[0]
            if size < len(first):
                waiting[0] = memoryview(first)[size:]
                return
            size -= len(first)
            waiting.popleft()

    def _open_again(self) -> None:
        try:
            if stat.S_ISREG(os.fstat(self.descriptor).st_mode):
                return
            if fcntl(self.descriptor, F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                return  # not ours to write to, and a second opening could: the first write says so
        except OSError:
            return  # closed: the first write says so
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            # Linux makes a new open file of it; elsewhere /dev/fd shares the flags, and that is what must not be.
            self.descriptor = os.open(f"/proc/self/fd/{self.descriptor}", flags)
            self._owned = True
        except OSError:
            self._fallback = True
