"""What comes is read once, in threads that nobody has to wait for."""

import asyncio
import threading
from collections.abc import AsyncGenerator

import pytest

from tests.engines import eventually
from tests.recordings import MemoryLines
from whale.broker import tail
from whale.broker.tail import Flushes, follow_lines, read_lines

LINES = [b"one\n", b"two\n", b"three\n"]


async def all_of(pieces: AsyncGenerator[bytes, None]) -> list[bytes]:
    return [piece async for piece in pieces]


async def never() -> bool:
    return False


async def test_lines_are_read_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = MemoryLines(LINES)
    monkeypatch.setattr(tail, "PIECE", 8)
    assert await all_of(read_lines(lambda: lines)) == [b"one\ntwo\n", b"three\n"]
    assert lines.is_closed


async def test_what_can_not_be_opened_is_said_when_it_is_read() -> None:
    pieces = read_lines(lambda: MemoryLines({}["x"]))  # type: ignore[index]
    with pytest.raises(KeyError):
        await anext(pieces)


async def test_what_comes_is_followed_to_its_end() -> None:
    flushes, given, seen, is_over = Flushes(), list(LINES[:1]), list[bytes](), [False]
    lines = MemoryLines(given)

    async def over() -> bool:
        return is_over[0]

    async def follow() -> None:
        async for piece in follow_lines(lambda: lines, flushes.turns("r"), over):
            seen.append(piece)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow())
        await eventually(lambda: seen == LINES[:1], "the first line")
        given.append(LINES[1])
        flushes.flushed("another")
        flushes.flushed("r")
        await eventually(lambda: seen == LINES[:2], "the second line")
        given.append(LINES[2])
        is_over[0] = True
        flushes.flushed("r")
    assert seen == LINES
    assert lines.is_closed
    assert len(flushes) == 0


async def test_the_last_lines_are_read_after_the_end_was_seen() -> None:
    given = list(LINES[:1])

    async def over() -> bool:
        given.append(LINES[1])  # whoever writes was a moment faster
        return True

    assert b"".join(await all_of(follow_lines(lambda: MemoryLines(given), Flushes().turns("r"), over))) == b"one\ntwo\n"


async def test_nobody_has_to_say_that_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LOOK_INTERVAL", 0.01)
    turns = Flushes().turns("r")
    for _ in range(3):
        async with asyncio.timeout(5):
            await anext(turns)
    await turns.aclose()


async def test_a_flush_between_two_turns_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "LOOK_INTERVAL", 60)
    flushes = Flushes()
    turns = flushes.turns("r")
    await anext(turns)
    flushes.flushed("r")
    async with asyncio.timeout(5):
        await anext(turns)
    await turns.aclose()
    assert len(flushes) == 0


async def test_a_reader_that_goes_in_the_midst_of_a_read_leaves_no_file_open() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(MemoryLines):
        def read(self, size: int) -> bytes:
            entered.set()
            assert go_on.wait(10)
            return super().read(size)

    lines = Slow(LINES)

    async def read() -> None:
        await all_of(follow_lines(lambda: lines, Flushes().turns("r"), never))

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(read())
        await eventually(entered.is_set, "a thread at it")
        task.cancel()
        await asyncio.sleep(0)
        assert not lines.is_closed
        go_on.set()
    assert lines.is_closed


def test_a_thread_that_comes_too_late_opens_nothing() -> None:
    opened: list[MemoryLines] = []

    def open_lines() -> MemoryLines:
        opened.append(MemoryLines(LINES))
        return opened[-1]

    guarded = tail._Guarded(open_lines)
    guarded.close()
    assert (guarded.read(), opened) == (b"", [])
