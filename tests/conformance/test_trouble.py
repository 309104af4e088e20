"""Containers and engines that go away, and what is left behind."""

import asyncio

import pytest

from tests.conformance.rig import Rig
from tests.engines import TIMEOUT, Recorder, failure, run, start
from whale.engine.seam import EndPolicy
from whale.model.errors import EngineUnavailable, TargetError
from whale.model.exec import ExecSpec, ExitStatus
from whale.model.ids import new_session_id

END = EndPolicy(hup=0.5, term=0.5, kill=5.0)


async def until_no_processes(rig: Rig) -> None:
    async with asyncio.timeout(TIMEOUT):
        while await rig.processes():
            await asyncio.sleep(0.05)


async def test_ending_leaves_no_process(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100")
    await output.until_out(b"ready\n")
    assert await running.end(END)
    await output.until_ended()
    assert await running.wait() == ExitStatus(129)
    assert await rig.processes() == []
    await running.aclose()


async def test_ending_what_ignores_hup_and_term(rig: Rig) -> None:
    running, output = await start(
        rig.engine, rig.box, "sh", "-c", "trap '' HUP TERM; echo ready; sleep 100; sleep 100; sleep 100"
    )
    await output.until_out(b"ready\n")
    assert await running.end(EndPolicy(hup=0.1, term=0.1, kill=5.0))
    await output.until_ended()
    assert await running.wait() == ExitStatus(137)
    assert await rig.processes() == []
    await running.aclose()


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
async def test_a_cancelled_start_leaves_no_process(rig: Rig, tty: bool) -> None:
    for pause in (0.0, 0.01, 0.03, 0.06, 0.1):
        task = asyncio.create_task(start(rig.engine, rig.box, "sleep", "100", tty=tty))  # noqa: TID251
        await asyncio.sleep(pause)
        if task.done():
            running, _ = task.result()
            assert await running.end(END)
            await running.aclose()
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    await until_no_processes(rig)


async def test_a_stopped_container_ends_the_stream_with_a_real_status_or_none(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100")
    await output.until_out(b"ready\n")
    await rig.stop()
    await output.until_ended()
    assert await running.wait() in (ExitStatus(137), ExitStatus(None, "target.gone"))
    assert await running.end(END)
    await running.aclose()


async def test_a_removed_container_ends_the_stream_and_the_status_is_never_success(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100")
    await output.until_out(b"ready\n")
    await rig.remove()
    await output.until_ended()
    assert await running.wait() in (ExitStatus(137), ExitStatus(None, "target.gone"))
    assert await running.end(END)
    await running.aclose()


async def test_an_engine_that_goes_away_loses_the_status_and_says_so(rig: Rig) -> None:
    running, output = await start(rig.engine, rig.box, "sh", "-c", "echo ready; sleep 100")
    await output.until_out(b"ready\n")
    await rig.engine_down()
    await output.until_ended()
    assert await running.wait() == ExitStatus(None, "engine.unavailable")
    with pytest.raises(EngineUnavailable):
        await rig.engine.containers()
    with pytest.raises(EngineUnavailable):
        await rig.engine.start_exec(
            rig.box.id, ExecSpec(command=("true",)), session=new_session_id(), output=Recorder()
        )
    await rig.engine_up()
    await running.end(END)
    await running.aclose()
    assert (await run(rig.engine, rig.box, "echo", "back")).out == b"back\n"
    await until_no_processes(rig)


async def test_a_stopped_container_refuses_a_start(rig: Rig) -> None:
    await rig.stop()
    await refuses(rig, "target.not_running")


async def test_a_paused_container_refuses_a_start(rig: Rig) -> None:
    await rig.pause()
    await refuses(rig, "target.paused")


async def test_a_removed_container_refuses_a_start(rig: Rig) -> None:
    await rig.remove()
    await refuses(rig, "target.not_found")


async def refuses(rig: Rig, code: str) -> None:
    assert await failure(rig.engine, rig.box, ExecSpec(command=("true",)), TargetError) == code


async def test_containers_are_found_by_name_id_and_unique_prefix(rig: Rig) -> None:
    for reference in (rig.box.name, rig.box.id, rig.box.id[:12]):
        found = await rig.engine.container(reference)
        assert (found.id, found.name, found.state) == (rig.box.id, rig.box.name, rig.box.state)
    assert rig.box.id in {c.id for c in await rig.engine.containers()}


@pytest.mark.parametrize("reference", ["no-such-container", "", "../etc", "a b", "a%2fb", "x" * 300])
async def test_what_is_no_container_is_not_found(rig: Rig, reference: str) -> None:
    with pytest.raises(TargetError) as caught:
        await rig.engine.container(reference)
    assert caught.value.code == "target.not_found"


async def test_a_stopped_container_is_listed_only_with_all(rig: Rig) -> None:
    await rig.stop()
    assert rig.box.id not in {c.id for c in await rig.engine.containers()}
    assert rig.box.id in {c.id for c in await rig.engine.containers(all=True)}


async def test_the_engine_says_what_it_is(rig: Rig) -> None:
    info = await rig.engine.info()
    assert info.kind == rig.kind
    assert info.name == rig.engine.name
    assert info.version
