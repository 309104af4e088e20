"""Events posted to a real HTTP server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from whale.model.errors import TransportError
from whale.server.audit_http import HttpSink


class Receiver:
    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.tokens: list[str | None] = []
        self.status = 204
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-ndjson"
        self.bodies.append(await request.text())
        self.tokens.append(request.headers.get("Authorization"))
        headers = {"Location": "/elsewhere"} if self.status == 307 else {}
        return web.Response(status=self.status, headers=headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/events", made.take)
    app.router.add_post("/elsewhere", made.take)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/events"))
        yield made


async def test_posts_lines_with_the_token_of_the_moment(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    sink = HttpSink(receiver.url, token=lambda: file.read_text().strip())
    await sink.deliver(["a", "é"])
    file.write_text("two\n")
    await sink.deliver(["c"])
    await sink.aclose()
    await sink.aclose()
    assert receiver.bodies == ["a\né\n", "c\n"]
    assert receiver.tokens == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("status", [307, 400, 401, 413, 429, 500, 503])
async def test_only_a_success_takes_them(receiver: Receiver, status: int) -> None:
    receiver.status = status
    sink = HttpSink(receiver.url)
    with pytest.raises(TransportError) as refused:
        await sink.deliver(["a"])
    await sink.aclose()
    assert refused.value.detail == f"status {status}"
    assert receiver.bodies == ["a\n"], "a redirect is not followed"
    assert receiver.tokens == [None]


async def test_nobody_there_and_no_token_are_said(receiver: Receiver, tmp_path: Path) -> None:
    for sink in (HttpSink("http://127.0.0.1:1/"), HttpSink(receiver.url, token=(tmp_path / "none").read_text)):
        with pytest.raises(TransportError, match="nobody takes"):
            await sink.deliver(["a"])
        await sink.aclose()
