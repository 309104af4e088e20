import asyncio

import aiohttp
import pytest
from aiodocker.exceptions import DockerError

from whale.engine.docker.errors import engine_call, from_answer, state_error
from whale.model.errors import EngineError, EngineUnavailable, WhaleError
from whale.model.outcomes import OUTCOMES


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (900, "Cannot connect to Docker Engine", "engine.unavailable"),
        (400, "multiple IDs found with provided prefix: 5", "target.ambiguous"),
        (500, "more than one result for container name or ID ab: ambiguous", "target.ambiguous"),
        (404, "No such container: x", "target.not_found"),
        (409, "Container ab is not running", "target.not_running"),
        (409, "Container ab is paused, unpause the container before exec", "target.paused"),
        (409, "Container ab is restarting, wait until the container is running", "target.restarting"),
        (500, "container ab is not running: exited", "target.not_running"),
        (500, "something broke at /var/lib/docker", "engine.failed"),
    ],
)
def test_what_an_answer_means(status: int, text: str, code: str) -> None:
    error = from_answer(status, text, "POST /x")
    assert error.code == code
    assert error.code in OUTCOMES
    assert text not in error.message + error.hint
    assert text in error.detail


def test_every_state_has_its_hint() -> None:
    for state, code in (("paused", "paused"), ("restarting", "restarting"), ("exited", "not_running")):
        error = state_error(state)
        assert error.code == f"target.{code}"
        assert error.hint


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (DockerError(404, "No such container: x"), "target.not_found"),
        (aiohttp.ServerDisconnectedError(), "engine.unavailable"),
        (ConnectionRefusedError("no"), "engine.unavailable"),
        (FileNotFoundError("/run/docker.sock"), "engine.unavailable"),
        (TimeoutError(), "engine.unavailable"),
        (RuntimeError("Session is closed"), "engine.unavailable"),
        (KeyError("Id"), "engine.failed"),
        (ValueError("not JSON"), "engine.failed"),
    ],
)
async def test_every_foreign_error_is_translated(raised: Exception, code: str) -> None:
    with pytest.raises(WhaleError) as caught:
        async with engine_call("GET /x"):
            raise raised
    assert caught.value.code == code
    assert "GET /x" in caught.value.detail


async def test_a_call_has_a_deadline() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        async with engine_call("GET /slow", 0.01):
            await asyncio.sleep(10)
    assert "0.01" in caught.value.detail


async def test_what_is_ours_passes() -> None:
    error = EngineError("ours")
    with pytest.raises(EngineError) as caught:
        async with engine_call("GET /x"):
            raise error
    assert caught.value is error
    with pytest.raises(asyncio.CancelledError):
        async with engine_call("GET /x"):
            raise asyncio.CancelledError
