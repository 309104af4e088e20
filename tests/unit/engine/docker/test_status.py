from pathlib import Path

import pytest

from tests.unit.engine.docker.stand_in import StandIn, stand_in
from whale.engine.docker import status as room
from whale.engine.docker.client import EngineClient, ExecState
from whale.engine.docker.dial import parse_address
from whale.engine.docker.status import exit_status, final_state, poll_exec, why_lost
from whale.model.errors import EngineUnavailable
from whale.model.exec import ExitStatus
from whale.model.ids import ContainerId

C = ContainerId("c1")


def state(running: bool, code: int | None, pid: int) -> tuple[int, object]:
    return 200, {"Running": running, "ExitCode": code, "Pid": pid, "ProcessConfig": {"tty": False}}


def make(engine: StandIn) -> EngineClient:
    return EngineClient(parse_address(engine.url), "x")


async def test_it_asks_until_the_engine_knows(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/exec/e1/json"] = [state(True, None, 0), state(True, None, 7), state(False, 3, 7)]
        client = make(engine)
        assert await final_state(client, "e1") == ExecState(False, 3, 7)
        assert await exit_status(client, C, ExecState(False, 3, 7)) == ExitStatus(3)
        await client.aclose()


async def test_it_gives_up_but_not_on_a_process_that_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STATUS_TIMEOUT", 0.05)
    async with stand_in(tmp_path) as engine:
        engine.routes["/exec/e1/json"] = state(True, None, 7)
        client = make(engine)
        with pytest.raises(EngineUnavailable):
            await final_state(client, "e1")
        engine.routes["/exec/e1/json"] = [state(True, None, 7)] * 8 + [state(False, 0, 7)]
        seen: list[int] = []

        def is_alive(pid: int) -> bool:
            seen.append(pid)
            return True

        assert await final_state(client, "e1", is_alive=is_alive) == ExecState(False, 0, 7)
        assert seen == [7] * 8
        await client.aclose()


async def test_an_exec_that_nobody_knows(tmp_path: Path) -> None:
    async with stand_in(tmp_path) as engine:
        client = make(engine)
        assert await poll_exec(client, "gone", lambda _: False, timeout=1) is None
        await client.aclose()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {"message": "No such container: c1"}), "target.gone"),
        ((200, {"Id": "c1", "State": {"Status": "exited"}}), "target.gone"),
        ((200, {"Id": "c1", "State": {"Status": "running"}}), "engine.unavailable"),
        ((500, {"message": "oh"}), "engine.failed"),
    ],
)
async def test_why_nobody_knows(tmp_path: Path, answer: tuple[int, object], reason: str) -> None:
    async with stand_in(tmp_path) as engine:
        engine.routes["/containers/c1/json"] = answer
        client = make(engine)
        assert await exit_status(client, C, None) == ExitStatus(None, reason)
        await client.aclose()


async def test_an_engine_that_is_gone() -> None:
    client = EngineClient(parse_address("unix:///nowhere.sock"), "x")
    assert await why_lost(client, C) == ExitStatus(None, "engine.unavailable")
    await client.aclose()


@pytest.mark.parametrize("code", [None, -1, 256, 4294967295])
async def test_a_code_that_is_none_is_never_made_up(tmp_path: Path, code: int | None) -> None:
    async with stand_in(tmp_path) as engine:
        client = make(engine)
        assert await exit_status(client, C, ExecState(False, code, 7)) == ExitStatus(None, "engine.failed")
        await client.aclose()
