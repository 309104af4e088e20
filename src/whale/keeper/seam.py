"""What a server needs of a keeper, and the keeper that there is when there can be none."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from whale.keeper.protocol import is_name
from whale.model.errors import KeeperFull
from whale.model.limits import MAX_KEPT_TOGETHER

Kind = Literal["keeper", "systemd", "none"]


class Item(NamedTuple):
    """What is kept of one session."""

    name: str
    """The session's id."""
    descriptors: tuple[int, ...]
    """In the order in which they were put, at most `MAX_KEPT_TOGETHER`."""


class Keeper(Protocol):
    """Keeps descriptors for the next server. Used from one thread at a time; nothing here waits for long."""

    @property
    def kind(self) -> Kind:
        """Who keeps them: a process of whale's own, systemd, or nobody."""
        ...

    @property
    def reason(self) -> str:
        """Why nobody does, for the operator; empty else."""
        ...

    @property
    def descriptor(self) -> int:
        """Becomes readable when the keeper has something to say: then call `check`. -1: it never has.

        Stays readable when the keeper is lost. Take it out of the loop before `renew`, which changes it, and `close`.
        """
        ...

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        """Keep these, instead of what was kept under this name.

        They are safe when this returns, also from SIGKILL a moment later. The caller's own stay open and the
        caller's. Raises `KeeperFull`, after which the name is kept no more, and `KeeperLost`: see `renew`.
        """
        ...

    def remove(self, name: str) -> None:
        """Let go of an item; one that is not there is fine. Raises `KeeperLost`."""
        ...

    def take_all(self) -> list[Item]:
        """What an earlier server left, to be asked once, at the start. The keeper goes on keeping it.

        The descriptors in it are the caller's, to be closed by it. Raises `KeeperError`.
        """
        ...

    def set_ttl(self, seconds: float) -> None:
        """Change how long the keeper waits for the next server, where it can be told. Raises `KeeperLost`."""
        ...

    def check(self) -> None:
        """Hear what the keeper has to say. Raises `KeeperLost`, and `KeeperFull` when one was not kept after all."""
        ...

    def renew(self, items: Iterable[Item]) -> None:
        """After `KeeperLost`: find or start a keeper again, and have it keep these and nothing else.

        Takes some 30 ms when one has to be started. Raises `KeeperError`.
        """
        ...

    def close(self) -> None:
        """Let go; the keeper waits for the next server. Idempotent."""
        ...


class NoKeeper:
    """Keeps nothing: sessions end with their server. `reason` says why it has to be so."""

    kind: Kind = "none"
    descriptor = -1

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        """Keep nothing."""

    def remove(self, name: str) -> None:
        """Do nothing: nothing is kept."""

    def take_all(self) -> list[Item]:
        """Nothing is ever left."""
        return []

    def set_ttl(self, seconds: float) -> None:
        """Do nothing: nothing is kept."""

    def check(self) -> None:
        """Do nothing: there is nobody to be heard."""

    def renew(self, items: Iterable[Item]) -> None:
        """Do nothing: nothing is kept."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


def check_item(name: str, descriptors: Sequence[int]) -> None:
    """Raise `ValueError` for what no keeper takes: that is a fault of the caller's."""
    if not is_name(name):
        raise ValueError("an item's name is a session's id")
    if not 0 < len(descriptors) <= MAX_KEPT_TOGETHER:
        raise ValueError(f"an item has 1 to {MAX_KEPT_TOGETHER} descriptors")


def full(capacity: int, name: str) -> KeeperFull:
    """There is no room for this item."""
    message = f"what keeps the sessions for the next server is full: it can hold {capacity} descriptors"
    return KeeperFull(message, detail=name)


def put_instead(keeper: Keeper, items: Iterable[Item], *, known: set[str]) -> None:
    """Have a keeper keep these items, and nothing else of what it is known to have.

    Raises `KeeperFull` after all of them have been tried, and `KeeperLost`.
    """
    wanted = {item.name: item for item in items}
    for name in known.difference(wanted):
        keeper.remove(name)
    refused: KeeperFull | None = None
    for item in wanted.values():
        try:
            keeper.put(*item)
        except KeeperFull as error:
            refused = error
    if refused is not None:
        raise refused
