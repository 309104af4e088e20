"""People's credentials, on a real database: exchanged once, in turn, and never twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from whale.access.authenticator import Authenticator
from whale.access.tokens import _checksum, create_token
from whale.audit.recorder import Recorder
from whale.broker.logins import Granted, Logins
from whale.broker.trail import Trail
from whale.model.errors import AuthenticationError, TooManyAttempts, WhaleError
from whale.model.limits import ACCESS_LIFETIME, AUTH_FAILURES, LOGIN_LIFETIME, MAX_LOGINS_EACH, REFRESH_GRACE
from whale.model.principal import PrincipalKind
from whale.model.secret import Secret
from whale.model.source import SOURCE
from whale.store.credentials import Credentials
from whale.store.database import Database
from whale.store.logins import LoginTable
from whale.store.tokens import TokenTable
from whale.store.users import UserRow, UserTable


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.5

    def __call__(self) -> float:
        return self.now


class World(NamedTuple):
    logins: Logins
    users: UserTable
    door: Authenticator
    clock: Clock
    log: Memory
    recorder: Recorder

    async def link(self, name: str = "alice", *, seconds: int = 60) -> str:
        row = await self.users.find(name)
        if row is None:
            row = UserRow(f"u-{name}", name, int(self.clock()), ("team-x",))
            await self.users.add(row)
        made = create_token()
        await self.users.put_enrolment(row.id, id=made.id, digest=made.digest, expires=int(self.clock()) + seconds)
        return f"Bearer {made.text.reveal()}"

    async def events(self) -> list[tuple[str, str, str]]:
        await eventually(lambda: not self.recorder.queued, "written")
        return [(event.kind.value, event.principal, event.code) for event in self.log.events]

    async def login(self) -> Granted:
        return await self.logins.enrol(await self.link())


def bearer(secret: Secret) -> str:
    return f"Bearer {secret.reveal()}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await Database.open(tmp_path / "state")
    clock, table, log = Clock(), LoginTable(database), Memory()
    recorder = Recorder(log)
    async with recorder.running():
        door = Authenticator(Credentials(TokenTable(database), table), clock=clock)
        yield World(Logins(table, trail=Trail(recorder), clock=clock), UserTable(database), door, clock, log, recorder)
    await database.aclose()


async def refused(work: Awaitable[object]) -> tuple[str, str]:
    with pytest.raises(AuthenticationError) as caught:
        await work
    return caught.value.code, caught.value.message


async def test_a_link_is_exchanged_once_for_a_login(world: World) -> None:
    link = await world.link()
    granted = await world.logins.enrol(link)
    assert (granted.name, granted.expires_in) == ("alice", ACCESS_LIFETIME)
    who = await world.door.authenticate(bearer(granted.access))
    assert (who.name, who.kind, who.groups) == ("alice", PrincipalKind.USER, ("team-x",))
    assert await refused(world.logins.enrol(link)) == ("auth.invalid", "the token is not valid")
    assert await world.events() == [("login.begun", "alice", ""), ("auth.refused", "", "auth.invalid")]
    assert world.log.events[0].token == who.token_id
    assert world.log.events[0].reason == "enrolment link"


async def test_of_two_with_one_link_one_gets_in(world: World) -> None:
    link = await world.link()
    results = await asyncio.gather(*(world.logins.enrol(link) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, Granted) for each in results) == 1
    assert all(isinstance(each, Granted | AuthenticationError) for each in results)


async def test_an_old_link_and_one_of_somebody_disabled_are_refused(world: World) -> None:
    link = await world.link(seconds=60)
    world.clock.now += 61
    assert (await refused(world.logins.enrol(link)))[1] == "the token has expired"
    link = await world.link()
    await world.users.set_disabled("alice", 1)
    assert (await refused(world.logins.enrol(link)))[1] == "the token is not valid", "it went with the rest"


async def test_no_credential_is_good_for_anything_else(world: World) -> None:
    link = await world.link("bob")
    granted = await world.login()
    access, refresh = bearer(granted.access), bearer(granted.refresh)
    for shown in (link, refresh):
        await refused(world.door.authenticate(shown))
    for shown in (access, refresh):
        await refused(world.logins.enrol(shown))
    for shown in (access, link):
        await refused(world.logins.refresh(shown))
        await refused(world.logins.logout(shown))
    for header in (None, "", "Bearer x", "Basic YTpi"):
        await refused(world.logins.refresh(header))


async def test_each_refresh_is_another_turn(world: World) -> None:
    first = granted = await world.login()
    for _ in range(3):
        world.clock.now += ACCESS_LIFETIME / 2
        again = await world.logins.refresh(bearer(granted.refresh))
        await world.door.authenticate(bearer(granted.access))
        granted = again
    await refused(world.door.authenticate(bearer(first.access)))
    who = await world.door.authenticate(bearer(granted.access))
    assert who.token_id == world.log.events[0].token, "what was begun goes on"


async def test_a_login_ends_in_the_end(world: World) -> None:
    granted = await world.login()
    world.clock.now += LOGIN_LIFETIME - 10
    granted = await world.logins.refresh(bearer(granted.refresh))
    world.clock.now += 11
    assert (await refused(world.logins.refresh(bearer(granted.refresh))))[1] == "the token has expired"
    await refused(world.door.authenticate(bearer(granted.access)))


async def test_a_refresh_token_that_is_used_again_ends_the_login(world: World) -> None:
    first = await world.login()
    second = await world.logins.refresh(bearer(first.refresh))
    await world.door.authenticate(bearer(second.access))
    assert (await refused(world.logins.refresh(bearer(first.refresh))))[0] == "auth.reused"
    assert (await refused(world.logins.refresh(bearer(second.refresh))))[1] == "the token was revoked"
    await refused(world.door.authenticate(bearer(second.access)))
    assert ("login.reused", "alice", "") in await world.events()


async def test_one_whose_secret_is_wrong_ends_nothing(world: World) -> None:
    first = await world.login()
    second = await world.logins.refresh(bearer(first.refresh))
    await world.door.authenticate(bearer(second.access))
    other = create_token()
    body = first.refresh.reveal()[:18] + other.text.reveal()[18:61]
    forged = f"Bearer {body}{_checksum(body)}"
    assert await refused(world.logins.refresh(forged)) == ("auth.invalid", "the token is not valid")
    await world.door.authenticate(bearer(second.access))


async def test_a_lost_answer_is_given_again_and_the_first_one_is_worth_nothing(world: World) -> None:
    first = await world.login()
    lost = await world.logins.refresh(bearer(first.refresh))
    world.clock.now += REFRESH_GRACE
    again = await world.logins.refresh(bearer(first.refresh))
    await refused(world.door.authenticate(bearer(lost.access)))
    twice = await world.logins.refresh(bearer(first.refresh))
    await world.door.authenticate(bearer(twice.access))
    await refused(world.door.authenticate(bearer(again.access)))


async def test_who_has_the_lost_answer_after_all_ends_the_login(world: World) -> None:
    first = await world.login()
    lost = await world.logins.refresh(bearer(first.refresh))
    again = await world.logins.refresh(bearer(first.refresh))
    assert (await refused(world.logins.refresh(bearer(lost.refresh))))[0] == "auth.reused"
    await refused(world.door.authenticate(bearer(again.access)))


async def test_too_late_is_too_late(world: World) -> None:
    first = await world.login()
    await world.logins.refresh(bearer(first.refresh))
    world.clock.now += REFRESH_GRACE + 1
    assert (await refused(world.logins.refresh(bearer(first.refresh))))[0] == "auth.reused"


async def test_a_crowd_with_one_token_leaves_one_login_or_none(world: World) -> None:
    granted = await world.login()
    results = await asyncio.gather(
        *(world.logins.refresh(bearer(granted.refresh)) for _ in range(6)), return_exceptions=True
    )
    assert all(isinstance(each, Granted | WhaleError) for each in results)
    good = [each for each in results if isinstance(each, Granted)]
    works = 0
    for each in good:
        with contextlib.suppress(AuthenticationError):
            await world.door.authenticate(bearer(each.access))
            works += 1
    assert works <= 1


async def test_logging_out_ends_the_login(world: World) -> None:
    granted = await world.login()
    await world.logins.logout(bearer(granted.refresh))
    await refused(world.door.authenticate(bearer(granted.access)))
    assert (await refused(world.logins.refresh(bearer(granted.refresh))))[1] == "the token was revoked"
    await world.logins.logout(bearer(granted.refresh))
    kinds = [kind for kind, _, _ in await world.events()]
    assert kinds == ["login.begun", "login.ended", "auth.refused"]


async def test_who_proved_it_otherwise_gets_a_login_too(world: World) -> None:
    await world.link()
    granted = await world.logins.begin("u-alice", "alice", lifetime=60, by="https://id.example")
    assert (await world.door.authenticate(bearer(granted.access))).name == "alice"
    world.clock.now += 61
    await refused(world.logins.refresh(bearer(granted.refresh)))


@pytest.mark.parametrize("use", ["enrol", "refresh", "logout"])
async def test_guessing_is_limited(world: World, use: str) -> None:
    SOURCE.set("192.0.2.1")
    ask: Callable[[str], Awaitable[object]] = getattr(world.logins, use)
    for _ in range(AUTH_FAILURES):
        with pytest.raises(AuthenticationError):
            await ask("Bearer guess")
    with pytest.raises(TooManyAttempts):
        await ask("Bearer guess")
    link = await world.link()
    SOURCE.set("192.0.2.2")
    assert (await world.logins.enrol(link)).name == "alice"


async def test_the_one_too_many_ends_the_oldest_and_says_so(world: World) -> None:
    first = await world.login()
    principal = await world.door.authenticate(bearer(first.access))
    for _ in range(MAX_LOGINS_EACH - 1):
        world.clock.now += 1
        await world.login()
    assert await world.door.authenticate(bearer(first.access)) == principal
    # It was used when it began, as each was; the first of them is the oldest one.
    world.clock.now += 1
    await world.login()
    assert (await refused(world.door.authenticate(bearer(first.access))))[0] == "auth.invalid"
    assert (await world.events())[-1] == ("login.displaced", "alice", "")
    assert world.log.events[-1].token == principal.token_id
