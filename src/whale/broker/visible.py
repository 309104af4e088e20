"""What somebody may not list does not exist for them."""

import asyncio
import time
from collections.abc import Sequence

from whale.model.container import Container
from whale.model.principal import Principal
from whale.policy.seam import Policy

PIECE = 8
"""Containers that are decided about at once."""

PATIENCE = 0.002
"""Seconds after which others get a turn: deciding about thousands takes some, and shells must not wait for it."""


async def visible(policy: Policy, principal: Principal, containers: Sequence[Container]) -> list[Container]:
    """Return those of the containers that somebody may list."""
    found: list[Container] = []
    began = time.monotonic()
    for start in range(0, len(containers), PIECE):
        piece = containers[start : start + PIECE]
        allowed = policy.may_list(principal, piece)
        found += [container for container, is_allowed in zip(piece, allowed, strict=True) if is_allowed]
        if time.monotonic() - began > PATIENCE:
            await asyncio.sleep(0)
            began = time.monotonic()
    return found
