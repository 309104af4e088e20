"""Two networks of their own with a wire between them that takes its time: every packet, so that connecting does, too.

A TCP proxy delays bytes, but answers a new connection itself and at once; this wire delays what is really sent. It can
go silent, be pulled out at the near end, and the near end can move to another address. It needs root.
"""

import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Self

from bench.model import BenchError

NEAR, ELSEWHERE, FAR = "10.99.0.1", "10.99.0.3", "10.99.0.2"
"""Addresses of the near end, of the near end when it has moved, and of the far end."""

INTERFACE = "wire"

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI, _CLONE_NEWNET = 0x400454CA, 0x0001, 0x1000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x0001
_LIMIT = 10.0


class Network:
    """A network namespace. It lives as long as a process in it, and that ends with this one."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.path = f"/proc/{self._keeper.pid}/ns/net"
        ours, end = os.readlink("/proc/self/ns/net"), time.monotonic() + _LIMIT
        while self._keeper.poll() is None and os.readlink(self.path) == ours:
            if time.monotonic() > end:
                raise BenchError("a network namespace does not come to be")
            time.sleep(0.001)
        if self._keeper.poll() is not None:
            raise BenchError("network namespaces can't be made here: it takes root")
        self.inside = ["nsenter", f"--net={self.path}", "--"]
        """What to put before a command that shall run there."""

    def run(self, *command: str) -> None:
        """Run a command there to its end."""
        done = subprocess.run([*self.inside, *command], capture_output=True, check=False, timeout=_LIMIT)
        if done.returncode:
            raise BenchError(f"{' '.join(command)}: {done.stderr.decode().strip()}")

    def close(self) -> None:
        """End what keeps it."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(_LIMIT)


class Wire:
    """`delay` is what one packet takes one way, in seconds: a round trip is twice as long."""

    def __init__(self, *, delay: float) -> None:
        self.delay = delay
        self.is_silent = False
        """True while every packet is lost, and nobody is told."""
        self.packets = 0
        """How many have passed."""
        self.near, self.far = Network(), Network()
        self._ends: list[int] = []
        self._control: socket.socket | None = None
        """A socket in the near network: what asks through it asks there."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)

    def __enter__(self) -> Self:
        opener = threading.Thread(target=self._open)  # a thread can be in another network than its process
        opener.start()
        opener.join(_LIMIT)
        if len(self._ends) != 2:
            raise BenchError("a wire can't be made here: it takes root and /dev/net/tun")
        for network, address in ((self.near, NEAR), (self.far, FAR)):
            network.run("ip", "link", "set", "lo", "up")
            network.run("ip", "address", "add", f"{address}/24", "dev", INTERFACE)
            network.run("ip", "link", "set", INTERFACE, "up")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_LIMIT)
        for end in self._ends:
            os.close(end)
        if self._control is not None:
            self._control.close()
        self.near.close()
        self.far.close()

    def pull(self) -> None:
        """Take the near interface down: whoever asks the kernel hears of it."""
        self._set_up(0)

    def plug(self) -> float:
        """Bring it up again; return the time right before (`time.monotonic`)."""
        before = time.monotonic()
        self._set_up(_IFF_UP)
        return before

    def renumber(self, before: str, after: str) -> None:
        """Give the near end another address, as another network would."""
        self.near.run("ip", "address", "delete", f"{before}/24", "dev", INTERFACE)
        self.near.run("ip", "address", "add", f"{after}/24", "dev", INTERFACE)

    def _set_up(self, flag: int) -> None:
        """What `ip link set wire up` does, without the time that it takes to start a program."""
        assert self._control is not None
        request = struct.pack("16sH", INTERFACE.encode(), 0).ljust(40, b"\0")
        flags = struct.unpack_from("16xH", fcntl.ioctl(self._control, _SIOCGIFFLAGS, request))[0]
        fcntl.ioctl(self._control, _SIOCSIFFLAGS, struct.pack("16sH", INTERFACE.encode(), flags & ~_IFF_UP | flag))

    def _open(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        for network in (self.near, self.far):
            with open(network.path, "rb") as namespace, contextlib.suppress(OSError):
                if libc.setns(namespace.fileno(), _CLONE_NEWNET) == 0:
                    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH", INTERFACE.encode(), _IFF_TUN | _IFF_NO_PI))
                    self._ends.append(end)
                    self._control = self._control or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _carry(self) -> None:
        near, far = self._ends
        with contextlib.suppress(OSError):  # what else the machine does shall not be part of the delay
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_FIFO, os.sched_param(1))
        under_way: list[tuple[float, int, int, bytes]] = []
        numbers = itertools.count()
        while not self._stopped.is_set():
            until_due = under_way[0][0] - time.monotonic() if under_way else 0.05
            readable, _, _ = select.select(self._ends, [], [], min(0.05, max(0.0, until_due)))
            for end in readable:
                with contextlib.suppress(OSError):  # it was pulled out
                    packet = os.read(end, 65536)
                    if not self.is_silent:
                        due = time.monotonic() + self.delay
                        heapq.heappush(under_way, (due, next(numbers), far if end == near else near, packet))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(under_way)
                with contextlib.suppress(OSError):
                    if not self.is_silent:
                        os.write(end, packet)
                        self.packets += 1


@contextlib.contextmanager
def wire(*, delay: float) -> Iterator[Wire]:
    """A wire, unplugged at the end. Raises `BenchError` where there can't be one."""
    with Wire(delay=delay) as made:
        yield made
