import asyncio

from whale.engine.fake import FakeContainer
from whale.model.container import ContainerState
from whale.model.exec import Stream


async def test_description() -> None:
    box = FakeContainer("web", image="shop/web")
    box.labels["team"] = "a"
    seen = box.describe("here")
    assert (seen.name, seen.image, seen.engine, seen.labels) == ("web", "shop/web", "here", {"team": "a"})
    assert len(seen.id) == 64
    assert seen.id == FakeContainer("web").id != FakeContainer("db").id


async def read(box: FakeContainer, *, follow: bool, tail: int | None = None) -> list[tuple[Stream, bytes]]:
    return [piece async for piece in box.read_log(follow=follow, tail=tail)]


async def test_log_and_its_tail() -> None:
    box = FakeContainer("web")
    box.write_log(b"one\n")
    box.write_log(b"two\n", Stream.STDERR)
    assert await read(box, follow=False) == [(Stream.STDOUT, b"one\n"), (Stream.STDERR, b"two\n")]
    assert await read(box, follow=False, tail=1) == [(Stream.STDERR, b"two\n")]
    assert await read(box, follow=False, tail=0) == []


async def test_following_ends_with_the_container() -> None:
    box = FakeContainer("web")
    box.write_log(b"one\n")
    async with asyncio.TaskGroup() as group:
        following = group.create_task(read(box, follow=True))
        await asyncio.sleep(0.01)
        box.write_log(b"two\n")
        await asyncio.sleep(0.01)
        box.halt(ContainerState.EXITED)
    assert [data for _, data in following.result()] == [b"one\n", b"two\n"]
    assert box.state is ContainerState.EXITED
    assert not box.is_removed
