"""The plain routes, over HTTP."""

import asyncio

import aiohttp
import pytest

from tests.door import Door
from whale.engine.fake import FakeEngine
from whale.gateway import rest
from whale.model.container import ContainerState
from whale.model.errors import WhaleError
from whale.store.database import Database


async def fetch(door: Door, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession(headers=door.headers) as session,
        session.get(door.url + path, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


async def fetch_json(door: Door, path: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession(headers=door.headers) as session, session.get(door.url + path) as answer:
        return answer.status, await answer.json()


async def test_version_names_the_engines(door: Door, engine: FakeEngine) -> None:
    status, body = await fetch_json(door, "/1.0/version")
    assert (status, body["api"]) == (200, "1.0")
    assert body["engines"] == [{"name": "local", "kind": "fake", "version": "1.0"}]
    engine.go_down()
    assert (await fetch_json(door, "/1.0/version"))[1]["engines"] == []


async def test_lists_running_containers_and_all(door: Door, engine: FakeEngine) -> None:
    engine.add_container("old", state=ContainerState.EXITED)
    _, body = await fetch_json(door, "/1.0/containers")
    assert [c["name"] for c in body["containers"]] == ["db", "web"]  # type: ignore[attr-defined]
    _, body = await fetch_json(door, "/1.0/containers?all=true")
    found = {c["name"]: c["state"] for c in body["containers"]}  # type: ignore[attr-defined]
    assert found == {"db": "running", "old": "exited", "web": "running"}


@pytest.mark.parametrize("query", ["all=yes", "all=1", "all=", "al=true", "all=true&all=true", "token=x"])
async def test_parameters_are_checked(door: Door, query: str) -> None:
    status, body = await fetch_json(door, f"/1.0/containers?{query}")
    assert (status, body["error"]["code"]) == (400, "usage")  # type: ignore[index]


async def test_an_engine_that_is_down_is_503_and_comes_back(door: Door, engine: FakeEngine) -> None:
    engine.go_down()
    status, body = await fetch_json(door, "/1.0/containers")
    assert (status, body["error"]["code"]) == (503, "engine.unavailable")  # type: ignore[index]
    assert await fetch(door, "/readyz") == (503, b"engine unavailable\n")
    assert await fetch(door, "/healthz") == (200, b"ok\n")
    engine.come_back()
    assert (await fetch_json(door, "/1.0/containers"))[0] == 200
    assert await fetch(door, "/readyz") == (200, b"ok\n")


async def test_is_not_ready_without_its_database(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Database) -> None:
        raise WhaleError("a planted fault at /a/path", code="server.database")

    async def hang(_: Database) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(rest, "STORE_TIMEOUT", 0.05)
    for broken in (fail, hang):
        with monkeypatch.context() as patch:
            patch.setattr(Database, "ping", broken)
            assert await fetch(door, "/readyz") == (503, b"database unavailable\n")
    assert await fetch(door, "/readyz") == (200, b"ok\n")


async def test_is_not_ready_while_it_stops(door: Door) -> None:
    door.registry.stop_accepting(message="bye")
    assert await fetch(door, "/readyz") == (503, b"stopping\n")


async def test_metrics_count_sessions(door: Door) -> None:
    _, body = await fetch(door, "/metrics")
    assert b"whale_sessions 0.0" in body
