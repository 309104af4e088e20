"""The order of every use case: who, what, which container, may they, then do it."""

import asyncio

import pytest

from tests.unit.broker.conftest import ALICE, House
from whale.model.container import ContainerState
from whale.model.errors import AccessDenied, AuthenticationError, EngineError, SessionError, TargetError, UsageError
from whale.model.exec import ExecSpec, Stream
from whale.model.principal import Action

TRUE = ExecSpec(command=("true",))


async def test_authenticates_by_the_header(house: House) -> None:
    assert await house.broker.authenticate("Bearer good") == ALICE
    with pytest.raises(AuthenticationError):
        await house.broker.authenticate(None)


async def test_opens_a_session_by_id_with_the_decision(house: House) -> None:
    attachment = await house.broker.open_session(ALICE, "web", TRUE)
    session = attachment.session
    assert session.container.name == "web"
    assert session.decision == (True, Action.EXEC, ALICE, "because")
    assert house.judge.asked == [(Action.EXEC, session.container.id, TRUE)]
    attachment.close()


async def test_a_command_is_an_exec_and_none_is_a_shell(house: House) -> None:
    attachment = await house.broker.open_session(ALICE, "web", ExecSpec(tty=True, stdin=True))
    assert house.judge.asked[0].action is Action.SHELL
    attachment.close()


async def test_decides_on_what_goes_to_the_engine(house: House) -> None:
    attachment = await house.broker.open_session(ALICE, "web", TRUE._replace(workdir="/tmp/./../tmp//"))
    asked = house.judge.asked[0].spec
    assert asked is not None
    assert asked.workdir == attachment.session.spec.workdir == "/tmp"
    attachment.close()


async def test_denied_starts_nothing_and_says_why(house: House) -> None:
    house.judge.allows = False
    with pytest.raises(AccessDenied) as denied:
        await house.broker.open_session(ALICE, "web", TRUE)
    assert denied.value.hint == "because"
    with pytest.raises(AccessDenied):
        await house.broker.containers(ALICE, all=True)
    with pytest.raises(AccessDenied):
        await house.broker.logs(ALICE, "web", follow=False, tail=None)
    assert house.registry.totals.opened == 0


async def test_what_no_policy_could_allow_is_refused_before_it_is_asked(house: House) -> None:
    with pytest.raises(UsageError) as refused:
        await house.broker.open_session(ALICE, "web", TRUE._replace(workdir="/proc/self/fd/7"))
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
        await house.broker.open_session(ALICE, "old", TRUE)
    assert refused.value.code == code
    assert house.registry.totals.opened == 0


async def test_a_start_that_fails_leaves_no_session(house: House) -> None:
    house.engine.fail_next_start(EngineError("refused"))
    with pytest.raises(EngineError, match="refused"):
        await house.broker.open_session(ALICE, "web", TRUE)
    async with asyncio.timeout(5):
        await house.registry.wait_empty()


async def test_who_gives_up_during_the_start_leaves_no_session(house: House) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await house.broker.open_session(ALICE, "web", ExecSpec(command=("sleep", "100")))
    async with asyncio.timeout(5):
        await house.registry.wait_empty()
    assert house.engine.running == 0


async def test_a_stopping_server_opens_none(house: House) -> None:
    house.registry.stop_accepting(message="bye")
    with pytest.raises(SessionError) as refused:
        await house.broker.open_session(ALICE, "web", TRUE)
    assert refused.value.code == "server.stopping"


async def test_lists_containers_and_reads_logs(house: House) -> None:
    assert [c.name for c in await house.broker.containers(ALICE, all=False)] == ["db", "web"]
    house.engine._find("web").write_log(b"line\n")
    pieces = [piece async for piece in await house.broker.logs(ALICE, "web", follow=False, tail=None)]
    assert pieces == [(Stream.STDOUT, b"line\n")]
    assert [asked.action for asked in house.judge.asked] == [Action.LIST, Action.LOGS]


async def test_asks_the_engine_what_it_is(house: House) -> None:
    assert (await house.broker.engine_info()).kind == "fake"


# -- coming back ---------------------------------------------------------------------------------------------------

ATTACHMENT = "5f" * 16
SLEEP = ExecSpec(command=("sleep", "100"))
NOTHING = {Stream.STDOUT: 0, Stream.STDERR: 0}


async def test_the_same_request_again_starts_nothing_twice(house: House) -> None:
    first = await house.broker.open_session(ALICE, "web", SLEEP, attachment=ATTACHMENT)
    first.lose()
    again = await house.broker.open_session(ALICE, "web", SLEEP, attachment=ATTACHMENT)
    assert again.session is first.session
    assert house.registry.totals.opened == 1
    again.close()


async def test_a_request_that_was_given_up_while_it_started_is_found_again(house: House) -> None:
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(house.broker.open_session(ALICE, "web", SLEEP, attachment=ATTACHMENT))
        while not house.registry.sessions():
            await asyncio.sleep(0)
        opening.cancel()
    again = await house.broker.open_session(ALICE, "web", SLEEP, attachment=ATTACHMENT)
    assert house.registry.totals.opened == 1
    await asyncio.sleep(0.3)  # longer than it takes to end a session
    assert not again.session.is_over
    again.close()


async def test_only_its_own_principal_comes_back(house: House) -> None:
    attachment = await house.broker.open_session(ALICE, "web", SLEEP, attachment=ATTACHMENT)
    attachment.lose()
    bob = ALICE._replace(name="bob")
    with pytest.raises(SessionError) as refused:
        await house.broker.resume_session(bob, ATTACHMENT, received=NOTHING, consumed=NOTHING)
    with pytest.raises(SessionError) as unknown:
        await house.broker.resume_session(ALICE, "0" * 32, received=NOTHING, consumed=NOTHING)
    assert str(refused.value) == str(unknown.value)
    resumed = await house.broker.resume_session(ALICE, ATTACHMENT, received=NOTHING, consumed=NOTHING)
    assert resumed.session is attachment.session
    resumed.close()


async def test_who_may_no_longer_does_not_come_back(house: House) -> None:
    attachment = await house.broker.open_session(ALICE, "web", SLEEP, attachment=ATTACHMENT)
    attachment.lose()
    house.judge.allows = False
    with pytest.raises(AccessDenied):
        await house.broker.resume_session(ALICE, ATTACHMENT, received=NOTHING, consumed=NOTHING)
    attachment.session.end()
