"""Notices that the network may have changed. What has changed is not asked: the news only say that it is time to look.

News are never read further than that there are some, so nothing in them can do harm; whoever looks again because of
them has a pause of its own between two looks.
"""

import _socket
import errno
import time
from contextlib import closing
from typing import Any

_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE = 0x1, 0x10, 0x40, 0x100, 0x400
"""RTMGRP_* of linux/rtnetlink.h: the groups of news about interfaces, addresses and routes."""

MAX_NEWS = 256
"""News taken at a time. What is left over makes the descriptor ready again."""

ASLEEP = 1.0
"""Seconds by which the clocks must differ to say that the machine slept."""


class NetworkWatch:
    """Wait for `descriptor`, or look now and then, and ask `has_changed`. Without news on this system it is -1."""

    def __init__(self) -> None:
        self._sock = _listen()
        self.descriptor = -1 if self._sock is None else self._sock.fileno()
        self._slept = _time_asleep()

    def has_changed(self) -> bool:
        """True when there was news since the last call, or the machine slept."""
        has_news = self._sock is not None and _drain(self._sock)
        before, self._slept = self._slept, _time_asleep()
        return has_news or self._slept - before > ASLEEP

    def close(self) -> None:
        """Watch no longer. Idempotent."""
        self.descriptor = -1
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def way_to(family: int, target: tuple[Any, ...]) -> str:
    """Return the local address from which the system would reach a target now; empty where there is no way.

    No packet leaves: a datagram socket only looks up its route.
    """
    try:
        with closing(_socket.socket(family, _socket.SOCK_DGRAM)) as sock:
            sock.connect(target)
            return str(sock.getsockname()[0])
    except OSError:
        return ""


def has_address(family: int, address: str) -> bool:
    """True when an address is still one of this machine's."""
    try:
        with closing(_socket.socket(family, _socket.SOCK_DGRAM)) as sock:
            sock.bind((address, 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _listen() -> _socket.socket | None:
    try:
        if hasattr(_socket, "AF_NETLINK"):
            sock = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _socket.NETLINK_ROUTE)
            sock.bind((0, _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV6_ADDRESS | _IPV6_ROUTE))
        else:
            sock = _socket.socket(_socket.AF_ROUTE, _socket.SOCK_RAW, 0)  # macOS, BSD: all news
        sock.setblocking(False)
    except (OSError, AttributeError):
        return None  # a sandbox, or a system without
    return sock


def _drain(sock: _socket.socket) -> bool:
    for taken in range(MAX_NEWS):
        try:
            sock.recv(1)  # a piece of the message takes all of it away
        except BlockingIOError:
            return taken > 0
        except OSError:
            return True  # there were more than the kernel keeps
    return True


def _time_asleep() -> float:
    """Seconds since boot in which the machine slept."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
