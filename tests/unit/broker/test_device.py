"""Logging in by a browser, with a provider in memory and time at hand. The browser itself is in the gateway's tests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from tests.unit.access.oidc.lying import ISSUER, Lying, provider, signed
from whale.access.oidc.failures import unavailable
from whale.access.oidc.fetch import Answer
from whale.audit.recorder import Recorder
from whale.broker.device import Begun, DeviceLogins
from whale.broker.logins import Logins
from whale.broker.trail import Trail
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.limits import DEVICE_INTERVAL, DEVICE_LIFETIME, MAX_DEVICE_LOGINS, MAX_DEVICE_LOGINS_EACH
from whale.model.secret import Secret
from whale.store.database import Database
from whale.store.logins import LoginTable
from whale.store.users import UserTable


class World(NamedTuple):
    device: DeviceLogins
    lying: Lying
    now: list[float]
    log: Memory
    recorder: Recorder

    def begin(self) -> Begun:
        return self.device.begin(address="192.0.2.1", machine="laptop")

    async def poll(self, begun: Begun, *, after: float = DEVICE_INTERVAL) -> str:
        self.now[0] += after
        try:
            return (await self.device.poll(f"Bearer {begun.device_code.reveal()}")).name
        except WhaleError as error:
            return error.code

    async def come_back(self, begun: Begun) -> Secret:
        """Go to the provider and back; return the cookie to confirm with."""
        url, cookie = await self.device.start(begun.user_code, address="192.0.2.2")
        sent = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
        self.lying.token = signed(self.lying.claims | {"nonce": sent["nonce"]})
        question, after = await self.device.returned({"state": sent["state"], "code": "c", "iss": ISSUER}, cookie)
        assert (question.person.name, question.user_code, question.address) == ("alice", begun.user_code, "192.0.2.1")
        return after

    async def events(self) -> list[tuple[str, str, str]]:
        await eventually(lambda: not self.recorder.queued, "written")
        return [(event.kind.value, event.principal, event.code) for event in self.log.events]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await Database.open(tmp_path / "state")
    lying, now, log = Lying(), [1000.0], Memory()
    recorder = Recorder(log)
    async with recorder.running():
        trail = Trail(recorder)
        device = DeviceLogins(
            provider(lying),
            UserTable(database),
            Logins(LoginTable(database), trail=trail),
            public_url="https://whale.example",
            trail=trail,
            clock=lambda: now[0],
        )
        yield World(device, lying, now, log, recorder)
    await database.aclose()


async def test_from_the_code_to_the_login(world: World) -> None:
    begun = world.begin()
    assert await world.poll(begun) == "login.pending"
    cookie = await world.come_back(begun)
    assert await world.poll(begun) == "login.pending"
    assert await world.device.confirm(cookie, allow=True) == "alice"
    assert await world.poll(begun, after=0) == "alice"
    assert await world.poll(begun) == "login.expired"
    assert await world.events() == [("login.begun", "alice", "")]
    assert world.log.events[0].reason == ISSUER


async def test_a_login_is_over_after_its_time(world: World) -> None:
    begun, second = world.begin(), world.begin()
    cookie = await world.come_back(begun)
    world.now[0] += DEVICE_LIFETIME
    with pytest.raises(WhaleError) as caught:
        await world.device.confirm(cookie, allow=True)
    assert caught.value.code == "login.expired"
    with pytest.raises(WhaleError):
        await world.device.start(second.user_code, address="a")
    assert [await world.poll(begun), await world.poll(second)] == ["login.expired"] * 2


async def test_who_asks_too_often_has_to_wait_longer(world: World) -> None:
    begun = world.begin()
    assert await world.poll(begun) == "login.pending"
    assert await world.poll(begun, after=1) == "login.slow_down"
    assert await world.poll(begun, after=DEVICE_INTERVAL) == "login.slow_down"
    assert await world.poll(begun, after=DEVICE_INTERVAL + 10) == "login.pending"


async def test_the_device_codes_secret_counts(world: World) -> None:
    one, two = world.begin(), world.begin()
    cookie = await world.come_back(one)
    await world.device.confirm(cookie, allow=True)
    assert await world.poll(two) == "login.pending"
    for header in (None, "Bearer x"):
        with pytest.raises(WhaleError) as caught:
            await world.device.poll(header)
        assert caught.value.code.startswith("auth.")


async def test_the_number_of_logins_is_bounded(world: World) -> None:
    for _ in range(MAX_DEVICE_LOGINS_EACH):
        world.begin()
    with pytest.raises(WhaleError) as caught:
        world.begin()
    assert caught.value.code == "login.limit"
    for number in range(MAX_DEVICE_LOGINS - MAX_DEVICE_LOGINS_EACH):
        world.device.begin(address=f"a{number}", machine="")
    with pytest.raises(WhaleError):
        world.device.begin(address="new", machine="")
    world.now[0] += DEVICE_LIFETIME
    world.begin()
    assert len(world.device._pending) == 1


async def test_the_last_browser_that_begins_counts(world: World) -> None:
    begun = world.begin()
    first = await world.come_back(begun)
    second = await world.come_back(begun)
    with pytest.raises(WhaleError):
        await world.device.confirm(first, allow=True)
    assert await world.device.confirm(second, allow=True) == "alice"
    with pytest.raises(WhaleError):
        await world.device.start(begun.user_code, address="a")


@pytest.mark.parametrize("says", ["yes", "no"])
async def test_the_first_decision_stands(world: World, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = world.begin()
    url, late = await world.device.start(begun.user_code, address="192.0.2.9")
    sent = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
    asked, go_on, post = asyncio.Event(), asyncio.Event(), world.lying.post

    async def slow(*args: Any, **more: Any) -> Answer:
        monkeypatch.setattr(world.lying, "post", post)
        asked.set()
        await go_on.wait()
        if says == "no":
            raise AuthenticationError("no", code="login.denied")
        theirs = {"nonce": sent["nonce"], "sub": "1002", "preferred_username": "mallory"}
        world.lying.token = signed(world.lying.claims | theirs)
        return await post(*args, **more)

    monkeypatch.setattr(world.lying, "post", slow)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        returning = group.create_task(outcome(world, {"state": sent["state"], "code": "c", "iss": ISSUER}, late))
        await asked.wait()
        cookie = await world.come_back(begun)
        assert await world.device.confirm(cookie, allow=True) == "alice"
        go_on.set()
    assert returning.result() == "login.expired"
    assert await world.poll(begun) == "alice"


async def outcome(world: World, parameters: dict[str, str], cookie: Secret) -> str:
    """What comes of a return that is confirmed."""
    try:
        _, after = await world.device.returned(parameters, cookie)
        return await world.device.confirm(after, allow=True)
    except WhaleError as error:
        return error.code


async def test_no_cookie_is_nobodys(world: World) -> None:
    world.begin()
    for cookie in (Secret(""), Secret("x"), Secret("\udfff")):
        with pytest.raises(WhaleError) as caught:
            await world.device.confirm(cookie, allow=True)
        assert caught.value.code == "login.expired"
        with pytest.raises(WhaleError):
            await world.device.returned({"state": ""}, cookie)


async def test_a_provider_that_fails_leaves_the_login_to_another_try(world: World) -> None:
    begun = world.begin()
    world.lying.answers["/token"] = unavailable("away")
    with pytest.raises(WhaleError) as caught:
        await world.come_back(begun)
    assert caught.value.code == "login.unavailable"
    assert await world.poll(begun) == "login.pending"
    del world.lying.answers["/token"]
    assert await world.device.confirm(await world.come_back(begun), allow=True) == "alice"
    assert (await world.events())[0] == ("login.refused", "", "login.unavailable")


async def test_a_return_is_good_once_whatever_comes_of_it(world: World) -> None:
    begun = world.begin()
    url, cookie = await world.device.start(begun.user_code, address="a")
    state = parse_qs(urlsplit(url).query)["state"][0]
    world.lying.answers["/token"] = unavailable("away")
    codes = []
    for _ in range(2):
        with pytest.raises(WhaleError) as caught:
            await world.device.returned({"state": state, "code": "c", "iss": ISSUER}, cookie)
        codes.append(caught.value.code)
    assert codes == ["login.unavailable", "login.expired"]


async def test_a_refusal_is_told_and_noted(world: World) -> None:
    begun = world.begin()
    await world.device.confirm(await world.come_back(begun), allow=False)
    assert await world.poll(begun) == "login.denied"
    assert await world.events() == [("login.refused", "alice", "login.denied")]
