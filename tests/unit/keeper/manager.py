"""A stand-in for systemd: its notification socket, its store of descriptors, and the start of a unit's next process.

Does what sd_notify(3), sd_pid_notify_with_fds(3) and sd_listen_fds(3) say, with the traps: a descriptor that is
there already is not stored again and keeps its name; one whose other end hung up goes unless FDPOLL=0 was said; what
does not fit is closed without a word; nothing comes back in the order in which it was stored.
"""

import fcntl
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_LAUNCH = """
import fcntl, os, sys
numbers = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 1000) for number in sys.argv[1].split()]
for place, number in enumerate(numbers, 3):
    os.dup2(number, place)
os.closerange(3 + len(numbers), 3000)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-W", "error", *sys.argv[2:]])
"""


class Manager:
    """Runs in a thread from `start` to `close`. `store` holds (name, descriptor)."""

    def __init__(self, directory: Path, *, limit: int = 4096, abstract: bool = False) -> None:
        self.limit = limit
        self.forgets = True
        """False: like a proxy that takes descriptors and knows nothing of them."""
        self.store: list[tuple[str, int]] = []
        self.said: list[str] = []
        self._polled: set[int] = set()
        self.address = f"@whale-test-{os.getpid()}-{id(self)}" if abstract else str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if abstract else self.address)
        self._socket.settimeout(0.02)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def environ(self) -> dict[str, str]:
        """What a process of the unit finds in its environment."""
        return {"NOTIFY_SOCKET": self.address}

    def start(self) -> "Manager":
        self._thread.start()
        return self

    def pause(self) -> None:
        """Read nothing more."""
        self._ended.set()
        self._thread.join(20)

    def close(self) -> None:
        self.pause()
        self._socket.close()
        for _, descriptor in self.store:
            os.close(descriptor)
        self.store = []

    def settle(self) -> None:
        """Return when everything that was sent before has been dealt with."""
        ours, theirs = os.pipe()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(self._socket.getsockname())
            socket.send_fds(sender, [b"BARRIER=1"], [theirs])
        os.close(theirs)
        poll = select.poll()
        poll.register(ours, 0)
        assert poll.poll(20_000), "the manager does not read"
        os.close(ours)

    def stored(self) -> list[str]:
        """The names in the store."""
        return [name for name, _ in self.store]

    def launch(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        """Start the unit's next process: Python with these arguments, that finds what is stored as systemd passes it
        on."""
        passed = self.store[::-1]
        environ = {**os.environ, **self.environ}
        if passed:
            environ["LISTEN_FDS"] = str(len(passed))
            environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
        numbers = " ".join(str(descriptor) for _, descriptor in passed)
        return subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, numbers, *arguments],
            env=environ,
            pass_fds=[descriptor for _, descriptor in passed],
            text=True,
            **streams,
        )

    def run(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the unit's next process, of Python code, to its end."""
        with self.launch("-c", code, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(timeout=20)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 16)
            except TimeoutError:
                self._let_go_of_the_dead()
                continue
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.said += [f"{key}={value}" for key, value in fields.items() if key in ("READY", "STOPPING")]
            kept = self._stored(fields, descriptors) if fields.get("FDSTORE") == "1" else []
            if self.forgets and fields.get("FDSTOREREMOVE") == "1":
                self._remove([entry for entry in self.store if entry[0] == fields["FDNAME"]])
            for descriptor in descriptors:
                if descriptor not in kept:
                    os.close(descriptor)

    def _stored(self, fields: dict[str, str], descriptors: list[int]) -> list[int]:
        kept = []
        for descriptor in descriptors:
            known = any(_is_same(descriptor, other) for _, other in self.store)
            if not known and len(self.store) < self.limit:
                self.store.append((fields.get("FDNAME", "stored"), descriptor))
                if fields.get("FDPOLL") != "0":
                    self._polled.add(descriptor)
                kept.append(descriptor)
        return kept

    def _let_go_of_the_dead(self) -> None:
        poll = select.poll()
        for _, descriptor in self.store:
            if descriptor in self._polled:
                poll.register(descriptor, 0)
        dead = {number for number, _ in poll.poll(0)}
        self._remove([entry for entry in self.store if entry[1] in dead])

    def _remove(self, entries: list[tuple[str, int]]) -> None:
        for entry in entries:
            self.store.remove(entry)
            self._polled.discard(entry[1])
            os.close(entry[1])


def _is_same(one: int, other: int) -> bool:
    """Tell whether two descriptors are of one open file; near enough for pipes, sockets and memory."""
    first, second = (
        (os.readlink(f"/proc/self/fd/{number}"), fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE)
        for number in (one, other)
    )
    return first == second
