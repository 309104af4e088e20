"""A job's token becomes a token of this server, on a real database; the issuer is one that can lie."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from tests.unit.access.oidc.lying import ISSUER, NOW, OTHER_KEY, Lying, signed
from tests.unit.access.oidc.test_issuer import JOB, job_issuer
from whale.access.attempts import Attempts
from whale.access.authenticator import Authenticator
from whale.access.federation.live import LiveFederation
from whale.access.federation.rule import Rule
from whale.access.oidc.failures import unavailable
from whale.access.oidc.issuer import Issuer
from whale.access.oidc.metadata import WELL_KNOWN
from whale.audit.event import AuditEvent
from whale.audit.recorder import Recorder
from whale.broker.exchange import Exchange, Exchanged
from whale.broker.trail import Trail
from whale.model.errors import AuthenticationError, TooManyAttempts, WhaleError
from whale.model.limits import AUTH_FAILURES, MAX_JOB_TOKEN
from whale.model.principal import Action, PrincipalKind, Scope
from whale.store.credentials import Credentials
from whale.store.database import Database
from whale.store.federated import FederatedTokens
from whale.store.logins import LoginTable
from whale.store.tokens import TokenRow, TokenTable
from whale.store.users import UserRow, UserTable

SCOPE = Scope((Action.EXEC,), ("name:web",))
RULE = Rule("deploy", ISSUER, "https://whale.example", (("sub", ("repo:acme/app:**",)),), ("ci",), SCOPE, 600)


class World(NamedTuple):
    exchange: Exchange
    live: LiveFederation
    lying: Lying
    door: Authenticator
    database: Database
    log: Memory
    recorder: Recorder

    async def events(self) -> list[AuditEvent]:
        await eventually(lambda: not self.recorder.queued, "written")
        return self.log.events

    async def show(self, token: str) -> Exchanged:
        return await self.exchange.exchange(f"Bearer {token}")

    async def refused(self, token: str) -> tuple[str, str]:
        """What it was refused for: the code, and what the trail says."""
        with pytest.raises(WhaleError) as caught:
            await self.show(token)
        event = (await self.events())[-1]
        assert event.kind == "exchange.refused"
        assert event.code == caught.value.code
        assert not token or token not in str(event)
        return caught.value.code, event.reason


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await Database.open(tmp_path / "state")
    log, lying, live = Memory(), job_issuer(), LiveFederation()
    live.replace([RULE], {ISSUER: Issuer(ISSUER, lying)})
    recorder = Recorder(log)
    async with recorder.running():
        tokens = TokenTable(database)
        door = Authenticator(
            Credentials(tokens, LoginTable(database), rules=lambda: live.fingerprints), clock=lambda: NOW
        )
        exchange = Exchange(FederatedTokens(database), live, trail=Trail(recorder), clock=lambda: NOW + 0.5)
        yield World(exchange, live, lying, door, database, log, recorder)
    await database.aclose()


async def test_a_job_gets_a_token_by_its_rule(world: World) -> None:
    made = await world.show(signed(JOB))
    assert (made.name, made.expires_in) == ("deploy", 600)
    principal = await world.door.authenticate(f"Bearer {made.access.reveal()}")
    assert principal[:3] == ("deploy", principal.token_id, ("ci",))
    assert (principal.scope, principal.kind) == (SCOPE, PrincipalKind.MACHINE)
    (event,) = await world.events()
    assert (event.kind, event.principal, event.token) == ("token.exchanged", "deploy", principal.token_id)
    assert (event.issuer, event.subject) == (ISSUER, JOB["sub"])
    assert (event.groups, event.scope) == (("ci",), str(SCOPE))
    row = await TokenTable(world.database).get(principal.token_id)
    assert row is not None
    assert row.expires == NOW + 600


async def test_a_token_is_good_once(world: World) -> None:
    token = signed(JOB)
    await world.show(token)
    assert await world.refused(token) == ("auth.invalid", "the job's token was used already")
    assert (await world.refused(signed(JOB | {"exp": NOW + 200})))[0] == "auth.invalid", "it is known by its jti"
    assert await world.show(signed(JOB | {"jti": "j2"}))
    without = signed({name: value for name, value in JOB.items() if name != "jti"})
    assert await world.show(without)
    assert await world.show(without), "nothing tells two of them apart"


async def test_of_many_at_once_one_gets_it(world: World) -> None:
    token = signed(JOB)
    came = await asyncio.gather(*(world.show(token) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, Exchanged) for each in came) == 1
    assert sum(isinstance(each, AuthenticationError) for each in came) == 4


async def test_the_jti_of_one_issuer_is_not_that_of_another(world: World) -> None:
    other = "https://other.example"
    lying = job_issuer()
    lying.metadata |= {"issuer": other}

    class There(Lying):
        async def get(self, url: str, **_more: Any) -> Any:
            return await lying.get(url.replace(other, ISSUER))

    provers = {ISSUER: Issuer(ISSUER, world.lying), other: Issuer(other, There())}
    world.live.replace([RULE, RULE._replace(name="other", issuer=other)], provers)
    assert (await world.show(signed(JOB))).name == "deploy"
    assert (await world.show(signed(JOB | {"iss": other}))).name == "other"


async def test_what_no_rule_takes(world: World) -> None:
    for change, reason in (
        ({"sub": "repo:acme/app-evil:ref:refs/heads/main"}, "deploy: sub"),
        ({"sub": "repo:evil/app:ref:refs/heads/main"}, "deploy: sub"),
        ({"aud": "https://other.example"}, "deploy: aud"),
    ):
        assert await world.refused(signed(JOB | change)) == ("login.denied", reason)
        event = (await world.events())[-1]
        assert (event.issuer, event.subject) == (ISSUER, (JOB | change)["sub"]), "who it was is proved"
    assert (await world.refused(signed(JOB | {"iss": "https://evil.example"})))[1] == "the issuer is in no rule"
    assert (await world.refused(signed(JOB, OTHER_KEY)))[0] == "auth.invalid"
    event = (await world.events())[-1]
    assert (event.issuer, event.subject) == ("", ""), "nothing is proved"
    assert await TokenTable(world.database).list() == []


async def test_what_is_no_token(world: World) -> None:
    assert (await world.refused(""))[0] == "auth.invalid"
    assert (await world.refused("x" * MAX_JOB_TOKEN))[0] == "auth.invalid"
    for header in (None, "", "Basic x", "Bearer"):
        with pytest.raises(AuthenticationError):
            await world.exchange.exchange(header)
    assert world.lying.asked == [], "nobody was asked"


async def test_an_issuer_that_is_away_makes_nobody_wrong(world: World) -> None:
    world.lying.answers[WELL_KNOWN] = unavailable("down")
    for _ in range(AUTH_FAILURES + 1):
        with pytest.raises(WhaleError) as caught:
            await world.show(signed(JOB))
        assert caught.value.code == "login.unavailable"
    assert (await world.events())[-1].code == "login.unavailable"


async def test_wrong_tokens_lock_their_address_and_unwanted_ones_no_other(world: World) -> None:
    attempts = Attempts()
    exchange = Exchange(FederatedTokens(world.database), world.live, attempts=attempts, clock=lambda: NOW)
    forged = f"Bearer {signed(JOB, OTHER_KEY, kid='k1')}"
    for _ in range(AUTH_FAILURES):
        with pytest.raises(AuthenticationError):
            await exchange.exchange(forged)
    with pytest.raises(TooManyAttempts):
        await exchange.exchange(forged)
    assert attempts.failures == AUTH_FAILURES


async def test_a_rule_that_is_changed_or_gone_takes_its_tokens_with_it(world: World) -> None:
    made = await world.show(signed(JOB))
    header = f"Bearer {made.access.reveal()}"
    principal = await world.door.authenticate(header)
    provers = {ISSUER: Issuer(ISSUER, world.lying)}
    for rules in ([], [RULE._replace(groups=())], [RULE._replace(claims=(("sub", ("x",)),))]):
        world.live.replace(rules, provers)
        with pytest.raises(AuthenticationError) as caught:
            await world.door.authenticate(header)
        assert "revoked" in caught.value.message
        with pytest.raises(AuthenticationError):
            await world.door.recheck(principal)
    world.live.replace([RULE._replace(name="before"), RULE], provers)
    assert await world.door.authenticate(header) == principal


async def test_without_rules_nothing_is_exchanged(world: World) -> None:
    world.live.replace([], {})
    for header, code in ((None, "auth.missing"), (f"Bearer {signed(JOB)}", "login.no_federation")):
        with pytest.raises(WhaleError) as caught:
            await world.exchange.exchange(header)
        assert caught.value.code == code


async def test_a_name_of_somebody_else_is_not_given(world: World) -> None:
    await UserTable(world.database).add(UserRow("u", "deploy", NOW))
    assert (await world.refused(signed(JOB)))[0] == "login.name"
    world.live.replace([RULE._replace(name="backup")], {ISSUER: Issuer(ISSUER, world.lying)})
    tokens = TokenTable(world.database)
    made = await world.show(signed(JOB))
    with pytest.raises(WhaleError):
        await tokens.insert(TokenRow((await tokens.list())[0].id, made.name, bytes(32), NOW))
