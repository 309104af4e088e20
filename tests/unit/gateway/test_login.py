"""The routes of people's credentials: in headers alone, and open to no page of another site."""

import time
from typing import Any

import aiohttp
import pytest

from tests.door import Door
from whale.access.tokens import create_token
from whale.store.users import UserRow, UserTable


async def link(door: Door, name: str = "bob") -> str:
    users, now = UserTable(door.database), int(time.time())
    made = create_token()
    await users.add(UserRow(f"u-{name}", name, now, ("team-x",)))
    await users.put_enrolment(f"u-{name}", id=made.id, digest=made.digest, expires=now + 60)
    return made.text.reveal()


async def post(door: Door, path: str, token: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{door.url}/1.0/login/{path}", headers=headers | more.pop("headers", {}), **more) as answer,
    ):
        assert answer.status == 204 or answer.headers["Cache-Control"] == "no-store"
        return answer.status, (await answer.json() if answer.status != 204 else {})


async def test_from_a_link_to_the_end(door: Door) -> None:
    status, body = await post(door, "enrol", await link(door))
    assert (status, body["user"], body["token_type"], body["expires_in"]) == (200, "bob", "Bearer", 900)
    status, again = await post(door, "refresh", body["refresh_token"])
    assert status == 200
    assert again["refresh_token"] != body["refresh_token"]
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {again['access_token']}"}) as session,
        session.get(door.url + "/1.0/containers") as answer,
    ):
        assert answer.status == 200
    assert await post(door, "logout", again["refresh_token"]) == (204, {})
    assert (await post(door, "refresh", again["refresh_token"]))[0] == 401


@pytest.mark.parametrize("path", ["enrol", "refresh", "logout"])
async def test_without_the_right_credential_it_is_401(door: Door, path: str) -> None:
    unknown = create_token().text.reveal()
    for token in ("", "x", unknown, door.token):
        status, body = await post(door, path, token)
        assert (status, body["error"]["code"]) == (401, "auth.missing" if not token else "auth.invalid")
    assert (await post(door, path, json={"refresh_token": unknown}))[0] == 401
    status, body = await post(door, f"{path}?token={unknown}")
    assert status == 400


@pytest.mark.parametrize("path", ["enrol", "refresh", "logout"])
async def test_pages_of_other_sites_may_not(door: Door, path: str) -> None:
    token = await link(door)
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Cookie": "a=b"}):
        status, body = await post(door, path, token, headers=headers)
        assert (status, body["error"]["code"]) == (403, "access.origin")
    assert (await post(door, "enrol", token))[0] == 200


async def test_two_credentials_are_none(door: Door) -> None:
    token = await link(door)
    async with aiohttp.ClientSession() as session:
        headers = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]
        async with session.post(door.url + "/1.0/login/enrol", headers=headers) as answer:
            assert answer.status == 401
