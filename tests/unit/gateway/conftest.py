"""One door to a fake engine per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.door import Door, open_door
from whale.engine.fake import FakeEngine


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    made = FakeEngine.from_url("fake://web,db", name="local")
    yield made
    await made.aclose()


@pytest.fixture
async def door(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(engine, tmp_path / "state", origins=frozenset({"https://whale.example"})) as opened:
        yield opened
