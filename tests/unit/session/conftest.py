"""A fake engine with one container, and a decision that allows."""

from collections.abc import AsyncIterator

import pytest

from whale.engine.fake import FakeEngine
from whale.model.container import Container
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal

ALLOWED = Decision(True, Action.EXEC, Principal("alice", TokenId("abc")), "a test")


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    made = FakeEngine.from_url("fake://web", name="local")
    yield made
    await made.aclose()


@pytest.fixture
async def container(engine: FakeEngine) -> Container:
    return await engine.container("web")
