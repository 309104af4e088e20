"""Leaves a process only the system calls that reading, emulating and answering take.

Every other one fails with EPERM, above all those with which a process looks into others of its user or ends them. Where
the numbers of the calls are not known there is no filter.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Callable
from typing import Final

_X86_64: Final = {
    "read": 0,
    "write": 1,
    "close": 3,
    "poll": 7,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "sched_yield": 24,
    "mremap": 25,
    "madvise": 28,
    "setitimer": 38,
    "sendto": 44,
    "recvfrom": 45,
    "exit": 60,
    "gettimeofday": 96,
    "sigaltstack": 131,
    "futex": 202,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "exit_group": 231,
    "getrandom": 318,
}
_KNOWN: Final = {"x86_64": (0xC000003E, _X86_64)}
"""For each machine: the number that the kernel has for it, and those of the calls."""

_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_CALL, _MACHINE = 0, 4
"""Where they are in what a filter is given."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM

_SET_SECCOMP, _FILTER = 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def filter_calls(prctl: Callable[..., object]) -> None:
    """Filter this process's calls from here on. It must have given up getting new rights before."""
    known = _KNOWN.get(platform.machine())
    if known is None:
        return
    steps = ctypes.create_string_buffer(steps_of(*known))
    program = _Program(len(steps) // 8, ctypes.addressof(steps))
    prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)


def steps_of(machine: int, calls: dict[str, int]) -> bytes:
    """Make the filter: the calls of this machine, and none that come in another one's numbers."""
    numbers = sorted(calls.values())
    steps = [(_LOAD, 0, 0, _MACHINE), (_IF_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _REFUSE), (_LOAD, 0, 0, _CALL)]
    for place, number in enumerate(numbers):
        steps.append((_IF_EQUAL, len(numbers) - place, 0, number))
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
