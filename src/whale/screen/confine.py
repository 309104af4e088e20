"""Takes from this process what it does not need, so that whoever takes it over has little.

There are no other descriptors than its socket and /dev/null to begin with, and no environment. Each step is taken
where the system has it and allows it; none that fails stops the next one.
"""

import os
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from whale.model.limits import SCREEN_MEMORY
from whale.screen.seccomp import filter_calls

NOBODY: Final = 65534
"""User and group that own nothing."""

OPEN_FILES: Final = 3
"""Standard input, which is the socket, output and errors: so no further file can be opened."""

_SET_DUMPABLE, _SET_NO_NEW_PRIVS = 4, 38
_LIMITS: Final = (
    (resource.RLIMIT_AS, SCREEN_MEMORY),
    (resource.RLIMIT_CORE, 0),  # other sessions' screens are in its memory
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_NOFILE, OPEN_FILES),
)


def confine() -> None:
    """Give up rights and limit what is left. Everything that has to be loaded is loaded before."""
    prctl = _prctl()
    for kind, most in _LIMITS:
        _limit(kind, most)
    if os.geteuid() == 0:
        _become_nobody()
    # Threads and processes; of root, and of a user before it is another one, the system does not count them.
    _limit(resource.RLIMIT_NPROC, 0)
    for option, value in ((_SET_NO_NEW_PRIVS, 1), (_SET_DUMPABLE, 0)):
        prctl(option, value, 0, 0, 0)
    filter_calls(prctl)


def _limit(kind: int, most: int) -> None:
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(kind, (most, most))


def _become_nobody() -> None:
    with suppress(OSError):
        os.setgroups([])
    with suppress(OSError):
        os.setresgid(NOBODY, NOBODY, NOBODY)
    with suppress(OSError):
        os.setresuid(NOBODY, NOBODY, NOBODY)


def _prctl() -> Callable[..., object]:
    import ctypes  # 3 ms, for this process alone

    return getattr(ctypes.CDLL(None), "prctl", _nothing)  # only Linux has it


def _nothing(*_arguments: int) -> None:
    """Stand in for a system call that there is not."""
