"""What somebody may not list does not exist for them."""

from collections.abc import Sequence

from whale.broker.turns import Turns
from whale.model.container import Container
from whale.model.principal import Principal
from whale.policy.seam import Policy

PIECE = 4
"""Containers that are decided about at once: with many policies and labels a decision takes 0.2 ms."""


async def visible(policy: Policy, principal: Principal, containers: Sequence[Container]) -> list[Container]:
    """Return those of the containers that somebody may list."""
    found: list[Container] = []
    turns = Turns()
    for start in range(0, len(containers), PIECE):
        piece = containers[start : start + PIECE]
        allowed = policy.may_list(principal, piece)
        found += [container for container, is_allowed in zip(piece, allowed, strict=True) if is_allowed]
        await turns.give()
    return found
