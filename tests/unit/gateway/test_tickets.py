"""Tickets at the door: made over HTTP, shown in a WebSocket's handshake."""

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.door import Door
from tests.wire_client import WireClient
from whale.model.exec import ExecSpec

HERE = "https://whale.example"


async def ticket(door: Door, *, origin: str = HERE, purpose: str = "?purpose=shell") -> str:
    headers = {**door.headers, **({"Origin": origin} if origin else {})}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{door.url}/1.0/tickets{purpose}") as answer,
    ):
        body = await answer.json()
        assert (answer.status, body["expires"], answer.headers["Cache-Control"]) == (200, 30.0, "no-store")
        return str(body["ticket"])


async def opened(door: Door, *offered: str, origin: str = HERE, **headers: str) -> str:
    """Run something with what is offered as subprotocols; return who it was for the server."""
    async with connect(
        f"ws://127.0.0.1:{door.port}/1.0/shell",
        subprotocols=list(offered),  # type: ignore[arg-type]  # a NewType of theirs
        origin=origin or None,  # type: ignore[arg-type]
        additional_headers=headers,
        compression=None,
    ) as transport:
        assert transport.subprotocol == "whale.v1", "a ticket is never chosen"
        client = WireClient(transport)
        await client.open("web", ExecSpec(command=("true",)))
        assert client.opened is not None
        [session] = [s for s in door.registry.sessions() if s.id == client.opened.session]
        await client.finish()
        return session.owner


async def refused(door: Door, *offered: str, origin: str = HERE, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await opened(door, *offered, origin=origin, **headers)
    return caught.value.response.status_code


async def test_a_browser_gets_in_with_one_once(door: Door) -> None:
    text = await ticket(door)
    assert await opened(door, "whale.v1", text) == "alice"
    assert await refused(door, "whale.v1", text) == 401
    assert await opened(door, await ticket(door), "whale.v1") == "alice", "in any order"


async def test_from_elsewhere_and_from_no_browser_it_is_worth_nothing(door: Door) -> None:
    for origin in ("https://evil.example", "null", ""):
        text = await ticket(door)
        assert await refused(door, "whale.v1", text, origin=origin) == 401
        assert await refused(door, "whale.v1", text) == 401, "and used up"
    assert await opened(door, "whale.v1", await ticket(door, origin=""), origin="") == "alice"


async def test_it_is_no_second_way_beside_another(door: Door) -> None:
    first, second = await ticket(door), await ticket(door)
    assert await refused(door, "whale.v1", first, Authorization=f"Bearer {door.token}") == 401
    assert await refused(door, "whale.v1", first, second) == 401
    assert await refused(door, "whale.v1", door.token) == 401, "a token is no ticket"
    assert await opened(door, "whale.v1", first) == "alice", "nobody has looked at it"


async def test_it_opens_nothing_else(door: Door) -> None:
    text = await ticket(door)
    headers = {"Sec-WebSocket-Protocol": f"whale.v1, {text}", "Origin": HERE}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in ("/1.0/sessions", "/1.0/version", "/1.0/shell/", "/metrics"):
            async with session.get(door.url + path) as answer:
                assert answer.status == 401, path
        bearer = {"Authorization": f"Bearer {text}"}
        async with session.get(door.url + "/1.0/version", headers=bearer) as answer:
            assert answer.status == 401
        async with session.get(
            f"{door.url}/1.0/shell?ticket={text}", headers={"Sec-WebSocket-Protocol": "x"}
        ) as answer:
            assert answer.status == 401


async def test_it_dies_with_the_credential_it_was_made_with(door: Door) -> None:
    text = await ticket(door)
    await door.tokens.revoke("alice", at=1)
    assert await refused(door, "whale.v1", text) == 401


async def test_what_it_is_for_has_to_be_said(door: Door) -> None:
    async with aiohttp.ClientSession(headers=door.headers) as session:
        for query in ("", "?purpose=", "?purpose=root", "?purpose=shell&a=b", "?purpose=shell&purpose=shell"):
            async with session.post(f"{door.url}/1.0/tickets{query}") as answer:
                assert answer.status == 400, query
