"""The route that searches the trail: for those who may, and never without a trace."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.door import Door, open_door
from tests.engines import TIMEOUT
from tests.wire_client import connected
from whale.audit.event import AuditEvent, encode_event, hash_of
from whale.engine.fake import FakeEngine
from whale.model.exec import ExecSpec


@pytest.fixture
async def archive(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(engine, tmp_path / "archive", audit=True) as opened:
        yield opened


async def ask(door: Door, **query: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(headers=door.headers) as session,
        session.get(f"{door.url}/1.0/audit", params=query) as answer,
    ):
        return answer.status, await answer.json()


async def events(door: Door, **query: str) -> list[dict[str, Any]]:
    status, body = await ask(door, **query)
    assert status == 200
    found: list[dict[str, Any]] = body["events"]
    return found


async def at_least(count: int, door: Door, **query: str) -> list[dict[str, Any]]:
    """Ask until there are so many: most events are written soon, and not at once."""
    async with asyncio.timeout(TIMEOUT):
        while len(found := await events(door, **query)) < count:
            pass
    return found


async def test_nobody_may_unless_it_is_set(door: Door) -> None:
    status, body = await ask(door)
    assert (status, body["error"]["code"]) == (403, "access.denied")
    assert "policy.audit" in body["error"]["hint"]


async def test_finds_what_was_asked_and_from_where(archive: Door) -> None:
    async with connected(archive) as client:
        await client.open("web", ExecSpec(("true",)))
        await client.finish()
    async with aiohttp.ClientSession() as session, session.get(f"{archive.url}/1.0/version") as answer:
        assert answer.status == 401
    (opened,) = await events(archive, kind="session.opened", principal="alice", container="web", since="1h")
    assert (opened["command"], opened["source"], opened["action"]) == (["true"], "127.0.0.1", "exec")
    (refused,) = await at_least(1, archive, text="auth.missing")
    assert (refused["kind"], refused["source"]) == ("auth.refused", "127.0.0.1")
    assert await at_least(3, archive, action="audit.read"), "who reads leaves a trace"
    assert await events(archive, until="2020-01-01") == []


async def test_pages_backwards_and_proves_itself(archive: Door) -> None:
    await at_least(5, archive)
    last = await events(archive, limit="2")
    before = await events(archive, limit="2", before=str(last[0]["seq"]))
    assert [event["seq"] for event in (*before, *last)] == list(range(before[0]["seq"], before[0]["seq"] + 4))
    for one, next in zip([*before, *last], [*before, *last][1:], strict=False):
        assert hash_of(encode_event(msgspec.convert(one, AuditEvent))) == next["previous"]


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"since": "soon"}, {"before": "-1"}, {"who": "a"}]
)
async def test_refuses_what_it_does_not_know(archive: Door, query: dict[str, str]) -> None:
    status, body = await ask(archive, **query)
    assert (status, body["error"]["code"]) == (400, "usage")
