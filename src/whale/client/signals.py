"""Signals as something a loop can wait for, like any other descriptor."""

import os
import signal
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any, Self


class SignalInbox:
    """Within its block the given signals only leave a note here. For the main thread; the handlers come back."""

    def __init__(self, signals: Iterable[int]) -> None:
        self._signals = tuple(signals)
        self._replaced: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self.descriptor, self._writer = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writer, False)
        self._previous = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in self._signals:
            self._replaced[number] = signal.signal(number, _noted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous)
        os.close(self._writer)
        os.close(self.descriptor)

    def read(self) -> list[int]:
        """Return the signals that came since the last call, in their order."""
        try:
            numbers = os.read(self.descriptor, 512)
        except BlockingIOError:
            return []
        return [number for number in numbers if number in self._replaced]


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: the interpreter has already written the number to the pipe."""


def stop_process() -> None:
    """Stop as the default for SIGTSTP does, whatever is installed for it; return when continued."""
    previous = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        os.kill(os.getpid(), signal.SIGTSTP)
    finally:
        signal.signal(signal.SIGTSTP, previous)
