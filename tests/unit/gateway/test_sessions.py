"""The routes of sessions, over HTTP."""

import asyncio
from typing import Any

import aiohttp

from tests.door import Door, add_token
from tests.wire_client import DEADLINE, connected
from whale.model.exec import ExecSpec
from whale.model.terminal import TerminalSize

SHELL = ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=100, rows=30))
KEY = "5f" * 16


async def ask(door: Door, path: str, *, method: str = "GET", token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token or door.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, door.url + path) as answer,
    ):
        return answer.status, await answer.json() if answer.content_length else None


async def test_lists_what_there_is_to_know(door: Door) -> None:
    assert await ask(door, "/1.0/sessions") == (200, {"sessions": []})
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=KEY)
        status, body = await ask(door, "/1.0/sessions")
        [session] = body["sessions"]
        assert status == 200
        assert (session["container"]["name"], session["user"], session["tty"]) == ("web", "alice", True)
        assert (session["state"], session["status"], session["reason"]) == ("running", None, "")
        assert session["size"] == {"cols": 100, "rows": 30}
        assert [(a["user"], a["role"], a["connected"]) for a in session["attached"]] == [("alice", "controller", True)]
        assert 0 <= session["idle"] < 60
        assert await ask(door, f"/1.0/sessions/{session['id']}") == (200, session | {"idle": _any()})


class _any:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


async def test_kills(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=KEY)
        assert client.opened is not None
        assert await ask(door, f"/1.0/sessions/{client.opened.session[:8]}", method="DELETE") == (204, None)
        await client.finish()
        assert client.status is not None
        assert client.status.status == (None, "session.killed")
        async with asyncio.timeout(DEADLINE):
            await door.registry.wait_empty()


async def test_those_of_others_are_not_there(door: Door) -> None:
    bob = await add_token(door.tokens, "bob")
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=KEY)
        assert client.opened is not None
        path = f"/1.0/sessions/{client.opened.session}"
        assert await ask(door, "/1.0/sessions", token=bob) == (200, {"sessions": []})
        for method in ("GET", "DELETE"):
            status, body = await ask(door, path, method=method, token=bob)
            assert (status, body["error"]["code"]) == (404, "session.not_found")
            assert (await ask(door, "/1.0/sessions/nothing", method=method, token=bob)) == (status, body)


async def test_how_one_ended(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("sh", "-c", "exit 4")), attachment=KEY)
        while client.status is None:
            await client.step()
        _, body = await ask(door, "/1.0/sessions")
        assert [(one["state"], one["status"]) for one in body["sessions"]] == [("ended", 4)]
