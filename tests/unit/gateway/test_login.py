"""The routes of people's credentials: in headers alone, and open to no page of another site."""

import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.door import Door, open_door
from tests.unit.access.oidc.lying import ISSUER, OTHER_KEY, signed
from tests.unit.access.oidc.test_issuer import JOB, job_issuer
from tests.unit.broker.test_exchange import RULE
from whale.access.federation.live import LiveFederation
from whale.access.oidc.issuer import Issuer
from whale.access.tokens import create_token
from whale.engine.fake import FakeEngine
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


async def test_without_rules_no_token_of_a_job_is_exchanged(door: Door) -> None:
    for token in ("a.b.c", door.token):
        status, body = await post(door, "exchange", token)
        assert (status, body["error"]["code"]) == (404, "login.no_federation")
    assert (await post(door, "exchange"))[0] == 401
    assert (await post(door, "exchange?token=a.b.c"))[0] == 400


async def test_a_job_s_token_comes_in_the_header_alone(tmp_path: Path) -> None:
    now, lying, live = int(time.time()), job_issuer(), LiveFederation()
    live.replace([RULE], {ISSUER: Issuer(ISSUER, lying)})
    job = signed(JOB | {"iat": now, "nbf": now, "exp": now + 300})
    engine = FakeEngine.from_url("fake://web", name="local")
    async with open_door(engine, tmp_path / "state", federation=live) as door:
        assert (await post(door, "exchange", json={"subject_token": job}))[0] == 401
        assert (await post(door, "exchange", data={"subject_token": job}))[0] == 401
        assert (await post(door, f"exchange?subject_token={job}"))[0] == 400
        assert (await post(door, "exchange", job, headers={"Origin": "https://evil.example"}))[0] == 403
        status, body = await post(door, "exchange", job)
        assert status == 200
        kind = "urn:ietf:params:oauth:token-type:access_token"
        access = body.pop("access_token")
        assert body == {"name": "deploy", "expires_in": 600, "token_type": "Bearer", "issued_token_type": kind}
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {access}"}) as session,
            session.get(door.url + "/1.0/containers") as answer,
        ):
            assert answer.status == 200
        for shown in (job, signed(JOB, OTHER_KEY), "x" * 8100, access):
            status, body = await post(door, "exchange", shown)
            assert status == 401 if shown != access else status in (401, 403)
            assert shown not in str(body)
    await engine.aclose()
