"""The items of a keeper: the bound, and that every descriptor is closed once it is let go."""

import os

from tests.unit.keeper.conftest import name_of
from whale.keeper.shelf import Shelf


def copies(descriptor: int, count: int) -> tuple[int, ...]:
    return tuple(os.dup(descriptor) for _ in range(count))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_keeps_and_lets_go(pipe: tuple[int, int]) -> None:
    shelf = Shelf(capacity=10)
    first, second = copies(pipe[0], 2), copies(pipe[0], 3)
    assert shelf.put(name_of(1), first)
    assert shelf.put(name_of(2), second)
    assert (len(shelf), shelf.held) == (2, 5)
    assert shelf.names() == [name_of(1), name_of(2)]
    assert shelf.get(name_of(2)) == second
    shelf.remove(name_of(1))
    assert not any(map(is_open, first))
    assert all(map(is_open, second))
    assert shelf.get(name_of(1)) == ()
    shelf.remove(name_of(1))
    assert (len(shelf), shelf.held) == (1, 3)
    shelf.close()
    assert not any(map(is_open, second))
    assert (len(shelf), shelf.held) == (0, 0)


def test_a_second_item_of_a_name_replaces_the_first(pipe: tuple[int, int]) -> None:
    shelf = Shelf(capacity=3)
    first, second = copies(pipe[0], 3), copies(pipe[0], 2)
    assert shelf.put(name_of(1), first)
    assert shelf.put(name_of(1), second)
    assert not any(map(is_open, first))
    assert (shelf.get(name_of(1)), shelf.held) == (second, 2)
    shelf.close()


def test_what_does_not_fit_is_closed_and_so_is_what_it_replaces(pipe: tuple[int, int]) -> None:
    shelf = Shelf(capacity=4)
    other, first, second = copies(pipe[0], 2), copies(pipe[0], 2), copies(pipe[0], 3)
    assert shelf.put(name_of(1), other)
    assert shelf.put(name_of(2), first)
    assert not shelf.put(name_of(2), second)
    assert not any(map(is_open, (*first, *second)))
    assert shelf.names() == [name_of(1)]
    assert all(map(is_open, other))
    assert shelf.held == 2
    shelf.close()
