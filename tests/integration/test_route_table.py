"""Every route and every way to be nobody there: without, with wrong, with spent and with other people's credentials.

The routes are asked from the application itself. One that has no entry here fails the build, and one that is open by
design says so here and nowhere else.
"""

import itertools
from collections.abc import AsyncIterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from tests.door import Door, add_token, open_door
from tests.look_alikes import ALLOWED, FOREIGN
from tests.unit.policy.worlds import rules
from tests.wire_client import WireClient, connected
from whale.access.tokens import create_token
from whale.engine.fake import FakeEngine
from whale.gateway.guard import LOGIN_PATHS, OPEN_PATHS, PAGE_PATHS
from whale.model.exec import ExecSpec
from whale.model.outcomes import OUTCOMES
from whale.model.terminal import TerminalSize
from whale.recording.text import LineKind, SpokenLine

SHELL = ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=80, rows=24))
KEY = "5f" * 16
ALICE_ALONE = '@id("alice") permit(principal == Machine::"alice", action, resource);'


class Others(Enum):
    """What somebody else, whose credential is good, is answered."""

    OPEN = "open by design, also without a credential: one word"
    SAME = "the same as anybody: there is nothing of anybody's in it"
    NOTHING = "an answer without anything of alice's"
    NOT_FOUND = "404, as for what does not exist"
    DENIED = "403: it is no secret that there is such a thing"
    SOCKET = "a WebSocket; what is asked for on it is not found"
    LOGIN = "401: it takes a credential that is good for nothing else, and no other"
    PROVIDER = "a login by browser, or of a job; without an identity provider or rules there is none, whoever asks"


class Route(NamedTuple):
    others: Others
    example: str = ""
    """The path with its parameters, where it is not the canonical one. `{session}`, which is also the id of its
    recording, and `{web}` are alice's."""


TABLE = {
    ("GET", "/1.0/shell"): Route(Others.SOCKET),
    ("GET", "/1.0/version"): Route(Others.SAME),
    ("GET", "/1.0/can"): Route(Others.NOT_FOUND, "/1.0/can?action=shell&name={web}"),
    ("GET", "/1.0/containers"): Route(Others.NOTHING),
    ("GET", "/1.0/containers/{reference}/logs"): Route(Others.NOT_FOUND, "/1.0/containers/{web}/logs"),
    ("GET", "/1.0/sessions"): Route(Others.NOTHING),
    ("GET", "/1.0/sessions/{reference}"): Route(Others.NOT_FOUND, "/1.0/sessions/{session}"),
    ("DELETE", "/1.0/sessions/{reference}"): Route(Others.NOT_FOUND, "/1.0/sessions/{session}"),
    ("GET", "/1.0/approvals"): Route(Others.NOTHING),
    ("POST", "/1.0/approvals/{id}/allow"): Route(Others.NOT_FOUND, "/1.0/approvals/0123456789ab/allow"),
    ("POST", "/1.0/approvals/{id}/deny"): Route(Others.NOT_FOUND, "/1.0/approvals/0123456789ab/deny"),
    ("GET", "/1.0/recordings"): Route(Others.NOTHING),
    ("GET", "/1.0/recordings/search"): Route(Others.NOTHING, "/1.0/recordings/search?q=alice"),
    ("GET", "/1.0/recordings/{reference}"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}"),
    ("GET", "/1.0/recordings/{reference}/events"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}/events"),
    ("GET", "/1.0/recordings/{reference}/chunks/{number}"): Route(
        Others.NOT_FOUND, "/1.0/recordings/{session}/chunks/0"
    ),
    ("GET", "/1.0/recordings/{reference}/proof"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}/proof"),
    ("DELETE", "/1.0/recordings/{reference}"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}"),
    ("PUT", "/1.0/recordings/{reference}/hold"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}/hold"),
    ("DELETE", "/1.0/recordings/{reference}/hold"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}/hold"),
    ("PUT", "/1.0/recordings/{reference}/label"): Route(Others.NOT_FOUND, "/1.0/recordings/{session}/label?name=x"),
    ("POST", "/1.0/tickets"): Route(Others.SAME, "/1.0/tickets?purpose=shell"),
    ("GET", "/1.0/audit"): Route(Others.DENIED),
    ("POST", "/1.0/login/enrol"): Route(Others.LOGIN),
    ("POST", "/1.0/login/refresh"): Route(Others.LOGIN),
    ("POST", "/1.0/login/logout"): Route(Others.LOGIN),
    ("POST", "/1.0/login/exchange"): Route(Others.PROVIDER),
    ("POST", "/1.0/login/device"): Route(Others.PROVIDER),
    ("POST", "/1.0/login/device/token"): Route(Others.PROVIDER),
    ("GET", "/login"): Route(Others.PROVIDER),
    ("POST", "/login"): Route(Others.PROVIDER),
    ("GET", "/login/callback"): Route(Others.PROVIDER),
    ("POST", "/login/confirm"): Route(Others.PROVIDER),
    ("GET", "/healthz"): Route(Others.OPEN),
    ("GET", "/readyz"): Route(Others.OPEN),
    ("GET", "/metrics"): Route(Others.SAME),
}
"""One entry for each route: a new one is thought about here."""

DEVICE_TOKEN, WELL_FORMED = ("POST", "/1.0/login/device/token"), ("unknown", "expired", "revoked")
EXCHANGE, BEARERS = ("POST", "/1.0/login/exchange"), (*WELL_FORMED, "not a token", "damaged")
NO_PROVIDER = OUTCOMES["login.no_provider"].http
assert OUTCOMES["login.no_federation"].http == NO_PROVIDER
ASKED_FIRST = {key for key, route in TABLE.items() if route.others not in (Others.OPEN, Others.LOGIN, Others.PROVIDER)}
"""Where the guard asks who it is before anything else."""

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": "whale.v1",
}


class World(NamedTuple):
    """Alice has a session in the container web; bob has a credential and no rights."""

    door: Door
    client: WireClient
    session: str
    web: str
    bob: str

    def path(self, key: tuple[str, str]) -> str:
        return (TABLE[key].example or key[1]).format(session=self.session, web=self.web)

    async def ask(self, key: tuple[str, str], headers: dict[str, str]) -> tuple[int, str]:
        url = self.door.url + self.path(key)
        async with aiohttp.ClientSession() as client, client.request(key[0], url, headers=headers) as answer:
            return answer.status, await answer.text()

    def is_untouched(self) -> bool:
        [session] = self.door.registry.sessions()
        is_recorded = self.session in self.door.shelf.lines
        return is_recorded and not session.is_over and len(session.audience.members) == 1


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = FakeEngine.from_url("fake://web", name="local")
    async with open_door(engine, tmp_path / "state", origins=frozenset({ALLOWED})) as door:
        door.policy.replace(rules(ALICE_ALONE))
        async with connected(door) as client:
            await client.open("web", SHELL, attachment=KEY)
            assert client.opened is not None
            [container] = await engine.containers(all=True)
            await door.record(client.opened.session)
            spoken = SpokenLine(0, LineKind.SCREEN, f"alice in {container.id}")
            door.shelf.spoken[client.opened.session] = [spoken]
            yield World(door, client, client.opened.session, container.id, await add_token(door.tokens, "bob"))
    await engine.aclose()


async def bad_credentials(world: World) -> dict[str, dict[str, str]]:
    """Headers that prove nothing, by what is wrong with them."""
    tokens = world.door.tokens
    spent = await add_token(tokens, "spent", expires_in=-1)
    revoked = await add_token(tokens, "revoked")
    await tokens.revoke("revoked", at=1)
    unknown = create_token().text.reveal()
    right = world.door.token
    return {
        "none": {},
        "empty": {"Authorization": ""},
        "not a token": {"Authorization": "Bearer x"},
        "another scheme": {"Authorization": f"Basic {right}"},
        "no scheme": {"Authorization": right},
        "unknown": {"Authorization": f"Bearer {unknown}"},
        "damaged": {"Authorization": f"Bearer {right[:-1]}{'A' if right[-1] != 'A' else 'B'}"},
        "expired": {"Authorization": f"Bearer {spent}"},
        "revoked": {"Authorization": f"Bearer {revoked}"},
        "in a cookie": {"Cookie": f"token={right}; session={right}", "Origin": ALLOWED},
        "in another header": {"X-Whale-Token": right, "Proxy-Authorization": f"Bearer {right}"},
        "as a subprotocol": {"Sec-WebSocket-Protocol": f"whale.v1, {right}"},
        "from here, it says": {"Host": "localhost", "X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
    }


async def test_every_route_has_its_entry_and_no_other(world: World) -> None:
    found = {
        (route.method, route.resource.canonical)
        for route in world.door.app.router.routes()
        if route.resource is not None
    }
    assert found == set(TABLE)
    assert {path for (_, path), route in TABLE.items() if route.others is Others.OPEN} == OPEN_PATHS
    logins = (Others.LOGIN, Others.PROVIDER)
    assert {path for (_, path), route in TABLE.items() if route.others in logins} == LOGIN_PATHS | PAGE_PATHS


async def test_who_proves_nothing_gets_401_everywhere(world: World) -> None:
    for (name, headers), key in itertools.product((await bad_credentials(world)).items(), TABLE):
        expected = {Others.OPEN: 200, Others.PROVIDER: NO_PROVIDER}.get(TABLE[key].others, 401)
        if (key == DEVICE_TOKEN and name not in WELL_FORMED) or (key == EXCHANGE and name not in BEARERS):
            expected = 401  # who shows nothing is told that first
        for more in ({}, UPGRADE):
            status, body = await world.ask(key, {**more, **headers})
            assert status == expected, (name, key, "upgrade" if more else "plain")
            assert world.session not in body, (name, key)
            assert world.door.token not in body, (name, key)
    assert world.is_untouched()


async def test_a_credential_in_the_address_is_none(world: World) -> None:
    url = world.door.url
    async with aiohttp.ClientSession() as client:
        for (method, path), name in itertools.product(TABLE, ("token", "access_token", "authorization", "ticket")):
            example = world.path((method, path))
            joined = f"{url}{example}{'&' if '?' in example else '?'}{name}={world.door.token}"
            async with client.request(method, joined) as answer:
                expected = (401,) if (method, path) in ASKED_FIRST else (400, NO_PROVIDER)
                assert answer.status in expected, (method, path, name)


@pytest.mark.parametrize("key", [key for key, route in TABLE.items() if route.others is not Others.SOCKET])
async def test_other_peoples_things_are_not_there(world: World, key: tuple[str, str]) -> None:
    headers = {"Authorization": f"Bearer {world.bob}"}
    status, body = await world.ask(key, headers)
    by_kind = {Others.NOT_FOUND: 404, Others.DENIED: 403, Others.LOGIN: 401, Others.PROVIDER: NO_PROVIDER}
    expected = by_kind.get(TABLE[key].others, 200)
    assert status == expected
    for of_alice in ("alice", world.session, world.web):
        assert of_alice not in body or of_alice in world.path(key), "what was asked for may be repeated"
    if TABLE[key].others is Others.NOT_FOUND:
        nowhere = world._replace(session="f" * len(world.session), web="f" * len(world.web))
        status, words = await nowhere.ask(key, headers)
        said = body.replace(world.session, nowhere.session).replace(world.web, nowhere.web)
        assert (status, words) == (404, said), "the same as for what does not exist"
    assert world.is_untouched()


async def test_and_not_over_the_socket(world: World) -> None:
    async with connected(world.door, token=world.bob) as client:
        await client.join(world.session)
        assert client.failure is not None
        assert client.failure.code == "session.not_found"
    async with connected(world.door, token=world.bob) as client:
        await client.open("web", SHELL)
        assert client.failure is not None
        assert client.failure.code == "target.not_found"
    async with connected(world.door, token=world.bob, going_on_with=world.client) as client:
        client.opened = None
        await client.attach()
        assert client.failure is not None
        assert client.failure.code == "session.gone"
    assert world.is_untouched()


async def test_look_alike_origins_open_no_socket_and_change_nothing(world: World) -> None:
    # The pages of a login look at the origin themselves, for their own one alone.
    looked_at = [key for key in TABLE if key[1] not in OPEN_PATHS | PAGE_PATHS]
    changing: list[tuple[tuple[str, str], dict[str, str]]] = [(key, {}) for key in looked_at if key[0] != "GET"]
    guarded = [(key, UPGRADE) for key in looked_at]
    for origin, (key, more) in itertools.product(FOREIGN, [*changing, *guarded]):
        status, body = await world.ask(key, {**world.door.headers, **more, "Origin": origin})
        assert (status, "access.origin" in body) == (403, True), (key, origin)
    for origin in FOREIGN:
        with pytest.raises(InvalidStatus) as refused:
            async with connected(world.door, headers={"Origin": origin}):
                raise AssertionError("it was let in")
        assert refused.value.response.status_code == 403
    assert world.is_untouched()


async def test_without_a_setting_no_origin_is_allowed(tmp_path: Path) -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    async with open_door(engine, tmp_path / "state") as door:
        for origin in (ALLOWED, door.url, f"http://localhost:{door.port}"):
            with pytest.raises(InvalidStatus) as refused:
                async with connected(door, headers={"Origin": origin}):
                    raise AssertionError("it was let in")
            assert refused.value.response.status_code == 403
        async with connected(door) as client:
            await client.open("web", ExecSpec(command=("true",)))
            assert client.opened is not None, "who is no browser sends none"
            await client.finish()
    await engine.aclose()


async def test_a_cookie_is_only_set_with_all_its_flags(world: World) -> None:
    async with aiohttp.ClientSession() as client:
        for key, headers in itertools.product(TABLE, ({}, world.door.headers, {"Authorization": "Bearer x"})):
            async with client.request(key[0], world.door.url + world.path(key), headers=headers) as answer:
                for cookie in answer.headers.getall("Set-Cookie", []):
                    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
                    assert {"secure", "httponly", "samesite=strict"} <= flags, key


async def test_a_fault_of_the_authenticator_lets_nobody_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: object, header: str | None) -> None:
        raise ZeroDivisionError

    async def silent(self: object, header: str | None) -> None:
        return None

    for fault in (broken, silent):
        monkeypatch.setattr("whale.access.authenticator.Authenticator.authenticate", fault)
        for key in ASKED_FIRST:
            status, body = await world.ask(key, world.door.headers)
            assert (status, world.session in body) == (500, False), (key, fault)
    assert world.is_untouched()
