"""Reads a recording in a thread, some events ahead of who plays it, who waits for keys and for the time meanwhile."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Final, Protocol

from whale.client.cast import CastEvent, CastReader
from whale.model.errors import WhaleError

MAX_AHEAD: Final = 4 * 1024 * 1024
"""Bytes of events that are read ahead, and one event more."""


class Lines(Iterable[bytes], Protocol):
    """The lines of a recording, without their ends."""

    def interrupt(self) -> None:
        """End the iteration from another thread."""
        ...


Open = Callable[[], AbstractContextManager[Lines]]


class Feed:
    """One reading. Wait for `descriptor`, then `take`; `stop` at the end."""

    def __init__(self, open_lines: Open) -> None:
        self._open = open_lines
        self.reader = CastReader()
        """What is known of the recording: look when there are events."""
        self._events: deque[CastEvent] = deque()
        self._size = 0
        self._condition = threading.Condition()
        self._is_ended = self._is_stopped = False
        self._error: BaseException | None = None
        self._lines: Lines | None = None
        self.descriptor, self._writer = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writer, False)
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def take(self, most: int) -> tuple[list[CastEvent], bool]:
        """Return up to so many events, and whether they are the last. Raises what ended the reading, after them."""
        with suppress(BlockingIOError):
            os.read(self.descriptor, 512)
        with self._condition:
            taken = [self._events.popleft() for _ in range(min(most, len(self._events)))]
            self._size -= sum(len(event.data) for event in taken)
            self._condition.notify()
            is_last = self._is_ended and not self._events
            if self._events or self._is_ended:
                self._wake()
            if is_last and not taken and self._error is not None:
                raise self._error
            return taken, is_last and self._error is None

    def stop(self) -> None:
        """End the reading, wherever it is."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify()
            if self._lines is not None:
                self._lines.interrupt()
        self._thread.join()
        os.close(self.descriptor)
        os.close(self._writer)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self._open() as lines:
                with self._condition:
                    self._lines = lines
                    if self._is_stopped:
                        return
                for line in lines:
                    if not self._put(self.reader.feed(line)):
                        return
                self._put(self.reader.finish())
        except WhaleError as refused:
            error = refused
        except Exception as fault:  # noqa: BLE001 - it is raised again where somebody waits for the events
            error = fault
        finally:
            with self._condition:
                self._lines = None
                self._is_ended, self._error = True, error
                self._wake()

    def _put(self, events: list[CastEvent]) -> bool:
        """Hand events over, when there is room for them. False when nobody wants them any more."""
        with self._condition:
            while self._size > MAX_AHEAD and not self._is_stopped:
                self._condition.wait()
            self._events.extend(events)
            self._size += sum(len(event.data) for event in events)
            if events:
                self._wake()
            return not self._is_stopped

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._writer, b"\0")
