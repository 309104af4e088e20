"""Finds out how an exec ended. An engine tells nobody: it has to be asked until it knows.

Never makes a status up. What can't be known is `lost`, with the error code that says why.
"""

import asyncio
from collections.abc import Callable

from whale.engine.docker.client import EngineClient, ExecState
from whale.engine.docker.errors import unavailable
from whale.model.container import ContainerState
from whale.model.errors import EngineError, EngineUnavailable, TargetError
from whale.model.exec import ExitStatus
from whale.model.ids import ContainerId
from whale.model.limits import STATUS_TIMEOUT

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.25

LOST_GONE = ExitStatus(None, "target.gone")
LOST_UNAVAILABLE = ExitStatus(None, "engine.unavailable")
LOST_FAILED = ExitStatus(None, "engine.failed")


async def poll_exec(
    client: EngineClient,
    exec_id: str,
    until: Callable[[ExecState], bool],
    *,
    timeout: float,
    is_alive: Callable[[int], bool] = lambda _pid: False,
) -> ExecState | None:
    """Ask for the exec's state until `until` accepts it; None when the engine no longer knows the exec.

    The pauses between two questions grow from 1 ms to 250 ms. Time in which `is_alive` sees the process itself
    does not count. Raises `EngineUnavailable` when `timeout` seconds were not enough, or when nobody answers.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    pause = _FIRST_PAUSE
    while True:
        state = await client.inspect_exec(exec_id)
        if state is None or until(state):
            return state
        if is_alive(state.pid):
            deadline = loop.time() + timeout
        elif loop.time() >= deadline:
            raise unavailable(f"exec {exec_id}: no final state after {timeout:g} s")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def final_state(
    client: EngineClient, exec_id: str, *, is_alive: Callable[[int], bool] = lambda _pid: False
) -> ExecState | None:
    """Wait until the engine calls the exec ended."""
    return await poll_exec(
        client, exec_id, lambda state: not state.is_running, timeout=STATUS_TIMEOUT, is_alive=is_alive
    )


async def exit_status(client: EngineClient, container: ContainerId, state: ExecState | None) -> ExitStatus:
    """Turn a final state into a status, or say why there is none."""
    if state is None:
        return await why_lost(client, container)
    if state.code is None or not 0 <= state.code <= 255:
        return LOST_FAILED
    return ExitStatus(state.code)


async def why_lost(client: EngineClient, container: ContainerId) -> ExitStatus:
    """Say why the engine knows nothing of an exec: its container is gone, or the engine forgot it."""
    try:
        found = await client.inspect_container(container)
    except TargetError:
        return LOST_GONE
    except EngineUnavailable:
        return LOST_UNAVAILABLE
    except EngineError:
        return LOST_FAILED
    running = str((found.get("State") or {}).get("Status")) == ContainerState.RUNNING.value
    return LOST_UNAVAILABLE if running else LOST_GONE
