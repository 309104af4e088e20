"""All sessions of a server."""

import asyncio
import contextlib
import os

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALICE, ALLOWED, BOB, KEY, QUICK, new_session, offsets
from whale.engine.fake import FakeEngine
from whale.keeper.seam import Item
from whale.model.container import Container
from whale.model.errors import SessionError
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.keep import Keep
from whale.session import registry as room
from whale.session.registry import Registry
from whale.session.run import AskPermit, run_session
from whale.session.session import Session

SLEEP = ExecSpec(command=("sleep", "100"))
ECHO = ExecSpec(command=("echo", "hi"))


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


async def test_takes_no_more_of_one_principal_than_that(engine: FakeEngine, container: Container) -> None:
    bob = ALLOWED._replace(principal=ALLOWED.principal._replace(name="bob"))
    async with Registry(max_principal_sessions=2, end=QUICK) as registry:
        first = registry.create(engine, container, SLEEP, decision=ALLOWED, key="k")
        registry.create(engine, container, SLEEP, decision=ALLOWED)
        with pytest.raises(SessionError, match="you have 2 sessions") as refused:
            registry.create(engine, container, SLEEP, decision=ALLOWED)
        assert refused.value.code == "session.limit"
        registry.create(engine, container, SLEEP, decision=bob)
        await first.session.wait_started()
        first.lose()
        first.session.end(reason="session.killed")
        await eventually(lambda: registry.live == 2, "the end")
        assert first.session in registry.sessions(), "somebody may still ask how it ended"
        registry.create(engine, container, SLEEP, decision=ALLOWED)


async def test_takes_none_while_it_stops_and_tells_the_others(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        attachment = registry.create(engine, container, SLEEP, decision=ALLOWED)
        registry.stop_accepting(message="bye")
        assert list(attachment.notices) == [("server.stopping", "bye")]
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
    async def faulty(session: Session, ask: AskPermit | None = None) -> None:
        if session.spec.command == ("fault",):
            raise ZeroDivisionError
        await run_session(session)

    monkeypatch.setattr("whale.session.registry.run_session", faulty)
    async with Registry(end=QUICK) as registry:
        good = registry.create(engine, container, SLEEP, decision=ALLOWED)
        bad = registry.create(engine, container, ExecSpec(command=("fault",)), decision=ALLOWED)
        async with asyncio.timeout(5):
            await bad.session.wait_started()
        assert bad.session.failure is not None
        assert bad.session.failure.code == "internal"
        assert not good.session.is_over
        assert registry.live == 1


async def test_an_attachment_is_found_by_its_principal_alone(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        attached = registry.create(engine, container, SLEEP, decision=ALLOWED, key=KEY)
        registry.create(engine, container, SLEEP, decision=ALLOWED)
        assert registry.find_attachment(ALICE, KEY) is attached
        assert registry.find_attachment(BOB, KEY) is None
        assert registry.find_attachment(ALICE, "") is None
        attached.close()
        await eventually(lambda: len(registry) == 1, "the end of one")
        assert registry.find_attachment(ALICE, KEY) is None


async def test_an_ended_session_is_found_until_its_client_knows(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        attached = registry.create(engine, container, ExecSpec(command=("echo",)), decision=ALLOWED, key=KEY)
        attached.lose()
        await eventually(lambda: attached.session.is_over, "the end")
        assert registry.find_attachment(ALICE, KEY) is attached
        assert (registry.live, registry.waiting, registry.totals.ended["exited"]) == (0, 1, 1)
        resumed = attached.session.attendance.resume(attached, received=offsets(0), consumed=offsets(0))
        resumed.close()
        await eventually(lambda: len(registry) == 0, "nobody to be told")


async def test_a_server_that_keeps_nothing(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK, keep=Keep(pipe=0, terminal=0)) as registry:
        registry.create(engine, container, SLEEP, decision=ALLOWED, key=KEY).lose()
        await eventually(lambda: len(registry) == 0, "the end")


async def test_pipes_and_terminals_are_kept_for_their_own_time(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK, keep=Keep(pipe=1, terminal=2)) as registry:
        pipe = registry.create(engine, container, SLEEP, decision=ALLOWED)
        terminal = registry.create(engine, container, SLEEP._replace(tty=True), decision=ALLOWED)
        assert (pipe.session.attendance.keep, terminal.session.attendance.keep) == (1, 2)


async def test_finds_by_id_prefix_and_name(engine: FakeEngine, container: Container) -> None:
    async with Registry(end=QUICK) as registry:
        one = registry.create(engine, container, SLEEP, decision=ALLOWED, name="build").session
        two = registry.create(engine, container, SLEEP, decision=ALLOWED, name="build").session
        short = registry.create(engine, container, SLEEP, decision=ALLOWED, name=one.id[:12]).session
        assert registry.find(one.id) == ([one], [], [one])
        assert registry.find(one.id[:12]) == ([], [short], [one])
        assert registry.find("build") == ([], [one, two], [])
        assert registry.find(one.id[:3]) == ([], [], [])
        assert registry.find("") == ([], [], [])
        assert registry.find_named(ALICE, "build") is one
        assert registry.find_named(BOB, "build") is None
        assert set(registry.ids()) == {one.id, two.id, short.id}


async def test_a_stopping_server_waits_for_no_client(engine: FakeEngine, container: Container) -> None:
    async with asyncio.timeout(5), Registry(end=QUICK) as registry:
        attached = registry.create(engine, container, ExecSpec(command=("echo",)), decision=ALLOWED, key="a" * 32)
        attached.lose()
        await eventually(lambda: attached.session.is_over, "the end")
        assert len(registry) == 1


# -- what an earlier server left -----------------------------------------------------------------------------------


async def left_behind(engine: FakeEngine, container: Container) -> Item:
    """A session that has ended and whose client was not told, as another process had it."""
    session = new_session(engine, container, shared=True, keep=60, name="build")
    session.attendance.attach(ALICE, key=KEY)
    session.finish(status=ExitStatus(7))
    return Item(session.id, (os.dup(session.memory.descriptor),))


async def test_goes_on_with_a_session_that_has_ended(engine: FakeEngine, container: Container) -> None:
    item = await left_behind(engine, container)
    async with Registry(end=QUICK) as registry:
        registry.adopt(engine, item)
        found = registry.find_attachment(ALICE, KEY)
        assert found is not None
        assert found.session.status == (7, "")
        assert (found.session.name, found.session.owner) == ("build", "alice")
        found.session.attendance.resume(found, received=offsets(0), consumed=offsets(0)).close()
        await eventually(lambda: len(registry) == 0, "nobody to be told")


async def test_those_that_have_ended_take_nobodys_place_and_not_all_are_held(
    engine: FakeEngine, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_ENDED", 2)
    async with Registry(max_sessions=1, end=QUICK) as registry:
        made = []
        for number in range(3):
            attachment = registry.create(engine, container, ECHO, decision=ALLOWED, key=f"{number:032}")
            made.append(attachment.session)
            if number:
                attachment.lose()
            await eventually(lambda: registry.live == 0, "the end")
        await eventually(lambda: len(registry) == 2, "one less")
        assert registry.sessions() == [made[0], made[2]], "who is there is told first"
        assert registry.find_attachment(ALICE, f"{1:032}") is None
        assert registry.find_attachment(ALICE, f"{2:032}") is not None


async def test_what_makes_no_sense_is_let_go_of(engine: FakeEngine, container: Container) -> None:
    descriptor = os.memfd_create("nonsense")
    async with Registry(end=QUICK) as registry:
        registry.adopt(engine, Item("a" * 32, (descriptor,)))
        assert len(registry) == 0
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)
    running = new_session(engine, container, shared=True, keep=60)
    running.save()
    other = os.dup(running.memory.descriptor)
    async with Registry(end=QUICK) as registry:
        registry.adopt(engine, Item(running.id, (other,)))  # a fake engine's exec can't be adopted
        assert len(registry) == 0
    with contextlib.suppress(OSError):
        os.close(other)


async def test_leaves_to_the_next_server_what_somebody_can_come_back_to(
    engine: FakeEngine, container: Container
) -> None:
    async with Registry(end=QUICK) as registry:
        kept = registry.create(engine, container, SLEEP, decision=ALLOWED, key=KEY).session
        left = registry.create(engine, container, SLEEP, decision=ALLOWED)
        alone = registry.create(engine, container, SLEEP, decision=ALLOWED).session
        registry.create(engine, container, SLEEP, decision=ALLOWED, key="77" * 16)
        for session in (kept, left.session, alone):
            await session.wait_started()
            registry.shelf.put(session.id, ())
        left.detach()
        assert registry.abandon() == 2
        assert (kept.is_abandoned, left.session.is_abandoned, alone.is_abandoned) == (True, True, False)
