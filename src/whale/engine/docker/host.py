"""Finds and signals a session's processes through this machine's /proc, when the engine runs on it.

A process belongs to a session's tree when its environment has the session's mark, when its parent belongs, or
when it is in the kernel session of one that belongs: engines start every exec in a kernel session of its own. But who
bears a mark may have got it from anywhere, so a kernel session that somebody outside the tree leads is not taken.
Reads /proc only; signals go through pidfds, so that a number that the kernel gave to another process in the meantime is
never hit.
"""

import os
import select
import signal
from collections.abc import Collection
from typing import NamedTuple, Self

from whale.engine.docker.start import SESSION_VARIABLE, marked_session
from whale.model.ids import ContainerId

_MARK = SESSION_VARIABLE.encode() + b"="
_GONE = frozenset(b"ZX")


class Process(NamedTuple):
    """One line of the machine's process table."""

    pid: int
    parent: int
    group: int
    kernel_session: int
    mark: str
    """Which session its environment says it is of; empty when it says nothing, or when it can't be read."""


def read_processes(proc: str = "/proc") -> list[Process]:
    """Read the whole process table, without zombies. Blocking: about 20 µs per process; run it in a thread."""
    found = (read_process(int(entry), proc) for entry in os.listdir(proc) if entry.isdigit())
    return [process for process in found if process is not None]


def read_process(pid: int, proc: str = "/proc") -> Process | None:
    """Read one process; None when it is gone, or a zombie that only waits for its parent."""
    try:
        with open(f"{proc}/{pid}/stat", "rb", buffering=0) as file:
            stat = file.read()
    except OSError:
        return None
    fields = stat[stat.rfind(b")") + 2 :].split()
    if len(fields) < 18 or (fields[0][0] in _GONE and int(fields[17]) <= 1):
        return None
    parent, group, kernel_session = int(fields[1]), int(fields[2]), int(fields[3])
    return Process(pid, parent, group, kernel_session, read_mark(pid, proc))


def read_mark(pid: int, proc: str = "/proc") -> str:
    """Read the session's mark from a process's environment."""
    try:
        with open(f"{proc}/{pid}/environ", "rb", buffering=0) as file:
            environ = file.read()
    except OSError:
        return ""
    at = 0 if environ.startswith(_MARK) else environ.find(b"\0" + _MARK) + 1
    if at == 0 and not environ.startswith(_MARK):
        return ""
    value = environ[at + len(_MARK) :].split(b"\0", 1)[0]
    return value.decode("ascii", "replace")


def find_tree(
    table: list[Process], session: str, *, roots: Collection[int] = (), kernel_sessions: Collection[int] = ()
) -> list[Process]:
    """Pick a session's processes. `roots` are known to belong, whatever their environment says.

    `kernel_sessions` are known to have belonged. The kernel may have given such a number away again.
    """
    alive, own = {p.pid for p in table}, os.getpid()
    table = [p for p in table if p.pid != own]
    tree = {p.pid for p in table if p.mark == session or p.pid in roots}
    seen, grown = set(kernel_sessions), True
    while grown:
        seen |= {p.kernel_session for p in table if p.pid in tree}
        sessions = {sid for sid in seen if sid and (sid in tree or sid not in alive)}
        more = [p for p in table if p.pid not in tree and (p.parent in tree or p.kernel_session in sessions)]
        tree.update(p.pid for p in more)
        grown = bool(more)
    return [p for p in table if p.pid in tree]


def find_roots(
    table: list[Process], server: str, containers: Collection[ContainerId], proc: str = "/proc"
) -> list[tuple[str, ContainerId]]:
    """Find the marks of a server's sessions whose command runs in one of its engine's containers.

    Such a command's parent is outside of the container: an engine starts every exec from there.
    """
    parents = {p.pid: p.parent for p in table}
    found: dict[str, ContainerId] = {}
    for process in table:
        if marked_session(process.mark, server=server) is None:
            continue
        groups = _read_groups(process.pid, proc)
        container = next((c for c in containers if c in groups), None)
        if container is not None and not _is_beside(parents[process.pid], process.pid, container, proc):
            found.setdefault(process.mark, container)
    return list(found.items())


def _is_beside(parent: int, pid: int, container: str, proc: str) -> bool:
    """True when `parent` is in the same container as `pid`. A helper of the engine's may only seem to be."""
    try:
        same = os.readlink(f"{proc}/{parent}/ns/pid") == os.readlink(f"{proc}/{pid}/ns/pid")
    except OSError:
        return False
    return same and container in _read_groups(parent, proc)


class HostTree:
    """A session's processes as far as they have been seen, each pinned by a pidfd. Must be closed."""

    def __init__(self, mark: str, *, container: str = "") -> None:
        """Find what bears `mark`; with a container's id, only what is in that container."""
        self._mark = mark
        self._container = container
        self._fds: dict[int, int] = {}
        self._kernel_sessions: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

    def look(self, table: list[Process], root: int = 0) -> set[int]:
        """Take a new process table; return the pids of the tree that are alive."""
        roots = {pid for pid, fd in self._fds.items() if _is_running(fd)} | ({root} if root else set())
        tree = find_tree(table, self._mark, roots=roots, kernel_sessions=self._kernel_sessions)
        if self._container:
            inside = [p for p in tree if self._container in _read_groups(p.pid)]
            # Again, by what they are to each other inside: whoever bears the mark outside may be of the engine's own
            # kernel session, and then everything in the container is a child of the tree.
            tree = find_tree(inside, self._mark, roots=roots, kernel_sessions=self._kernel_sessions)
        self._kernel_sessions.update(p.kernel_session for p in tree)
        return {p.pid for p in tree if self._pin(p)}

    def send(self, pid: int, number: signal.Signals) -> None:
        """Signal a process that `look` returned. Raises `PermissionError` when we may not."""
        try:
            signal.pidfd_send_signal(self._fds[pid], number)
        except ProcessLookupError:
            return

    def _pin(self, process: Process) -> bool:
        """Open a pidfd, and make sure that it is of the process that was seen."""
        fd = self._fds.get(process.pid)
        if fd is not None and _is_running(fd):
            return True
        if fd is not None:
            os.close(self._fds.pop(process.pid))
        try:
            fd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        again = read_process(process.pid)
        if again is None or again.kernel_session != process.kernel_session:
            os.close(fd)
            return False
        self._fds[process.pid] = fd
        return True


def _is_running(fd: int) -> bool:
    """A pidfd becomes readable when its process ends."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return not poll.poll(0)


def is_in_container(pid: int, container: str, proc: str = "/proc") -> bool:
    """True when `pid` is, on this machine, a process of that container, and we may look into it."""
    try:
        with open(f"{proc}/{pid}/environ", "rb") as environ:
            environ.read(1)
    except OSError:
        return False
    return container in _read_groups(pid, proc)


def _read_groups(pid: int, proc: str = "/proc") -> str:
    """Read the names of the control groups that a process is in: a container's have its id in them."""
    try:
        with open(f"{proc}/{pid}/cgroup", encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
