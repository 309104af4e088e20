"""Who writes, whose terminal answers, which bytes somebody needs, and how large the terminal is."""

import pytest

from tests.unit.session.conftest import ALICE, BOB, new_session, offsets
from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.exec import Stream
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.audience import MAX_SOURCES, Audience, Index
from whale.session.session import Session


def member(session: Session, *, role: Role = Role.CONTROLLER, acked: int = 0, source: int = 0) -> Attachment:
    return Attachment(session, principal=ALICE, role=role, key="k", cursors=offsets(acked), source=source)


@pytest.mark.parametrize(("tty", "needed"), [(True, 7), (False, 3)])
async def test_what_somebody_needs_who_must_not_miss_it(session: Session, *, tty: bool, needed: int) -> None:
    audience = Audience(tty=tty, index={})
    assert audience.needed(Stream.STDOUT) is None
    audience.add(member(session, role=Role.VIEWER, acked=1))
    assert audience.needed(Stream.STDOUT) is None
    lost = member(session, acked=3)
    lost.is_lost = True
    audience.add(lost)
    audience.add(member(session, acked=7))
    assert audience.needed(Stream.STDOUT) == needed


async def test_the_size_is_the_smallest_each_way(session: Session) -> None:
    audience = Audience(tty=True, index={})
    assert audience.size() is None
    for cols, rows, role, lost in (
        (100, 50, Role.CONTROLLER, False),
        (120, 40, Role.CONTROLLER, False),
        (10, 10, Role.VIEWER, False),
        (20, 20, Role.CONTROLLER, True),
    ):
        one = member(session, role=role)
        one.size, one.is_lost = TerminalSize(cols=cols, rows=rows), lost
        audience.add(one)
    assert audience.size() == (100, 40)


async def test_one_answers_and_hears_of_it(session: Session) -> None:
    audience = Audience(tty=True, index={})
    viewer, first, second = member(session, role=Role.VIEWER), member(session), member(session)
    for one in (viewer, first, second):
        audience.add(one)
    audience.refresh()
    assert [one.answers for one in (viewer, first, second)] == [False, True, False]
    assert (first.was_told_role, second.was_told_role) == (False, True)
    first.is_lost = True
    audience.refresh()
    assert [one.answers for one in (viewer, first, second)] == [False, False, True]
    assert audience.is_controlled
    audience.remove(second)
    audience.refresh()
    assert not audience.is_controlled


async def test_the_index_has_those_who_can_come_back(session: Session) -> None:
    index: Index = {}
    audience = Audience(tty=True, index=index)
    first, second = member(session), member(session)
    audience.add(first)
    assert index == {("alice", "k"): first}
    audience.replace(first, second)
    assert index == {("alice", "k"): second}
    audience.remove(second)
    assert index == {}


async def test_numbers_of_writers_are_used_again(session: Session) -> None:
    audience = Audience(tty=True, index={})
    for source in range(MAX_SOURCES):
        assert audience.free_source() == source
        audience.add(member(session, source=source))
    assert audience.free_source() is None
    audience.remove(audience.members[4])
    assert audience.free_source() == 4


async def test_a_session_follows_its_audience(engine: FakeEngine, container: Container) -> None:
    session = new_session(engine, container)
    first = session.attendance.attach(ALICE, size=TerminalSize(cols=100, rows=40))
    second = session.attendance.attach(BOB, role=Role.VIEWER, size=TerminalSize(cols=1, rows=1))
    assert session.size == (100, 40)
    first.resize(TerminalSize(cols=90, rows=30))
    assert session.size == (90, 30)
    first.lose()
    assert session.size == (90, 30), "nobody's size is no size"
    assert second in session.audience.members
