"""Lists on their way out: what a client gets, and what others get meanwhile."""

import json
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.turns import turns_of_others
from whale.gateway.lists import list_response


def body(number: int) -> dict[str, object]:
    return {"number": number, "name": "ü" * 50}


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
async def test_a_client_gets_the_list_and_what_is_behind_it(count: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        return await list_response("found", range(count), body, next=None, more="ü")

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/")
        assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/json", "no-store")
        expected = {"found": [body(number) for number in range(count)], "next": None, "more": "ü"}
        assert await answer.json() == expected
        assert int(answer.headers["Content-Length"]) == len(await answer.read())


async def test_there_may_be_nothing_behind_it() -> None:
    response = await list_response("found", [1], body)
    assert json.loads(str(response.text)) == {"found": [body(1)]}


async def test_it_is_encoded_and_sent_in_between_what_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale.model.turns.SLICE", 0.0)
    response, given = await turns_of_others(list_response("found", range(2000), body))
    assert given > 2000
    assert isinstance(response, web.Response)
    writer = AsyncMock()
    _, given = await turns_of_others(response.body.write(writer))  # type: ignore[union-attr]
    sent = [call.args[0] for call in writer.write.await_args_list]
    assert given > len(sent) > 10
    assert max(map(len, sent)) < 20_000
    assert len(json.loads(b"".join(sent))["found"]) == 2000
