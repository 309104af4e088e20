"""The context is handed over once and then only read."""

import dataclasses

import pytest

from tests.door import Door
from whale.gateway.context import CONTEXT


async def test_is_frozen(door: Door) -> None:
    context = door.app[CONTEXT]
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.origins = frozenset({"https://evil.example"})  # type: ignore[misc]
