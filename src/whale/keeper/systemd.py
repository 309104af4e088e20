"""Keeps descriptors in systemd's store for this unit, which hands them to the next process of the unit.

Nothing answers: that a descriptor was not kept can be found out only once, by a probe. So this counts, and keeps
below what the unit allows.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Final

from whale.keeper.inherited import LABEL_SIZE, PREFIX, Label, labels, take_inherited
from whale.keeper.notify import Notify, hung_up
from whale.keeper.packets import close_all
from whale.keeper.seam import Item, Kind, check_item, full, put_instead
from whale.model.errors import KeeperLost

_PROBE: Final = f"{PREFIX}probe"

NAMES_SIZE: Final = 120 * 1024
"""Bytes of labels. The next process finds all of them in one variable of its environment, and Linux starts no process
that has one of 128 KiB or more: then the unit could not be started again."""

MOST: Final = NAMES_SIZE // LABEL_SIZE
"""Descriptors whose labels have room there."""


class SystemdKeeper:
    """A `Keeper` that is systemd."""

    kind: Kind = "systemd"
    reason = ""
    descriptor = -1

    def __init__(self, notify: Notify, environ: MutableMapping[str, str]) -> None:
        """Take over what an earlier server left. `notify` is closed with this. Raises `KeeperLost`."""
        self._notify = notify
        stored = environ.get("FDSTORE", "")
        self.capacity = min(MOST, int(stored)) if stored.isdecimal() else MOST
        self._counts: dict[str, int] = {}
        self._items = self._whole_items(take_inherited(environ))

    def works(self) -> bool:
        """Find out whether the store keeps what it is given, and lets go of it. Raises `OSError`.

        A manager without a store, or a unit that is allowed none, closes a descriptor at once; one that does not
        know the message may never do.
        """
        if self._counts:
            return True  # what an earlier server left is the proof, and may fill the store
        ours, theirs = os.pipe()
        try:
            try:
                self._notify.send("FDSTORE=1", f"FDNAME={_PROBE}", "FDPOLL=0", descriptors=[theirs])
            finally:
                os.close(theirs)
            self._notify.barrier()
            was_kept = not hung_up(ours)
            self._notify.send("FDSTOREREMOVE=1", f"FDNAME={_PROBE}")
            self._notify.barrier()
            return was_kept and hung_up(ours)
        finally:
            os.close(ours)

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        """Keep these, instead of what was kept under this name. Raises `KeeperFull` and `KeeperLost`."""
        check_item(name, descriptors)
        # First, because systemd does not store again what it has, and leaves it the label that it has.
        self.remove(name)
        if sum(self._counts.values()) + len(descriptors) > self.capacity:
            raise full(self.capacity, name)
        self._counts[name] = len(descriptors)
        for label, descriptor in zip(labels(name, len(descriptors)), descriptors, strict=True):
            # Without FDPOLL=0 systemd lets go of a stream whose other end is gone, and of what is still in it.
            self._send("FDSTORE=1", f"FDNAME={label}", "FDPOLL=0", descriptors=[descriptor])

    def remove(self, name: str) -> None:
        """Let go of an item; one that is not there is fine. Raises `KeeperLost`."""
        for label in labels(name, self._counts.pop(name, 0)):
            self._send("FDSTOREREMOVE=1", f"FDNAME={label}")

    def take_all(self) -> list[Item]:
        """What an earlier server left, the first time that it is called; then nothing."""
        items, self._items = self._items, []
        return items

    def set_ttl(self, seconds: float) -> None:
        """Do nothing: systemd keeps them until the unit is stopped."""

    def check(self) -> None:
        """Do nothing: systemd never answers."""

    def renew(self, items: Iterable[Item]) -> None:
        """Put these again, and let go of everything else. Raises `KeeperFull` and `KeeperLost`."""
        put_instead(self, items, known=set(self._counts))

    def close(self) -> None:
        """Let go, also of what nobody has taken. Idempotent."""
        for item in self.take_all():
            close_all(item.descriptors)
        self._notify.close()

    def _whole_items(self, inherited: list[tuple[Label, int]]) -> list[Item]:
        """Count what is whole; let go of what a server left that was killed while it put it."""
        groups: dict[tuple[str, int], list[tuple[Label, int]]] = defaultdict(list)
        for label, descriptor in inherited:
            groups[label.name, label.total].append((label, descriptor))
        items: list[Item] = []
        for (name, count), group in groups.items():
            descriptors = tuple(descriptor for _, descriptor in group)
            if [label for label, _ in group] == labels(name, count) and name not in self._counts:
                self._counts[name] = count
                items.append(Item(name, descriptors))
                continue
            close_all(descriptors)
            for label, _ in group:
                self._send("FDSTOREREMOVE=1", f"FDNAME={label}")
        return items

    def _send(self, *fields: str, descriptors: Sequence[int] = ()) -> None:
        try:
            self._notify.send(*fields, descriptors=descriptors)
        except OSError as error:
            raise KeeperLost("systemd does not take the sessions to be kept", detail=str(error)) from error
