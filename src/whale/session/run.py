"""A session's own task: start the exec, follow it to its end, and leave nothing behind."""

import asyncio
from collections.abc import Callable

import structlog

from whale.engine.seam import Exec, Permit
from whale.model.errors import ExecError, TargetError, WhaleError
from whale.model.exec import ExitStatus
from whale.session.session import Session

_log = structlog.get_logger("whale.session")


AskPermit = Callable[[Session], Permit]
"""Asks at once whether a session may start its command; the permit waits for the answer."""


async def run_session(session: Session, ask: AskPermit | None = None) -> None:
    """Run a session that was just made. Raises nothing but cancellation and faults of our own."""
    permit = ask(session) if ask is not None else None
    if session.recorder is not None:
        permit = session.recorder.permit(permit)
    try:
        exec = await session.engine.start_exec(
            session.container.id,
            session.spec,
            session=session.id,
            output=session,
            notes=session.memory.notes,
            permit=permit,
        )
    except WhaleError as error:
        session.finish(failure=error)
        return
    await follow_session(session, exec)


async def follow_session(session: Session, exec: Exec) -> None:
    """Follow an exec that runs to its end, or until the session is left to the next server."""
    status: ExitStatus | None = session.lost
    failure: WhaleError | None = None
    try:
        status = await _follow(session, exec)
    except (ExecError, TargetError) as error:  # it was never started
        status, failure = None, error
    except WhaleError as error:
        failure = error
    finally:
        if not session.is_abandoned:
            if status is not None and status.is_lost:
                # Nobody saw it end, so it may still run (PROTOCOL.md section 6).
                await _end_tree(session, exec)
            # Before its descriptors go: what is kept of it no longer has them.
            session.finish(status=status if failure is None else None, failure=failure)
        await exec.aclose()


async def _follow(session: Session, exec: Exec) -> ExitStatus:
    session.begin(exec)
    async with asyncio.TaskGroup() as tasks:
        control = tasks.create_task(_control(session, exec), name=f"control {session.id}")
        await session.wait_end()
        control.cancel()
    return await exec.wait() if session.is_output_over and not session.is_abandoned else session.lost


async def _control(session: Session, exec: Exec) -> None:
    while True:
        size, signals = await session.control.wanted()
        try:
            if size is not None:
                await exec.resize(size)
            for signal in signals:
                await exec.signal(signal)
        except WhaleError as error:
            _log.warning("session.control_failed", session=session.id, error=str(error))


async def _end_tree(session: Session, exec: Exec) -> None:
    try:
        if not await exec.end(session.end_policy):
            _log.error("session.processes_left", session=session.id, container=session.container.id)
    except WhaleError as error:
        _log.error("session.end_failed", session=session.id, container=session.container.id, error=str(error))
