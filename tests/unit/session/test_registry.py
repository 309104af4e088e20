"""All sessions of a server."""

import asyncio

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALLOWED
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.errors import SessionError
from whale.model.exec import ExecSpec
from whale.session.registry import Registry
from whale.session.session import Session

SLEEP = ExecSpec(command=("sleep", "100"))
QUICK = EndPolicy(hup=0.1, term=0.1, kill=1.0)


async def test_counts_how_sessions_ended(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        registry.create(engine, container, ExecSpec(command=("echo", "hi")), decision=ALLOWED)
        registry.create(engine, container, ExecSpec(command=("nope",)), decision=ALLOWED)
        registry.create(engine, container, SLEEP, decision=ALLOWED).close()
        async with asyncio.timeout(5):
            await registry.wait_empty()
    assert registry.totals.opened == 3
    assert registry.totals.ended == {"exited": 1, "failed": 1, "session.gone": 1}
    assert registry.totals.bytes_out == 3


async def test_leaving_ends_all_and_waits_for_their_processes(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        for _ in range(3):
            registry.create(engine, container, SLEEP, decision=ALLOWED)
        await asyncio.sleep(0)
        assert len(registry) == 3
    assert len(registry) == 0
    assert engine.running == 0


async def test_takes_no_more_than_its_limit(engine: FakeEngine, container: Container) -> None:
    async with Registry(max_sessions=1, end=QUICK) as registry:
        first = registry.create(engine, container, SLEEP, decision=ALLOWED)
        with pytest.raises(SessionError) as refused:
            registry.create(engine, container, SLEEP, decision=ALLOWED)
        assert refused.value.code == "session.limit"
        first.close()
        async with asyncio.timeout(5):
            await registry.wait_empty()
        registry.create(engine, container, SLEEP, decision=ALLOWED)


async def test_takes_none_while_it_stops_and_tells_the_others(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        attachment = registry.create(engine, container, SLEEP, decision=ALLOWED)
        registry.stop_accepting(message="bye")
        assert attachment.notices == [("server.stopping", "bye")]
        with pytest.raises(SessionError) as refused:
            registry.create(engine, container, SLEEP, decision=ALLOWED)
        assert refused.value.code == "server.stopping"


async def test_needs_a_decision_that_allows(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        with pytest.raises(ValueError, match="decision"):
            registry.create(engine, container, SLEEP, decision=ALLOWED._replace(allowed=False))
        assert len(registry) == 0


async def test_a_fault_in_one_session_ends_no_other(
    engine: FakeEngine, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Session.run

    async def faulty(session: Session) -> None:
        if session.spec.command == ("fault",):
            raise ZeroDivisionError
        await real(session)

    monkeypatch.setattr(Session, "run", faulty)
    async with Registry(end=QUICK) as registry:
        good = registry.create(engine, container, SLEEP, decision=ALLOWED)
        bad = registry.create(engine, container, ExecSpec(command=("fault",)), decision=ALLOWED)
        async with asyncio.timeout(5):
            await bad.session.wait_started()
        assert bad.session.failure is not None
        assert bad.session.failure.code == "internal"
        assert not good.session.is_over
        assert registry.sessions() == [good.session]


async def test_a_kept_session_is_found_by_its_principal_alone(engine: FakeEngine, container: Container) -> None:
    alice, bob = ALLOWED.principal, ALLOWED.principal._replace(name="bob")
    async with Registry(end=QUICK) as registry:
        attached = registry.create(engine, container, SLEEP, decision=ALLOWED, attachment="a" * 32)
        registry.create(engine, container, SLEEP, decision=ALLOWED)
        assert registry.find(alice, "a" * 32) is attached.session
        assert registry.find(bob, "a" * 32) is None
        assert registry.find(alice, "") is None
        attached.close()
        await eventually(lambda: len(registry) == 1, "the end of one")
        assert registry.find(alice, "a" * 32) is None


async def test_an_ended_session_is_found_until_its_client_knows(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        echo = ExecSpec(command=("echo",))
        attached = registry.create(engine, container, echo, decision=ALLOWED, attachment="a" * 32)
        attached.lose()
        await eventually(lambda: attached.session.is_over, "the end")
        assert registry.find(ALLOWED.principal, "a" * 32) is attached.session
        assert registry.totals.ended["exited"] == 1
        nothing = dict.fromkeys(attached.session.logs, 0)
        attached.session.resume(received=nothing, consumed=nothing).close()
        await eventually(lambda: len(registry) == 0, "nobody to be told")


async def test_a_server_that_keeps_nothing(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK, keep=0.0) as registry:
        attached = registry.create(engine, container, SLEEP, decision=ALLOWED, attachment="a" * 32)
        assert registry.find(ALLOWED.principal, "a" * 32) is None
        attached.lose()
        await eventually(lambda: len(registry) == 0, "the end")


async def test_a_stopping_server_waits_for_no_client(engine: FakeEngine, container: Container) -> None:
    async with asyncio.timeout(5), Registry(end=QUICK) as registry:
        attached = registry.create(
            engine, container, ExecSpec(command=("echo",)), decision=ALLOWED, attachment="a" * 32
        )
        attached.lose()
        await eventually(lambda: attached.session.is_over, "the end")
        assert len(registry) == 1
