"""Many sessions from one process: `python -m bench.load KIND …`, one JSON object per line on stdout, ended by stdin.

A process of its own, so that what it costs is not counted as the server's, and so that it can have its own core.
WHALE_TOKEN is the credential.
"""

import argparse
import json
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bench.client import Peer
from bench.lateness import Schedule
from bench.model import BenchError
from whale.model.exec import ExecSpec
from whale.model.limits import WINDOW_TTY
from whale.wire.messages import Opened, decode_server_control

_BUFFER = 1 << 18
_OPEN_LIMIT = 120.0
_STDIN = 0
SETTLE = 5.0
"""Seconds from the last session's opening to the first measured piece."""

_AT_ONCE = 32
"""Sessions asked for before waiting for the first of them: a crowd, but not one that no backlog holds. One where each
writes much at once: the fake engine makes that in the server's own process."""


class Crowd:
    """Peers by descriptor, the poll they share, and what becomes of their output."""

    def __init__(self, *, schedule: Callable[[], Schedule] | None = None) -> None:
        self.peers: dict[int, Peer] = {}
        self.schedules: dict[int, Schedule] = {}
        self._new_schedule = schedule
        self._poll = select.epoll()

    def open(
        self, count: int, address: tuple[str, int], token: str, container: str, spec: ExecSpec, *, at_once: int
    ) -> int:
        """Open sessions until there are so many or the time for it is over; return how many are open.

        `at_once` are asked for before waiting for the first of them.

        Those that are open go on meanwhile. Raises `BenchError` when the server refuses one.
        """
        end = time.monotonic() + _OPEN_LIMIT
        waiting: list[Peer] = []
        while (len(self.peers) < count or waiting) and time.monotonic() < end:
            while len(waiting) < at_once and len(self.peers) < count:
                peer = Peer(*address, token)
                self.peers[peer.fd] = peer
                if self._new_schedule is not None:
                    self.schedules[peer.fd] = self._new_schedule()
                peer.request(container, spec, window=WINDOW_TTY)
                self._poll.register(peer.fd, select.EPOLLIN)
                waiting.append(peer)
            self.turn(0.5)
            waiting = [peer for peer in waiting if not is_open(peer)]
        return len(self.peers) - len(waiting)

    def turn(self, timeout: float) -> None:
        """Take what has come on all connections, waiting at most `timeout` seconds for the first of it."""
        peers, schedules, clock, read = self.peers, self.schedules, time.monotonic_ns, os.read
        for fd, _ in self._poll.poll(timeout, 4096):
            peer = peers[fd]
            data = read(fd, _BUFFER)
            if not data or peer.is_over:
                raise BenchError(f"the server ended a session: {peer.controls[-1:]}")
            pieces = peer.feed(data)
            if pieces and schedules:
                schedules[fd].arrived(pieces, clock())

    def turns(self, seconds: float) -> None:
        """Take what comes for so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(0.5)

    def close(self) -> None:
        """Close all connections."""
        self._poll.close()
        for peer in self.peers.values():
            peer.close()


def is_open(peer: Peer) -> bool:
    """Tell whether the server has opened the session. Raises `BenchError` when it refused."""
    if not peer.controls:
        return False
    answer = decode_server_control(peer.controls.pop(0)[1:])
    if not isinstance(answer, Opened):
        raise BenchError(f"no session: {answer}")
    return True


def stopped() -> bool:
    """True when stdin has ended: whoever started this wants its end."""
    try:
        return os.read(_STDIN, 1) == b""
    except BlockingIOError:
        return False


def say(**found: Any) -> None:
    """One line for whoever started this."""
    print(json.dumps(found), flush=True)


def idle(crowd: Crowd) -> None:
    """Hold the sessions open, and answer pings, until stdin ends."""
    os.set_blocking(_STDIN, False)
    while not stopped():
        crowd.turn(0.2)


def detached(crowd: Crowd, *, written: int) -> None:
    """Let every session write so much, leave them all to themselves, and wait until stdin ends."""
    end = time.monotonic() + _OPEN_LIMIT
    while any(peer.received < written for peer in crowd.peers.values()):
        if time.monotonic() > end:
            raise BenchError("the sessions have not written all in time")
        crowd.turn(0.5)
    for peer in crowd.peers.values():
        peer.detach()
    say(detached=len(crowd.peers))
    while os.read(_STDIN, 1):
        pass


def stream(crowd: Crowd, *, seconds: float) -> None:
    """Take what comes for so many seconds and tell how late it was. What the opening delayed is over before."""
    crowd.turns(SETTLE)
    found = list(crowd.schedules.values())
    for schedule in found:
        schedule.begin()
    before = sum(peer.received for peer in crowd.peers.values())
    say(begun=True)
    cpu, begin = time.process_time(), time.monotonic()
    crowd.turns(seconds)
    took, now = time.monotonic() - begin, time.monotonic_ns()
    for schedule in found:
        schedule.looked(now)
    say(
        latest_ms=[schedule.latest / 1e6 for schedule in found],
        received=sum(peer.received for peer in crowd.peers.values()) - before,
        messages=sum(schedule.messages for schedule in found),
        acks=sum(peer.acks for peer in crowd.peers.values()),
        client_cpu=(time.process_time() - cpu) / took,
        seconds=took,
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.load")
    parser.add_argument("kind", choices=("idle", "detached", "stream"))
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--container", required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--rate", type=float, default=40_000)
    parser.add_argument("--piece", type=int, default=4096)
    parser.add_argument("--written", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args(arguments)
    address, token = (options.host, options.port), os.environ["WHALE_TOKEN"]
    if options.kind in ("idle", "detached"):
        script = f"random {options.written} 1 && cat" if options.written else "cat"
        crowd, spec = Crowd(), ExecSpec(command=("sh", "-c", script), tty=True, stdin=True)
    else:
        crowd = Crowd(schedule=partial(Schedule, rate=options.rate, piece=options.piece))
        spec = ExecSpec(command=("stream", str(options.rate), str(options.piece)))
    begin = time.monotonic()
    try:
        at_once = _AT_ONCE if not options.written else 1
        opened = crowd.open(options.sessions, address, token, options.container, spec, at_once=at_once)
        say(opened=opened, seconds=time.monotonic() - begin)
        if options.kind == "idle":
            idle(crowd)
        elif options.kind == "detached":
            detached(crowd, written=options.written)
        else:
            stream(crowd, seconds=options.seconds)
    except BrokenPipeError:
        return 1  # whoever started this has gone
    except (BenchError, OSError) as error:
        say(error=str(error))
        return 1
    finally:
        crowd.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
