"""Idle sessions: one that has had neither input nor output for a while keeps no more memory than it needs.

A terminal needs its picture, and the newest bytes for a client that comes back for them; when nobody is attached or
waited for, the picture alone: whoever attaches is sent that. A pipe needs what nobody has taken yet. What was written
before has left its pages behind, and they are given back to the system.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from whale.model.exec import Stream
from whale.model.limits import IDLE_AFTER, KIB, MIN_LOG
from whale.session.picture import Picture
from whale.session.ring import RingLog
from whale.session.session import Session

PIECE = 256 * KIB
"""Output that is drawn before others get their turn."""


async def rest_idle(sessions: Callable[[], Iterable[Session]], *, after: float = IDLE_AFTER) -> None:
    """Look after all sessions for ever."""
    while True:
        await asyncio.sleep(after)
        for session in list(sessions()):
            if session.rested < session.touched < time.time() - after:
                await rest(session)


async def rest(session: Session) -> None:
    """Give back what a session does not need while nothing happens. Output and clients may come at any time."""
    if session.is_let_go:
        return
    session.rested = time.time()
    if session.picture is not None:
        await _fold(session, session.picture, session.logs[Stream.STDOUT])
    if not session.is_let_go:
        for number, log in enumerate(session.logs.values()):
            session.memory.give_back(number, start=log.start, end=log.end)


async def _fold(session: Session, picture: Picture, log: RingLog) -> None:
    """Let the newest picture stand for the output before it."""
    keep = log.window if session.audience.members else MIN_LOG
    if not picture.is_emulated and log.end - log.start <= keep:
        return
    session.trim()
    if log.needed < log.end:
        return  # somebody still takes it; what nobody was sent may be ours to answer
    picture.catch_up(log, to=log.start)  # opens an emulator, from which on there is something to feed
    while picture.offset < log.end and not session.is_let_go:
        picture.catch_up(log, to=min(log.end, picture.offset + PIECE))
        await asyncio.sleep(0)
    if session.is_let_go:
        return
    if picture.is_known and not picture.is_emulated:
        session.rested = 0.0  # there is no emulator just now, and only the log can make the picture: look again later
        return
    if picture.save(log, to=log.end):
        session.picture = picture.folded()
    log.trim(offset=max(log.start, min(log.needed, log.end - keep)))
    session.save()
