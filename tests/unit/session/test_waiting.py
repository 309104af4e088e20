"""Clocks, against the event loop's own."""

import asyncio

import pytest

from tests.engines import eventually
from tests.unit.session.conftest import ALICE
from whale.model.role import Role
from whale.session import waiting
from whale.session.attachment import Attachment
from whale.session.session import Session, SessionState
from whale.session.waiting import Waiting


class Heard:
    """What has run out, in order."""

    def __init__(self) -> None:
        self.given_up: list[Attachment] = []
        self.run_out = 0

    def nobody(self) -> None:
        self.run_out += 1


@pytest.fixture
def heard() -> Heard:
    return Heard()


def clocks(session: Session, heard: Heard, *, keep: float) -> Waiting:
    return Waiting(session, keep=keep, given_up=heard.given_up.append, run_out=heard.nobody)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_each_has_its_own_time(session: Session, heard: Heard) -> None:
    made = clocks(session, heard, keep=0.05)
    first, second, third = (session.attendance.attach(ALICE, role=Role.VIEWER) for _ in "abc")
    for one in (second, first, third):
        made.wait_for(one)
    assert made.lost == (second, first, third)
    made.forget(first)
    made.forget(first)
    await eventually(lambda: len(heard.given_up) == 2, "two to be given up")
    assert heard.given_up == [second, third]


async def test_a_controller_stops_the_clock_and_a_viewer_does_not(session: Session, heard: Heard) -> None:
    made = clocks(session, heard, keep=0.05)
    made.leave()
    made.wait_for_anybody()
    made.come(Role.VIEWER)
    assert [made.is_for_anybody, made.was_left] == [True, True]
    made.come(Role.CONTROLLER)
    assert [made.is_for_anybody, made.was_left] == [False, False]
    await asyncio.sleep(0.1)
    assert heard.run_out == 0
    made.wait_for_anybody()
    await eventually(lambda: heard.run_out == 1, "the time to be up")


async def test_the_clock_can_begin_when_one_detached(session: Session, heard: Heard) -> None:
    made = clocks(session, heard, keep=60.0)
    made.leave()
    await asyncio.sleep(0.01)
    left = now()
    made.wait_for_anybody(since_left=True)
    assert made._detached is not None
    assert made._detached.when() < left + 60.0
    made.stop()


async def test_the_end_shortens_the_wait_for_anybody(
    session: Session, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "KEEP", 30.0)
    made = clocks(session, heard, keep=60.0)
    before, after = (session.attendance.attach(ALICE, role=Role.VIEWER) for _ in "ab")
    made.wait_for(before)
    made.wait_for_anybody()
    assert made.patience == 60.0
    session.state = SessionState.ENDED
    made.shorten()
    made.wait_for(after)
    assert made.patience == 30.0
    assert made._detached is not None
    assert made._detached.when() <= now() + 30.0
    assert all(made._expiries[lost].when() > now() + 30.0 for lost in (before, after)), "who is lost has its time"
    made.stop()


async def test_nobody_is_given_up_after_the_end_of_all(session: Session, heard: Heard) -> None:
    made = clocks(session, heard, keep=0.02)
    made.wait_for(session.attendance.attach(ALICE))
    made.wait_for_anybody()
    made.stop()
    made.stop()
    await asyncio.sleep(0.05)
    assert (heard.given_up, heard.run_out) == ([], 0)
