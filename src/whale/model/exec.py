"""What to run in a container, and how it ended."""

from enum import IntEnum, StrEnum
from typing import NamedTuple

from whale.model.terminal import TerminalSize


class Stream(IntEnum):
    """The three streams of an exec, by the numbers that every protocol of the field gives them."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2


class Signal(StrEnum):
    """Signals a client may ask for."""

    HUP = "HUP"
    INT = "INT"
    QUIT = "QUIT"
    TERM = "TERM"
    KILL = "KILL"
    USR1 = "USR1"
    USR2 = "USR2"


class ExecSpec(NamedTuple):
    """One command to run in a container.

    An empty `command` means a login shell: bash if the container has it, else the user's own, else sh.
    """

    command: tuple[str, ...] = ()
    tty: bool = False
    stdin: bool = False
    """False gives the command an empty standard input at once, as `docker exec` without `-i` does."""
    user: str = ""
    env: tuple[tuple[str, str], ...] = ()
    workdir: str = ""
    privileged: bool = False
    size: TerminalSize | None = None
    """First size of the terminal; set before the command runs its first instruction."""


class ExitStatus(NamedTuple):
    """How an exec ended: a status the engine reported, or `lost` when no one can know it any more.

    There is no default: a stream that was cut must never be mistaken for success.
    """

    code: int | None
    """0–255 as the engine reported it (128+n for a signal), or None when lost."""
    reason: str = ""
    """The error code of the loss (see docs/reference/errors.md); empty for a real status."""

    @property
    def is_lost(self) -> bool:
        """True when the real status can't be known."""
        return self.code is None
