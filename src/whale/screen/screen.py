"""The seam of the terminal emulator; there is none yet."""

from typing import Protocol

from whale.model.terminal import TerminalSize


class Screen(Protocol):
    """A terminal that nobody looks at."""

    def feed(self, data: bytes) -> None:
        """Take output."""
        ...

    def resize(self, size: TerminalSize) -> None:
        """Change the size."""
        ...

    def repaint(self) -> bytes:
        """Return what brings any terminal to this picture."""
        ...

    def replies(self) -> bytes:
        """Take what was answered to queries."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def open_screen(size: TerminalSize) -> Screen | None:
    """Make one; None where there is no emulator."""
    del size
    return None
