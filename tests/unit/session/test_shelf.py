"""What is put away, with a keeper that remembers and can be lost."""

import asyncio
import os
from collections.abc import Iterable, Sequence

from tests.engines import eventually
from whale.keeper.seam import Item, NoKeeper
from whale.model.errors import KeeperFull, KeeperLost
from whale.model.ids import SessionId
from whale.session.shelf import Shelf

ONE, TWO = SessionId("1" * 32), SessionId("2" * 32)


class Remembering(NoKeeper):
    """A keeper in this process."""

    kind = "keeper"

    def __init__(self) -> None:
        super().__init__("")
        self.items: dict[str, tuple[int, ...]] = {}
        self.is_lost = False
        self.is_full = False
        self.renewed = 0
        self.reader, self.writer = os.pipe()
        self.descriptor = self.reader

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        if self.is_lost:
            raise KeeperLost("gone")
        if self.is_full:
            raise KeeperFull("full")
        self.items[name] = tuple(descriptors)

    def remove(self, name: str) -> None:
        if self.is_lost:
            raise KeeperLost("gone")
        del self.items[name]

    def check(self) -> None:
        os.read(self.reader, 1)
        if self.is_lost:
            raise KeeperLost("gone")

    def renew(self, items: Iterable[Item]) -> None:
        self.is_lost = False
        self.renewed += 1
        self.items = {item.name: item.descriptors for item in items}

    def end(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


async def test_keeps_what_was_put_last() -> None:
    keeper = Remembering()
    shelf = Shelf(keeper)
    assert shelf.is_useful
    shelf.put(ONE, (1, 2))
    shelf.put(ONE, (1,))
    assert keeper.items == {ONE: (1,)}
    assert ONE in shelf
    shelf.remove(ONE)
    shelf.remove(ONE)
    assert keeper.items == {}
    assert ONE not in shelf
    keeper.end()


async def test_a_keeper_that_is_lost_gets_everything_again() -> None:
    keeper = Remembering()
    shelf = Shelf(keeper)
    shelf.put(ONE, (1,))
    keeper.is_lost = True
    shelf.put(TWO, (2,))
    assert (keeper.renewed, keeper.items) == (1, {ONE: (1,), TWO: (2,)})
    keeper.is_lost = True
    shelf.remove(ONE)
    assert (keeper.renewed, keeper.items) == (2, {TWO: (2,)})
    shelf.close()
    keeper.end()


async def test_hears_of_the_loss_at_once() -> None:
    keeper = Remembering()
    shelf = Shelf(keeper)
    shelf.put(ONE, (1,))
    shelf.watch()
    keeper.is_lost = True
    os.write(keeper.writer, b"x")
    await eventually(lambda: keeper.renewed == 1, "a new keeper")
    assert keeper.items == {ONE: (1,)}
    shelf.close()
    await asyncio.sleep(0)
    keeper.end()


async def test_what_does_not_fit_is_not_kept_and_ends_nothing() -> None:
    keeper = Remembering()
    keeper.is_full = True
    shelf = Shelf(keeper)
    shelf.put(ONE, (1,))
    assert ONE not in shelf
    keeper.end()


async def test_without_a_keeper_nothing_outlives_the_server() -> None:
    shelf = Shelf(NoKeeper("a test"))
    assert not shelf.is_useful
    shelf.watch()
    shelf.close()
