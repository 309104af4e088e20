"""What every keeper has in common, and the one that keeps nothing."""

from collections.abc import Sequence

import pytest

from tests.unit.keeper.conftest import name_of
from whale.keeper.seam import Item, Keeper, NoKeeper, check_item, full, put_instead
from whale.model.errors import KeeperFull
from whale.model.limits import MAX_KEPT_TOGETHER


class Small(NoKeeper):
    """Notes what it is told, and has room for two descriptors at a time."""

    def __init__(self) -> None:
        super().__init__("a test")
        self.said: list[str] = []

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        if len(descriptors) > 2:
            raise full(2, name)
        self.said.append(f"put {name}")

    def remove(self, name: str) -> None:
        self.said.append(f"remove {name}")


def test_the_keeper_that_is_none_has_a_reason_and_does_nothing() -> None:
    keeper: Keeper = NoKeeper("no room on this ship")
    assert (keeper.kind, keeper.reason, keeper.descriptor) == ("none", "no room on this ship", -1)
    keeper.put(name_of(1), [0])
    keeper.remove(name_of(1))
    assert keeper.take_all() == []
    keeper.set_ttl(1)
    keeper.check()
    keeper.renew([Item(name_of(1), (0,))])
    keeper.close()


@pytest.mark.parametrize(
    ("name", "count"), [("", 1), ("x" * 32, 1), ("A" * 32, 1), (name_of(1), 0), (name_of(1), MAX_KEPT_TOGETHER + 1)]
)
def test_what_no_keeper_takes(name: str, count: int) -> None:
    with pytest.raises(ValueError, match="an item"):
        check_item(name, [0] * count)


def test_what_every_keeper_takes() -> None:
    check_item(name_of(1), [0])
    check_item(name_of(1), range(MAX_KEPT_TOGETHER))


def test_puts_what_is_wanted_and_lets_go_of_the_rest() -> None:
    keeper = Small()
    items = [Item(name_of(1), (0,)), Item(name_of(2), (0, 0, 0)), Item(name_of(3), (0,))]
    with pytest.raises(KeeperFull, match="2 descriptors"):
        put_instead(keeper, iter(items), known={name_of(3), name_of(4)})
    assert keeper.said == [f"remove {name_of(4)}", f"put {name_of(1)}", f"put {name_of(3)}"]
