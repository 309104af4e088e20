"""Credentials first, then the origin, then anything else."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.door import Door, add_token, open_door
from tests.look_alikes import ALLOWED, FOREIGN
from whale.engine.fake import FakeEngine
from whale.gateway import rest
from whale.model.limits import AUTH_FAILURES
from whale.model.principal import Principal


async def get(door: Door, path: str, headers: list[tuple[str, str]]) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(door.url + path, headers=headers) as answer:
        body = await answer.json() if answer.content_type == "application/json" else {}
        return answer.status, body.get("error", {}).get("code", "")


@pytest.mark.parametrize("origin", FOREIGN)
async def test_foreign_and_look_alike_origins_are_refused(door: Door, origin: str) -> None:
    headers = [*door.headers.items(), ("Origin", origin)]
    assert await get(door, "/1.0/version", headers) == (403, "access.origin")
    upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", "whale.v1")]
    assert await get(door, "/1.0/shell", [*headers, *upgrade]) == (403, "access.origin")


async def test_an_allowed_origin_and_none_at_all_pass(door: Door) -> None:
    headers = list(door.headers.items())
    assert await get(door, "/1.0/version", headers) == (200, "")
    assert await get(door, "/1.0/version", [*headers, ("Origin", ALLOWED)]) == (200, "")


async def test_who_asks_is_known_with_its_address(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    async def containers(broker: object, principal: Principal, *, all: bool) -> list[object]:
        seen.append((principal.name, principal.groups, principal.address))
        return []

    monkeypatch.setattr("whale.broker.broker.Broker.containers", containers)
    token = await add_token(door.tokens, "bob", groups=("team-x",))
    forged = [("Authorization", f"Bearer {token}"), ("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")]
    assert await get(door, "/1.0/containers", forged) == (200, "")
    assert seen == [("bob", ("team-x",), "127.0.0.1")]


async def test_a_trusted_proxy_says_where_it_comes_from(engine: FakeEngine, tmp_path: Path) -> None:
    async with open_door(engine, tmp_path / "behind", trusted_proxies=("127.0.0.0/8",), audit=True) as door:
        via = [*door.headers.items(), ("X-Forwarded-For", "198.51.100.66, 203.0.113.5")]
        assert await get(door, "/1.0/containers", via) == (200, "")
        seen: list[str] = []
        async with asyncio.timeout(5), aiohttp.ClientSession(headers=door.headers) as session:
            while not seen:  # it is written after the answer
                async with session.get(door.url + "/1.0/audit?action=list") as answer:
                    seen = [event["source"] for event in (await answer.json())["events"]]
        assert seen == ["203.0.113.5"]


async def test_guessing_is_told_to_wait_and_nobody_else_is(engine: FakeEngine, tmp_path: Path) -> None:
    async with open_door(engine, tmp_path / "behind", trusted_proxies=("127.0.0.0/8",)) as door:
        wrong = [("Authorization", "Bearer wrong"), ("X-Forwarded-For", "203.0.113.5")]
        for _ in range(AUTH_FAILURES):
            assert await get(door, "/1.0/version", wrong) == (401, "auth.invalid")
        async with aiohttp.ClientSession() as session, session.get(door.url + "/1.0/shell", headers=wrong) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
            assert (await answer.json())["error"]["code"] == "auth.limited"
        assert await get(door, "/healthz", wrong[1:]) == (200, "")
        elsewhere = [*door.headers.items(), ("X-Forwarded-For", "203.0.113.6")]
        assert await get(door, "/1.0/version", elsewhere) == (200, "")


async def test_two_origins_are_refused_even_if_both_are_allowed(door: Door) -> None:
    headers = [*door.headers.items(), ("Origin", ALLOWED), ("Origin", ALLOWED)]
    assert await get(door, "/1.0/version", headers) == (403, "access.origin")


async def test_a_cookie_needs_an_origin(door: Door) -> None:
    headers = [*door.headers.items(), ("Cookie", "session=1")]
    assert await get(door, "/1.0/version", headers) == (403, "access.origin")
    assert await get(door, "/1.0/version", [*headers, ("Origin", ALLOWED)]) == (200, "")


async def test_a_cookie_or_a_parameter_is_no_credential(door: Door) -> None:
    assert await get(door, "/1.0/version", [("Cookie", f"token={door.token}"), ("Origin", ALLOWED)]) == (
        401,
        "auth.missing",
    )
    for name in ("token", "access_token", "authorization"):
        assert await get(door, f"/1.0/version?{name}={door.token}", []) == (401, "auth.missing")


async def test_two_credentials_are_none(door: Door) -> None:
    headers = [*door.headers.items(), ("Authorization", "Bearer x")]
    assert await get(door, "/1.0/version", headers) == (401, "auth.missing")


async def test_expired_and_revoked_tokens_are_refused_at_once(door: Door) -> None:
    expired = await add_token(door.tokens, "expired", expires_in=-1)
    assert await get(door, "/1.0/version", [("Authorization", f"Bearer {expired}")]) == (401, "auth.invalid")
    revoked = await add_token(door.tokens, "revoked")
    headers = [("Authorization", f"Bearer {revoked}")]
    assert await get(door, "/1.0/version", headers) == (200, "")
    await door.tokens.revoke("revoked", at=1)
    assert await get(door, "/1.0/version", headers) == (401, "auth.invalid")


async def test_a_fault_is_one_word_outside(
    door: Door, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(code: str) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(rest, "EngineBody", broken)
    async with (
        aiohttp.ClientSession(headers=door.headers) as session,
        session.get(door.url + "/1.0/version") as answer,
    ):
        assert answer.status == 500
        assert "secret" not in await answer.text()


async def test_unknown_addresses_are_404_with_the_same_shape(door: Door) -> None:
    assert await get(door, "/nope", list(door.headers.items())) == (404, "not_found")
