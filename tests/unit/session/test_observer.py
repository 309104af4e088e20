"""Whoever observes is told what becomes of sessions and of those who are attached."""

import asyncio
import os

from tests.unit.session.conftest import ALICE, ALLOWED, CAT, KEY, QUICK, new_session
from whale.engine.fake import FakeEngine
from whale.engine.seam import Permit
from whale.keeper.seam import Item
from whale.model.container import Container
from whale.model.errors import WhaleError
from whale.model.exec import ExitStatus
from whale.model.keep import Keep
from whale.session.attachment import Attachment
from whale.session.observer import NO_OBSERVER, Observer
from whale.session.registry import Registry
from whale.session.session import Session


class Notes(Observer):
    def __init__(self) -> None:
        self.said: list[str] = []

    def session_adopted(self, session: Session) -> None:
        self.said.append("adopted")

    def session_ended(self, session: Session) -> None:
        assert session.is_over
        self.said.append("ended")

    def attachment_lost(self, attachment: Attachment) -> None:
        self.said.append("lost")

    def attachment_detached(self, attachment: Attachment) -> None:
        self.said.append("detached")


async def test_is_told_of_a_life(engine: FakeEngine, container: Container) -> None:
    notes = Notes()
    async with Registry(end=QUICK, keep=Keep(60, 60), observer=notes) as registry:
        attached = registry.create(engine, container, CAT, decision=ALLOWED, key=KEY)
        await attached.session.wait_started()
        attached.lose()
        again = attached.session.attendance.ask_again(attached)
        again.detach()
        assert notes.said == ["lost", "detached"]
    assert notes.said == ["lost", "detached", "ended"]


async def test_nothing_starts_without_its_permit(engine: FakeEngine, container: Container) -> None:
    may = asyncio.Event()

    async def permit() -> None:
        await may.wait()
        raise WhaleError("no", code="audit.unavailable")

    def ask(session: Session) -> Permit:
        notes.said.append("asked")
        return permit

    notes = Notes()
    async with Registry(end=QUICK, observer=notes) as registry:
        session = registry.create(engine, container, CAT, decision=ALLOWED, ask=ask).session
        await asyncio.sleep(0)
        assert not session.is_over
        may.set()
        await session.wait_started()
        assert session.exec is None
        assert session.failure is not None
        assert session.failure.code == "audit.unavailable"
    assert notes.said == ["asked", "ended"]


async def test_is_not_told_twice_of_an_end_that_another_server_saw(engine: FakeEngine, container: Container) -> None:
    left = new_session(engine, container, shared=True, keep=60)
    left.attendance.attach(ALICE, key=KEY)
    left.finish(status=ExitStatus(7))
    notes = Notes()
    async with Registry(end=QUICK, keep=Keep(60, 60), observer=notes) as registry:
        registry.adopt(engine, Item(left.id, (os.dup(left.memory.descriptor),)))
        (session,) = registry.sessions()
        assert (session.id, session.status) == (left.id, ExitStatus(7))
    assert notes.said == []
    left.close()


def test_nobody_need_observe() -> None:
    assert vars(NO_OBSERVER) == {}
