"""The keeper in a process of its own, as the server sees it.

Counts what it has put, so that a keeper that is full is known at once and not only when it says so.
"""

import errno
import select
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from whale.keeper.connect import Connected, connect_keeper
from whale.keeper.packets import NotNow, close_all, receive_packet, send_packet
from whale.keeper.protocol import (
    END,
    FROM_KEEPER,
    FULL,
    ITEM,
    MAX_NUMBER,
    PUT,
    REMOVE,
    TAKE,
    TTL,
    BadPacket,
    Message,
    decode,
    encode,
)
from whale.keeper.seam import Item, Kind, check_item, full, put_instead
from whale.model.errors import KeeperError, KeeperLost
from whale.model.limits import KEEPER_ANSWER, KEEPER_PUT

_PAUSE: Final = 0.001
"""Seconds until a packet is tried again for which there was room but too many descriptors were on their way."""


class ProcessKeeper:
    """A `Keeper` that is a process. It serves one server at a time: the last one that was opened."""

    kind: Kind = "keeper"
    reason = ""

    def __init__(self, state_dir: Path, *, ttl: float, environ: Mapping[str, str]) -> None:
        """Connect to the keeper of a state directory, and start one if there is none. Raises `KeeperError`."""
        self._state_dir = state_dir
        self._ttl = ttl
        self._environ = environ
        self._counts: dict[str, int] = {}
        self._keeper: Connected = connect_keeper(state_dir, ttl=ttl, environ=environ)
        self._held = self._keeper.held
        self._is_lost = False

    @property
    def process(self) -> int:
        """The keeper's process."""
        return self._keeper.process

    @property
    def capacity(self) -> int:
        """How many descriptors it can keep."""
        return self._keeper.capacity

    @property
    def descriptor(self) -> int:
        """The connection, which changes with `renew`; -1 once it is closed."""
        return self._keeper.connection.fileno()

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        """Keep these, instead of what was kept under this name. Raises `KeeperFull` and `KeeperLost`."""
        check_item(name, descriptors)
        count = len(descriptors)
        if self._held - self._counts.get(name, 0) + count > self.capacity:
            self.remove(name)
            raise full(self.capacity, name)
        self._send(encode(PUT, name), tuple(descriptors))
        self._held += count - self._counts.get(name, 0)
        self._counts[name] = count

    def remove(self, name: str) -> None:
        """Let go of an item; one that is not there is fine. Raises `KeeperLost`."""
        self._send(encode(REMOVE, name))
        self._held -= self._counts.pop(name, 0)

    def set_ttl(self, seconds: float) -> None:
        """Change how long the keeper waits for the next server. Raises `KeeperLost`."""
        self._ttl = seconds
        self._send(encode(TTL, "", min(int(seconds * 1000), MAX_NUMBER)))

    def take_all(self) -> list[Item]:
        """Copies of everything that is kept. Raises `KeeperLost`, and `KeeperError` for want of descriptors."""
        self._send(encode(TAKE))
        items: list[Item] = []
        try:
            missing = self._receive_items(items)
        except BaseException:
            _close_items(items)
            raise
        if missing:
            _close_items(items)
            raise KeeperError(
                "this process may not open as many descriptors as an earlier server left",
                hint="raise its limit (LimitNOFILE=, ulimit -n) and start it again; the sessions are still kept",
                detail=f"{missing} sessions did not fit",
            )
        self._counts = {item.name: len(item.descriptors) for item in items}
        self._held = sum(self._counts.values())
        return items

    def check(self) -> None:
        """Hear what the keeper has to say. Raises `KeeperLost` and `KeeperFull`."""
        while (received := self._received()) is not None:
            message, descriptors = received
            close_all(descriptors)
            self._note(message)

    def renew(self, items: Iterable[Item]) -> None:
        """After `KeeperLost`: find or start a keeper, have it keep these and nothing else. Raises `KeeperError`."""
        known = set(self._counts)
        self.close()
        self._keeper = connect_keeper(self._state_dir, ttl=self._ttl, environ=self._environ)
        self._held = self._keeper.held
        self._is_lost = False
        if not self._held:
            self._counts.clear()
        put_instead(self, items, known=known)

    def close(self) -> None:
        """Let go of the connection; the keeper waits for the next server. Idempotent."""
        self._is_lost = True
        self._keeper.connection.close()

    def _send(self, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
        """Send one packet; wait a little if there is no room for it."""
        if self._is_lost:
            raise self._lost("it was found lost before")
        deadline = time.monotonic() + KEEPER_PUT
        while True:
            try:
                send_packet(self._keeper.connection, packet, descriptors)
            except NotNow as wait:
                self._wait_for_room(deadline, is_writable=wait.is_writable)
            except OSError as error:
                if error.errno == errno.EBADF:
                    raise  # one of the descriptors: the caller's fault, and the keeper knows nothing of it
                raise self._lost(str(error)) from error
            else:
                return

    def _wait_for_room(self, deadline: float, *, is_writable: bool) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._lost("it takes nothing")
        if is_writable:
            time.sleep(_PAUSE)
        else:
            self._poll(select.POLLOUT, left)

    def _poll(self, event: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._keeper.connection, event)
        return bool(poll.poll(seconds * 1000))

    def _received(self) -> tuple[Message, tuple[int, ...]] | None:
        """One message with its descriptors, or None when there is none yet."""
        if self._is_lost:
            raise self._lost("it was found lost before")
        try:
            packet, descriptors = receive_packet(self._keeper.connection)
            if not packet:
                raise self._lost("it ended")
            try:
                return decode(packet, FROM_KEEPER, descriptors=len(descriptors)), descriptors
            except BadPacket:
                close_all(descriptors)
                raise
        except BlockingIOError:
            return None
        except (OSError, BadPacket) as error:
            raise self._lost(str(error)) from error

    def _receive_items(self, items: list[Item]) -> int:
        """Receive up to the end; returns how many came without their descriptors."""
        missing = 0
        while True:
            received = self._received()
            if received is None:
                if not self._poll(select.POLLIN, KEEPER_ANSWER):
                    raise self._lost("it does not answer")
                continue
            message, descriptors = received
            if message.kind == ITEM and descriptors:
                items.append(Item(message.name, descriptors))
            elif message.kind == ITEM:
                missing += 1
            elif message.kind == END:
                if message.numbers[0] != len(items) + missing:
                    raise self._lost("it miscounts")
                return missing
            else:
                self._note(message)

    def _note(self, message: Message) -> None:
        if message.kind != FULL:
            raise self._lost(f"it said {message.kind} unasked")
        self._held -= self._counts.pop(message.name, 0)
        raise full(self.capacity, message.name)

    def _lost(self, detail: str) -> KeeperLost:
        """What to raise when there is no use in trying again; nobody waits for this keeper a second time."""
        self._is_lost = True
        return KeeperLost("the process that keeps the sessions for the next server is gone", detail=detail)


def _close_items(items: list[Item]) -> None:
    for item in items:
        close_all(item.descriptors)
