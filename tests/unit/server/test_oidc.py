"""Asking over HTTP, of a server that does not behave."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.unit.client.certificates import ca_file, server_context
from whale.access.oidc.fetch import MAX_DOCUMENT
from whale.access.oidc.provider import Provider
from whale.model.errors import ConfigError, WhaleError
from whale.model.secret import Secret
from whale.server import oidc as room
from whale.server.config_oidc import OidcSection
from whale.server.oidc import HttpFetch, opened_provider


class Bad:
    """What it does is said by the path."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        await request.read()
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": f"{self.url}/fine"})
            case "/huge":
                return web.Response(body=b"x" * (MAX_DOCUMENT + 1))
            case "/bomb":
                return web.Response(body=gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": "gzip"})
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65_536)
            case "/slow":
                await asyncio.Event().wait()
            case "/hangup":
                assert request.transport is not None
                request.transport.abort()
            case "/503" | "/429":
                return web.Response(status=int(request.path[1:]))
        return web.Response(text="fine", headers={"Set-Cookie": "a=b"})


@pytest.fixture
async def bad() -> AsyncIterator[Bad]:
    made = Bad()
    app = web.Application()
    app.router.add_route("*", "/{path}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def fetch_of(provider: Provider) -> HttpFetch:
    assert isinstance(provider._fetch, HttpFetch)
    return provider._fetch


@pytest.fixture
async def fetch(bad: Bad) -> AsyncIterator[HttpFetch]:
    async with opened_provider(OidcSection(issuer=bad.url, client_id="whale")) as provider:
        yield fetch_of(provider)


async def test_what_is_sent(bad: Bad, fetch: HttpFetch) -> None:
    assert await fetch.get(f"{bad.url}/fine", token=Secret("t")) == (200, b"fine")
    assert await fetch.post(f"{bad.url}/fine", {"a": "b c"}, client=("we:us", Secret("s e/c"))) == (200, b"fine")
    assert await fetch.post(f"{bad.url}/fine", {}, client=None) == (200, b"fine")
    got, posted, public = bad.seen
    assert got.headers["Authorization"] == "Bearer t"
    auth = posted.headers["Authorization"]
    assert auth == "Basic d2UlM0F1czpzK2UlMkZj", "we%3Aus:s+e%2Fc"
    assert posted.content_type == "application/x-www-form-urlencoded"
    assert "Authorization" not in public.headers
    assert "Cookie" not in public.headers


async def test_no_redirect_is_followed(bad: Bad, fetch: HttpFetch) -> None:
    assert (await fetch.get(f"{bad.url}/redirect", token=Secret("t"))).status == 302
    assert len(bad.seen) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/huge", "login.failed"),
        ("/endless", "login.failed"),
        ("/slow", "login.unavailable"),
        ("/hangup", "login.unavailable"),
        ("/503", "login.unavailable"),
        ("/429", "login.unavailable"),
    ],
)
async def test_bad_answers(bad: Bad, monkeypatch: pytest.MonkeyPatch, path: str, code: str) -> None:
    monkeypatch.setattr(room, "PROVIDER_TIMEOUT", 0.5)
    async with opened_provider(OidcSection(issuer=bad.url, client_id="whale")) as provider:
        with pytest.raises(WhaleError) as caught:
            await fetch_of(provider).get(bad.url + path)
    assert caught.value.code == code


async def test_what_is_packed_stays_packed(bad: Bad, fetch: HttpFetch) -> None:
    assert len((await fetch.get(f"{bad.url}/bomb")).body) < MAX_DOCUMENT
    assert bad.seen[0].headers["Accept-Encoding"] == "identity"


async def test_nobody_there(fetch: HttpFetch) -> None:
    with pytest.raises(WhaleError) as caught:
        await fetch.get("http://127.0.0.1:1/")
    assert caught.value.code == "login.unavailable"


async def test_the_secret_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    settings = OidcSection(issuer="https://id.example", client_id="whale", client_secret_file=str(file))
    async with opened_provider(settings) as provider:
        for text in ("one", "two"):
            file.write_text(f"{text}\n")
            assert provider._settings.client_secret() == Secret(text)
        file.unlink()
        with pytest.raises(WhaleError) as caught:
            provider._settings.client_secret()
        assert caught.value.code == "login.unavailable"
        assert str(tmp_path) not in str(caught.value)


async def test_openid_is_always_asked_for() -> None:
    settings = OidcSection(issuer="https://id.example", client_id="whale", scopes=("groups", "openid"))
    async with opened_provider(settings) as provider:
        assert provider._settings.scopes == ("openid", "groups")


async def test_certificates_are_checked(tmp_path: Path) -> None:
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context("127.0.0.1")).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with opened_provider(OidcSection(issuer=url, client_id="whale")) as provider:
            with pytest.raises(WhaleError) as caught:
                await fetch_of(provider).get(url)
            assert caught.value.code == "login.unavailable"
        trusted = OidcSection(issuer=url, client_id="whale", ca_file=ca_file(tmp_path))
        async with opened_provider(trusted) as provider:
            assert (await fetch_of(provider).get(url)).status == 404
    finally:
        await runner.cleanup()


async def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no")
    settings = OidcSection(issuer="https://id.example", client_id="whale", ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="ca_file"):
        async with opened_provider(settings):
            pass
