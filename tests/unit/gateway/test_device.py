"""From a command line over a browser and a real identity provider to a login, and every way astray."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from yarl import URL

from tests.door import Door, open_door
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Browser, Page, ProviderProcess, oidc_provider
from whale.broker.device import DeviceLogins
from whale.engine.fake import FakeEngine
from whale.gateway.context import CONTEXT
from whale.server.config_oidc import OidcSection
from whale.server.oidc import opened_provider
from whale.store.users import UserTable


@pytest.fixture(scope="module")
def provider() -> Iterator[ProviderProcess]:
    with oidc_provider() as started:
        yield started


class House(NamedTuple):
    """A door with a provider, and somebody at a command line."""

    door: Door
    provider: ProviderProcess

    @property
    def device(self) -> DeviceLogins:
        found = self.door.app[CONTEXT].device
        assert found is not None
        return found

    async def begin(self) -> dict[str, Any]:
        status, body = await self.ask("device?machine=laptop")
        assert status == 200
        return dict(body)

    async def ask(self, path: str, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.door.url}/1.0/login/{path}", headers=headers) as answer,
        ):
            return answer.status, await answer.json()

    async def poll(self, begun: dict[str, Any]) -> tuple[int, str]:
        for pending in self.device._pending.values():
            pending.asked = 0.0  # as if time had passed
        status, body = await self.ask("device/token", begun["device_code"])
        return status, body["user"] if status == 200 else body["error"]["code"]

    async def come_back(
        self, browser: Browser, begun: dict[str, Any], account: str = "1001", *, stop: str = ""
    ) -> Page:
        """Type the code, be somebody for the provider, and come back."""
        page = await browser.post(f"{self.door.url}/login", {"code": begun["user_code"]})
        return await browser.log_in(page, account, stop=stop)

    async def answer(self, browser: Browser, answer: str = "allow") -> Page:
        return await browser.post(f"{self.door.url}/login/confirm", {"answer": answer})

    async def log_in(self, browser: Browser, account: str = "1001") -> Page:
        await self.come_back(browser, await self.begin(), account)
        return await self.answer(browser)


@asynccontextmanager
async def opened(engine: FakeEngine, provider: ProviderProcess, tmp_path: Path, **more: Any) -> AsyncIterator[House]:
    tmp_path.mkdir(exist_ok=True)
    secret = tmp_path / "secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    settings = OidcSection(
        **{"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret_file": str(secret)} | more
    )
    async with opened_provider(settings) as known, open_door(engine, tmp_path / "state", provider=known) as door:
        yield House(door, provider)


@pytest.fixture
async def house(engine: FakeEngine, provider: ProviderProcess, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(engine, provider, tmp_path) as made:
        yield made


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser.opened() as made:
        yield made


async def test_from_the_command_line_to_a_login(house: House, browser: Browser) -> None:
    begun = await house.begin()
    assert begun["verification_uri"] == f"{house.door.url}/login"
    assert (begun["interval"], begun["expires_in"]) == (2, 600)
    assert await house.poll(begun) == (400, "login.pending")
    page = await browser.get(begun["verification_uri_complete"])
    ((action, fields),) = page.forms
    assert fields == {"code": begun["user_code"]}
    page = await browser.post(action, fields)
    sent = parse_qs(urlsplit(page.onward).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} < set(sent)
    assert await house.poll(begun) == (400, "login.pending")
    page = await browser.log_in(page, "1001")
    for word in ("carol", begun["user_code"], "laptop", "127.0.0.1"):
        assert word in page.text
    assert await house.poll(begun) == (400, "login.pending"), "not before it is confirmed"
    page = await house.answer(browser)
    assert "logged in as carol" in page.text
    status, body = await house.ask("device/token", begun["device_code"])
    assert (status, body["user"]) == (200, "carol")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {body['access_token']}"}) as session,
        session.get(house.door.url + "/1.0/containers") as answer,
    ):
        assert answer.status == 200
    (user,) = await UserTable(house.door.database).list()
    assert (user.name, user.issuer, user.subject) == ("carol", house.provider.issuer, "1001")
    assert user.groups == ("CN=Team X,OU=Groups", "developer")
    assert await house.poll(begun) == (410, "login.expired"), "once"


async def test_who_comes_again_is_the_same_person_with_the_groups_of_today(
    engine: FakeEngine, tmp_path: Path, browser: Browser
) -> None:
    people = {"1": {"preferred_username": "carol", "groups": ["a", "b"]}}
    with oidc_provider(people=people, claims_on_request=False) as provider:
        async with opened(engine, provider, tmp_path) as house:
            await house.log_in(browser, "1")
            users = UserTable(house.door.database)
            (first,) = await users.list()
            provider.rotate()
            # The provider knows nothing of its sessions any more, and has other keys.
            await house.log_in(browser, "1")
            (second,) = await users.list()
    assert (first.id, first.groups) == (second.id, ("a", "b"))


@pytest.mark.parametrize(("account", "said"), [("1003", "no name"), ("1004", "in use already")])
async def test_names_that_can_not_be_used(house: House, browser: Browser, account: str, said: str) -> None:
    begun = await house.begin()
    page = await house.come_back(browser, begun, account)
    if page.status == 200:
        page = await house.answer(browser)
    assert page.status == 409
    assert said in page.text
    assert await UserTable(house.door.database).list() == []
    assert (await house.poll(begun))[0] in (400, 409)


async def test_refusing_in_the_browser(house: House, browser: Browser) -> None:
    begun = await house.begin()
    await house.come_back(browser, begun)
    assert "Nobody was logged in" in (await house.answer(browser, "refuse")).text
    assert await house.poll(begun) == (403, "login.denied")
    assert (await house.answer(browser)).status == 410
    assert await UserTable(house.door.database).list() == []


async def test_who_is_disabled_stays_out(house: House, browser: Browser) -> None:
    await house.log_in(browser)
    assert await UserTable(house.door.database).set_disabled("carol", 1)
    begun = await house.begin()
    await house.come_back(browser, begun)
    assert (await house.answer(browser)).status == 403
    assert await house.poll(begun) == (403, "login.denied")


async def test_only_the_groups_that_may(
    engine: FakeEngine, provider: ProviderProcess, tmp_path: Path, browser: Browser
) -> None:
    async with opened(engine, provider, tmp_path, allowed_groups=("developer",)) as house:
        begun = await house.begin()
        page = await house.come_back(browser, begun, "1002")
        assert page.status == 403
        assert await house.poll(begun) == (403, "login.denied"), "the command line does not wait for nothing"
        async with Browser.opened() as other:
            assert "logged in as carol" in (await house.log_in(other)).text


async def test_a_return_in_another_browser_is_refused(house: House, browser: Browser) -> None:
    """Login CSRF: a link that ends somebody's login in the browser of another."""
    begun = await house.begin()
    back = await house.come_back(browser, begun, stop="/login/callback")
    async with Browser.opened() as victim:
        page = await victim.get(back.url)
        assert (page.status, "nobody waits" in page.text.lower()) == (410, True)
        other = await house.begin()
        await victim.post(f"{house.door.url}/login", {"code": other["user_code"]})
        assert (await victim.get(back.url)).status == 410, "with a cookie of another login, too"
    assert await house.poll(begun) == (400, "login.pending")
    assert (await browser.get(back.url)).status == 200, "it was not used up by that"


@pytest.mark.parametrize("change", ["state", "iss", "no iss", "code", "twice"])
async def test_a_return_that_was_changed_is_refused(house: House, browser: Browser, change: str) -> None:
    begun = await house.begin()
    back = await house.come_back(browser, begun, stop="/login/callback")
    query = {key: value[0] for key, value in parse_qs(urlsplit(back.url).query).items()}
    if change == "no iss":
        del query["iss"]
    elif change != "twice":
        query[change] = "https://evil.example"
    path = f"{house.door.url}/login/callback?{urlencode(query)}{'&code=x' if change == 'twice' else ''}"
    page = await browser.get(path)
    assert page.status == {"state": 410, "twice": 400}.get(change, 502)
    assert "evil" not in page.text
    assert (await house.answer(browser)).status == 410
    assert await house.poll(begun) == (400, "login.pending")


async def test_a_return_is_good_once(house: House, browser: Browser) -> None:
    begun = await house.begin()
    back = await house.come_back(browser, begun, stop="/login/callback")
    before = {cookie.key: cookie.value for cookie in browser.session.cookie_jar}["whale-login"]
    assert (await browser.get(back.url)).status == 200
    for cookie in (None, before):
        async with Browser.opened() as again:
            if cookie is not None:
                again.session.cookie_jar.update_cookies({"whale-login": cookie}, URL(house.door.url))
            assert (await again.get(back.url)).status == 410
            assert (await house.answer(again)).status == 410, "the cookie of the way there confirms nothing"


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1", "http://localhost"])
async def test_forms_of_other_sites_are_refused(house: House, browser: Browser, origin: str | None) -> None:
    begun = await house.begin()
    await house.come_back(browser, begun)
    headers = {"Origin": origin} if origin is not None else {}
    for path, fields in (("/login", {"code": begun["user_code"]}), ("/login/confirm", {"answer": "allow"})):
        async with browser.session.post(house.door.url + path, data=fields, headers=headers) as answer:
            assert answer.status == 403
    assert await house.poll(begun) == (400, "login.pending")


async def test_other_forms_are_refused(house: House, browser: Browser) -> None:
    url = f"{house.door.url}/login"
    for fields in ({"code": "x", "more": "y"}, {"other": "x"}):
        assert (await browser.post(url, fields)).status == 400
    headers = {"Origin": house.door.url}
    async with browser.session.post(url, json={"code": "x"}, headers=headers) as answer:
        assert answer.status == 400


async def test_codes_can_not_be_guessed(house: House, browser: Browser) -> None:
    begun = await house.begin()
    for _ in range(20):
        assert (await browser.post(f"{house.door.url}/login", {"code": "BCDF-GHJK"})).status == 410
    page = await browser.post(f"{house.door.url}/login", {"code": begun["user_code"]})
    assert page.status == 429


async def test_the_cookie_is_lax_there_and_strict_after(house: House, browser: Browser) -> None:
    house.device.public_url = "https://whale.example"
    begun = await house.begin()
    headers = {"Origin": "https://whale.example"}
    async with browser.session.post(
        f"{house.door.url}/login", data={"code": begun["user_code"]}, headers=headers
    ) as answer:
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-whale-login=")
    for flag in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=600"):
        assert flag in cookie
    assert "Domain" not in cookie


async def test_the_cookie_after_is_strict(house: House, browser: Browser) -> None:
    page = await house.come_back(browser, await house.begin())
    assert "SameSite=Strict" in page.headers["Set-Cookie"]
    assert "HttpOnly" in page.headers["Set-Cookie"]


async def test_pages_are_shut_tight(house: House, browser: Browser) -> None:
    begun = await house.begin()
    hostile = await browser.get(f"{house.door.url}/login?code=%22%3E%3Cscript%3E")
    assert "<script" not in hostile.text
    shown = [
        hostile,
        await browser.get(f"{house.door.url}/login/callback?state=x"),
        await house.come_back(browser, begun),
    ]
    for page in shown:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert "<script" not in page.text


async def test_asking_too_often_slows_down(house: House) -> None:
    begun = await house.begin()
    assert (await house.ask("device/token", begun["device_code"]))[0] == 400
    status, body = await house.ask("device/token", begun["device_code"])
    assert (status, body["error"]["code"]) == (429, "login.slow_down")


async def test_a_device_code_is_needed(house: House) -> None:
    for token, code in (("", "auth.missing"), (house.door.token, "login.expired"), ("whale_x", "auth.invalid")):
        assert (await house.ask("device/token", token))[1]["error"]["code"] == code


async def test_a_provider_that_is_away_is_no_wrong_password(
    engine: FakeEngine, tmp_path: Path, browser: Browser
) -> None:
    with oidc_provider() as provider:
        async with opened(engine, provider, tmp_path) as house:
            begun, second = await house.begin(), await house.begin()
            back = await house.come_back(browser, begun, stop="/login/callback")
            provider.kill()
            page = await browser.get(back.url)
            assert (page.status, "does not answer" in page.text) == (503, True)
            assert (await house.answer(browser)).status == 410
            assert await house.poll(begun) == (400, "login.pending")
            # What was read of it before is still known, so that the browser finds out by itself; a new server asks.
            async with opened(engine, provider, tmp_path / "new") as anew:
                assert await anew.poll(second) == (410, "login.expired")
                begun = await anew.begin()
                page = await browser.post(f"{anew.door.url}/login", {"code": begun["user_code"]})
                assert (page.status, "does not answer" in page.text) == (503, True)
                assert await anew.poll(begun) == (400, "login.pending")


async def test_without_a_provider_there_is_nothing(door: Door) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/1.0/login/device", "/1.0/login/device/token"):
            async with session.post(door.url + path, headers=door.headers) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (404, "login.no_provider")
        async with session.post(door.url + "/1.0/login/device/token") as answer:
            assert answer.status == 401
        async with session.get(door.url + "/login") as answer:
            assert answer.status == 404
