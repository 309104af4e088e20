"""What is wanted of a command and only its engine can do: another size of its terminal, signals. Run.py takes it."""

import asyncio

from whale.model.exec import Signal
from whale.model.limits import MAX_QUEUED_SIGNALS
from whale.model.terminal import TerminalSize


class Control:
    """One per session. Wants are noted at once, and taken by the one task that waits for them."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._size: TerminalSize | None = None
        self._signals: list[Signal] = []

    def resize(self, size: TerminalSize) -> None:
        """Ask for a size. Only the newest counts."""
        self._size = size
        self._changed.set()

    def signal(self, signal: Signal) -> None:
        """Ask for a signal. A flood of them is cut off: the command gets the first ones."""
        if len(self._signals) < MAX_QUEUED_SIGNALS:
            self._signals.append(signal)
            self._changed.set()

    async def wanted(self) -> tuple[TerminalSize | None, list[Signal]]:
        """Wait until somebody wants another size or a signal; return what is wanted, once."""
        await self._changed.wait()
        self._changed.clear()
        size, self._size = self._size, None
        signals, self._signals = self._signals, []
        return size, signals
