"""Translates what aiodocker, aiohttp and the operating system raise: the one place where it happens.

A message for the user never holds the engine's own text or address: those go into `detail`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiodocker.exceptions import DockerError

from whale.model.errors import EngineError, EngineUnavailable, TargetError, WhaleError
from whale.model.limits import ENGINE_TIMEOUT

_NO_CONNECTION = 900
"""The status aiodocker invents when it could not connect."""

UNAVAILABLE_HINT = "Check that the container engine runs and that whale-server may reach it."


@asynccontextmanager
async def engine_call(what: str, timeout: float = ENGINE_TIMEOUT) -> AsyncIterator[None]:
    """Give a request to the engine a deadline and translate its failure. `what` names it for the operator."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as error:
        raise unavailable(f"{what}: no answer in {timeout:g} s") from error
    except DockerError as error:
        raise from_answer(error.status, error.message, what) from error
    except (aiohttp.ClientError, OSError) as error:
        raise unavailable(f"{what}: {error}") from error
    except RuntimeError as error:
        # aiohttp's word for a client that has been closed.
        raise unavailable(f"{what}: {error}") from error
    except (AssertionError, KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
        # aiodocker reads answers with these; an engine, or what pretends to be one, sent something else.
        raise EngineError("the engine sent an answer that makes no sense", detail=f"{what}: {error!r}") from error


def unavailable(detail: str) -> EngineUnavailable:
    """Make the error for an engine that can't be reached."""
    return EngineUnavailable("the container engine can't be reached", hint=UNAVAILABLE_HINT, detail=detail)


def from_answer(status: int, text: str, what: str) -> WhaleError:
    """Turn the engine's answer with an error status into the error it means."""
    detail = f"{what}: {status} {text.strip()}"
    lower = text.lower()
    if status == _NO_CONNECTION:
        return unavailable(detail)
    if ("multiple" in lower and "found" in lower) or "more than one result" in lower:
        return TargetError(
            "that prefix fits more than one container",
            code="target.ambiguous",
            hint="Give more of the id, or the name. `whale ps --all` lists both.",
            detail=detail,
        )
    if status == 404:
        return not_found(detail)
    if status == 409 or "is not running" in lower or "is paused" in lower:
        return _conflict(lower, detail)
    return EngineError("the container engine refused or failed", detail=detail)


def not_found(detail: str = "") -> TargetError:
    """Make the error for a container that does not exist."""
    return TargetError("no such container", hint="`whale ps --all` lists the containers.", detail=detail)


def _conflict(lower: str, detail: str) -> TargetError:
    if "paused" in lower:
        return state_error("paused", detail)
    if "restarting" in lower:
        return state_error("restarting", detail)
    return state_error("exited", detail)


def state_error(state: str, detail: str = "") -> TargetError:
    """Make the error for a container that can't run an exec in the state it is in."""
    if state == "paused":
        return TargetError(
            "the container is paused",
            code="target.paused",
            hint="Whoever runs the container can resume it: docker unpause.",
            detail=detail,
        )
    if state == "restarting":
        return TargetError(
            "the container is restarting",
            code="target.restarting",
            hint="Try again in a moment. If it restarts again and again, its log says why: whale logs.",
            detail=detail,
        )
    return TargetError(
        "the container is not running",
        code="target.not_running",
        hint="Whoever runs the container can start it. Its log says why it stopped: whale logs.",
        detail=detail,
    )
