"""The use cases without a session: who is it, what is there, what did it log."""

import pytest

from tests.unit.broker.conftest import ALICE, Doorman, House
from whale.access.tickets import Purpose
from whale.model.audit import AuditQuery
from whale.model.errors import AccessDenied, AuthenticationError, TargetError, TooManyAttempts, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import AUTH_FAILURES
from whale.model.principal import Action, Principal
from whale.model.source import SOURCE

SHELL = ExecSpec(command=("sh",), tty=True)


async def test_authenticates_by_the_header(house: House) -> None:
    assert await house.broker.authenticate("Bearer good") == ALICE
    with pytest.raises(AuthenticationError):
        await house.broker.authenticate(None)


async def test_too_many_wrong_credentials_are_not_looked_at(house: House) -> None:
    SOURCE.set("192.0.2.1")
    for _ in range(AUTH_FAILURES):
        with pytest.raises(AuthenticationError):
            await house.broker.authenticate("Bearer wrong")
    with pytest.raises(TooManyAttempts):
        await house.broker.authenticate("Bearer good")
    SOURCE.set("192.0.2.2")
    assert await house.broker.authenticate("Bearer good") == ALICE


async def test_no_credential_and_a_table_that_fails_are_no_guesses(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    SOURCE.set("192.0.2.1")
    for _ in range(AUTH_FAILURES):
        with pytest.raises(AuthenticationError):
            await house.broker.authenticate(None)

    async def unavailable(self: object, header: str | None) -> Principal:
        raise WhaleError("not now", code="auth.unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(Doorman, "authenticate", unavailable)
        for _ in range(AUTH_FAILURES):
            with pytest.raises(WhaleError, match="not now"):
                await house.broker.authenticate("Bearer good")
    assert await house.broker.authenticate("Bearer good") == ALICE


async def test_lists_containers_and_reads_logs(house: House) -> None:
    assert [c.name for c in await house.broker.containers(ALICE, all=False)] == ["db", "web"]
    house.engine._find("web").write_log(b"line\n")
    log = await house.broker.logs(ALICE, "web", follow=False, tail=None)
    pieces = [piece async for piece in log.pieces]
    assert pieces == [(Stream.STDOUT, b"line\n")]
    assert [asked.action for asked in house.judge.asked] == [Action.LOGS]


async def test_a_ticket_stands_in_for_a_credential_once(house: House) -> None:
    SOURCE.set("192.0.2.1")
    ticket = house.broker.issue_ticket(ALICE, Purpose.SHELL, origin="").reveal()
    assert (await house.broker.redeem_ticket(ticket, Purpose.SHELL, origin="")).name == ALICE.name
    for _ in range(AUTH_FAILURES):
        with pytest.raises(AuthenticationError):
            await house.broker.redeem_ticket(ticket, Purpose.SHELL, origin="")
    another = house.broker.issue_ticket(ALICE, Purpose.SHELL, origin="").reveal()
    with pytest.raises(TooManyAttempts):
        await house.broker.redeem_ticket(another, Purpose.SHELL, origin="")


async def test_says_what_would_be_decided_and_does_nothing(house: House) -> None:
    decision, _ = await house.broker.can(ALICE, Action.SHELL, "web", SHELL)
    assert decision.allowed
    wrong, hints = await house.broker.can(ALICE, Action.EXEC, "web", SHELL._replace(workdir="/proc/1/root"))
    assert (wrong.allowed, bool(hints[0])) == (False, True)
    with pytest.raises(TargetError):
        await house.broker.can(ALICE, Action.SHELL, "nowhere", SHELL)
    assert len(house.registry.sessions()) == 0


async def test_a_log_that_is_read_ends_with_the_right_to_it(house: House) -> None:
    log = await house.broker.logs(ALICE, "web", follow=True, tail=None)
    with house.broker.reading(log, lambda error: None):
        assert [right.action for _, right in house.broker.readers.rights()] == [Action.LOGS]
    assert not house.broker.readers.rights()
    await log.pieces.aclose()


async def test_searches_the_trail_where_there_is_one(house: House) -> None:
    assert await house.broker.audit(ALICE, AuditQuery()) == ()
    house.judge.allows = False
    with pytest.raises(AccessDenied):
        await house.broker.audit(ALICE, AuditQuery())


async def test_asks_the_engine_what_it_is(house: House) -> None:
    assert (await house.broker.engine_info()).kind == "fake"


async def test_lists_what_may_be_seen(house: House) -> None:
    house.judge.hidden = {"web"}
    assert [c.name for c in await house.broker.containers(ALICE, all=True)] == ["db"]
    with pytest.raises(TargetError, match="no container named 'web'"):
        await house.broker.logs(ALICE, "web", follow=False, tail=None)
    assert house.judge.asked == [], "what is not there is not asked about"


async def test_who_may_not_reads_nothing(house: House) -> None:
    house.judge.allows = False
    with pytest.raises(AccessDenied):
        await house.broker.logs(ALICE, "web", follow=False, tail=None)
