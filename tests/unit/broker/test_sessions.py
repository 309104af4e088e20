"""The order of every use case: who, what, which container, may they, then do it."""

import asyncio
from functools import partial

import pytest

from tests.unit.broker.conftest import ALICE, BOB, House
from whale.model.container import Container, ContainerState
from whale.model.errors import AccessDenied, EngineError, SessionError, TargetError, UsageError
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import SessionId
from whale.model.principal import Action, Decision
from whale.model.role import Role
from whale.session.session import Session

TRUE = ExecSpec(command=("true",))


async def test_opens_a_session_by_id_with_the_decision(house: House) -> None:
    attachment = await house.sessions.open(ALICE, "web", TRUE)
    session = attachment.session
    assert session.container.name == "web"
    assert session.decision == Decision(True, Action.EXEC, ALICE, "because", ("judge",))
    assert house.judge.asked == [(Action.EXEC, session.container.id, TRUE)]
    attachment.close()


async def test_a_command_is_an_exec_and_none_is_a_shell(house: House) -> None:
    attachment = await house.sessions.open(ALICE, "web", ExecSpec(tty=True, stdin=True))
    assert house.judge.asked[0].action is Action.SHELL
    attachment.close()


async def test_decides_on_what_goes_to_the_engine(house: House) -> None:
    attachment = await house.sessions.open(ALICE, "web", TRUE._replace(workdir="/tmp/./../tmp//"))
    asked = house.judge.asked[0].spec
    assert asked is not None
    assert asked.workdir == attachment.session.spec.workdir == "/tmp"
    attachment.close()


async def test_denied_starts_nothing_and_says_why(house: House) -> None:
    house.judge.allows = False
    with pytest.raises(AccessDenied) as denied:
        await house.sessions.open(ALICE, "web", TRUE)
    assert denied.value.hint == "because"
    assert house.registry.totals.opened == 0


async def test_what_no_policy_could_allow_is_refused_before_it_is_asked(house: House) -> None:
    with pytest.raises(UsageError) as refused:
        await house.sessions.open(ALICE, "web", TRUE._replace(workdir="/proc/self/fd/7"))
    assert refused.value.code == "usage.workdir"
    assert house.judge.asked == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (ContainerState.EXITED, "target.not_running"),
        (ContainerState.PAUSED, "target.paused"),
        (ContainerState.RESTARTING, "target.restarting"),
    ],
)
async def test_a_container_that_does_not_run_is_refused(house: House, state: ContainerState, code: str) -> None:
    house.engine.add_container("old", state=state)
    with pytest.raises(TargetError) as refused:
        await house.sessions.open(ALICE, "old", TRUE)
    assert refused.value.code == code
    assert house.registry.totals.opened == 0


async def test_a_start_that_fails_leaves_no_session(house: House) -> None:
    house.engine.fail_next_start(EngineError("refused"))
    with pytest.raises(EngineError, match="refused"):
        await house.sessions.open(ALICE, "web", TRUE)
    async with asyncio.timeout(5):
        await house.registry.wait_empty()


async def test_who_gives_up_during_the_start_leaves_no_session(house: House) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await house.sessions.open(ALICE, "web", ExecSpec(command=("sleep", "100")))
    async with asyncio.timeout(5):
        await house.registry.wait_empty()
    assert house.engine.running == 0


async def test_a_stopping_server_opens_none(house: House) -> None:
    house.registry.stop_accepting(message="bye")
    with pytest.raises(SessionError) as refused:
        await house.sessions.open(ALICE, "web", TRUE)
    assert refused.value.code == "server.stopping"


# -- coming back ---------------------------------------------------------------------------------------------------

OTHER = "77" * 16
ATTACHMENT = "5f" * 16
SLEEP = ExecSpec(command=("sleep", "100"))
NOTHING = {Stream.STDOUT: 0, Stream.STDERR: 0}


async def test_the_same_request_again_starts_nothing_twice(house: House) -> None:
    first = await house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)
    first.lose()
    again = await house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)
    assert again.session is first.session
    assert house.registry.totals.opened == 1
    again.close()


async def test_a_request_that_was_given_up_while_it_started_is_found_again(house: House) -> None:
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT))
        while not house.registry.sessions():
            await asyncio.sleep(0)
        opening.cancel()
    again = await house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)
    assert house.registry.totals.opened == 1
    await asyncio.sleep(0.3)  # longer than it takes to end a session
    assert not again.session.is_over
    again.close()


async def test_only_its_own_principal_comes_back(house: House) -> None:
    attachment = await house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)
    attachment.lose()
    bob = ALICE._replace(name="bob")
    with pytest.raises(SessionError) as refused:
        await house.sessions.resume(bob, ATTACHMENT, received=NOTHING, consumed=NOTHING)
    with pytest.raises(SessionError) as unknown:
        await house.sessions.resume(ALICE, "0" * 32, received=NOTHING, consumed=NOTHING)
    assert str(refused.value) == str(unknown.value)
    resumed = await house.sessions.resume(ALICE, ATTACHMENT, received=NOTHING, consumed=NOTHING)
    assert resumed.session is attachment.session
    resumed.close()


async def test_who_may_no_longer_does_not_come_back(house: House) -> None:
    attachment = await house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)
    attachment.lose()
    house.judge.allows = False
    with pytest.raises(AccessDenied):
        await house.sessions.resume(ALICE, ATTACHMENT, received=NOTHING, consumed=NOTHING)
    attachment.session.end()


# -- joining, listing, killing -------------------------------------------------------------------------------------

SHELL = ExecSpec(tty=True, stdin=True)


async def test_joins_by_id_prefix_and_name(house: House) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL, name="build")
    id = owner.session.id
    for reference in (id, id[:8], "build"):
        joined = await house.sessions.join(ALICE, reference, role=Role.VIEWER, key="", size=None)
        assert joined.session is owner.session
        assert (joined.role, joined.has_joined) == (Role.VIEWER, True)
        joined.close()
    owner.close()


async def test_a_name_is_joined_by_whoever_has_it(house: House) -> None:
    first = await house.sessions.open(ALICE, "web", SHELL, name="build")
    again = await house.sessions.open(ALICE, "web", SHELL, name="build")
    other = await house.sessions.open(BOB, "web", SHELL, name="build")
    assert again.session is first.session
    assert other.session is not first.session
    with pytest.raises(SessionError) as refused:
        await house.sessions.open(ALICE, "db", SHELL, name="build")
    assert refused.value.code == "session.conflict"


async def test_a_join_whose_answer_was_lost_is_the_same_attachment(house: House) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    first = await house.sessions.join(ALICE, owner.session.id, role=Role.VIEWER, key=ATTACHMENT, size=None)
    first.lose()
    again = await house.sessions.join(ALICE, owner.session.id, role=Role.VIEWER, key=ATTACHMENT, size=None)
    assert len(owner.session.audience.members) == 2
    assert (again.role, again.source, again.has_joined) == (Role.VIEWER, first.source, True)


async def test_two_requests_of_one_client_at_the_same_time_are_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    real, started = house.engine.container, Session.wait_started

    async def container(reference: str) -> Container:
        await gate.wait()
        return await real(reference)

    async def wait_started(session: Session) -> None:
        await gate.wait()
        await started(session)

    monkeypatch.setattr(house.engine, "container", container)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        opened = [tasks.create_task(house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)) for _ in "ab"]
        await asyncio.sleep(0)
        gate.set()
    assert house.registry.totals.opened == 1
    assert [task.result().is_superseded for task in opened] == [True, False]
    (session,) = house.registry.sessions()
    gate.clear()
    monkeypatch.setattr(Session, "wait_started", wait_started)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        join = partial(house.sessions.join, ALICE, session.id, role=Role.VIEWER, key=OTHER, size=None)
        joined = [tasks.create_task(join()) for _ in "ab"]
        await asyncio.sleep(0)
        gate.set()
    assert len(session.audience.members) == 2
    assert [task.result().is_superseded for task in joined] == [True, False]


async def test_what_one_may_not_see_does_not_exist(house: House) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL, name="build")
    assert await house.sessions.list(BOB) == []
    for ask in (house.sessions.find, house.sessions.kill):
        with pytest.raises(SessionError) as hidden:
            ask(BOB, owner.session.id)
        with pytest.raises(SessionError) as unknown:
            ask(BOB, "0" * 32)
        assert str(hidden.value) == str(unknown.value)
    with pytest.raises(SessionError):
        await house.sessions.join(BOB, "build", role=Role.VIEWER, key="", size=None)


async def test_who_may_look_may_not_type_or_kill(house: House) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    house.judge.others = {Action.VIEW}
    assert await house.sessions.list(BOB) == [owner.session]
    viewer = await house.sessions.join(BOB, owner.session.id, role=Role.VIEWER, key="", size=None)
    with pytest.raises(AccessDenied):
        await house.sessions.join(BOB, owner.session.id, role=Role.CONTROLLER, key="", size=None)
    with pytest.raises(AccessDenied):
        house.sessions.change_role(BOB, viewer, Role.CONTROLLER)
    with pytest.raises(AccessDenied):
        house.sessions.kill(BOB, owner.session.id)
    assert not viewer.is_controller
    house.judge.others |= {Action.ATTACH}
    house.sessions.change_role(BOB, viewer, Role.CONTROLLER)
    assert viewer.is_controller


async def test_kills(house: House) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    assert house.sessions.kill(ALICE, owner.session.id) is owner.session
    async with asyncio.timeout(5):
        await house.registry.wait_empty()
    assert owner.session.status == (None, "session.killed")


async def test_one_of_several_has_to_be_named(house: House) -> None:
    await house.sessions.open(ALICE, "web", SHELL, name="build")
    house.judge.others = {Action.VIEW}
    for reference in ("build",):
        assert house.sessions.find(BOB, reference).owner == "alice"
    await house.sessions.open(BOB._replace(name="carol"), "web", SHELL, name="build")
    with pytest.raises(SessionError) as refused:
        house.sessions.find(BOB, "build")
    assert refused.value.code == "session.ambiguous"
    await house.sessions.open(BOB, "web", SHELL, name="build")
    assert house.sessions.find(BOB, "build").owner == "bob", "one's own comes first"


async def test_nobody_takes_a_reference_to_ones_own_by_a_name(house: House) -> None:
    mine = (await house.sessions.open(ALICE, "web", SHELL)).session
    for reference in (mine.id, mine.id[:8]):
        theirs = (await house.sessions.open(BOB, "web", SHELL, name=reference)).session
        for others in (set[Action](), {Action.VIEW}):
            house.judge.others = others
            assert house.sessions.find(ALICE, reference) is mine
            assert house.sessions.find(BOB, reference) is theirs


async def test_what_one_may_not_see_is_not_ambiguous(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["5f5f" + "0" * 28, "5f5f" + "1" * 28])
    monkeypatch.setattr("whale.session.registry.new_session_id", lambda: SessionId(next(ids)))
    mine = (await house.sessions.open(ALICE, "web", SHELL)).session
    theirs = (await house.sessions.open(BOB, "web", SHELL)).session
    assert house.sessions.find(ALICE, "5f5f") is mine
    house.judge.others = {Action.VIEW}
    assert house.sessions.find(ALICE, "5f5f") is mine, "one's own comes first"
    carol = BOB._replace(name="carol")
    with pytest.raises(SessionError) as refused:
        house.sessions.find(carol, "5f5f")
    assert refused.value.code == "session.ambiguous"
    assert house.sessions.find(carol, theirs.id) is theirs


async def test_who_left_while_it_was_opened_is_given_up(house: House) -> None:
    attachment = await house.sessions.open(ALICE, "web", SLEEP, key=ATTACHMENT)
    attachment.lose()
    house.sessions.give_up(BOB, ATTACHMENT)
    house.sessions.give_up(ALICE, "")
    assert len(house.registry) == 1
    house.sessions.give_up(ALICE, ATTACHMENT)
    async with asyncio.timeout(5):
        await house.registry.wait_empty()


async def test_who_comes_back_need_not_say_again_why(house: House) -> None:
    alice = ALICE._replace(purpose="ticket 42")
    attachment = await house.sessions.open(alice, "web", ExecSpec(tty=True, stdin=True), key="a")
    attachment.lose()
    house.judge.purposes.clear()
    nothing = {Stream.STDOUT: 0, Stream.STDERR: 0}
    back = await house.sessions.resume(ALICE, "a", received=nothing, consumed=nothing)
    house.sessions.change_role(ALICE, back, Role.VIEWER)
    assert set(house.judge.purposes) == {"ticket 42"}
    back.close()
