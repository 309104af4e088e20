"""Asks the policy again about what goes on already: a right that was taken away ends what lives by it.

A session lives by the right to start it, a place in a session by the right to attach or to look on. They are asked
about when the rules are others, when the groups of somebody are, and for rules that know the time again and again.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

import structlog

from whale.broker.decide import ROLE_ACTIONS
from whale.broker.trail import Trail
from whale.broker.visible import PATIENCE
from whale.model.ids import SessionId, TokenId
from whale.model.principal import Action, Decision, Principal
from whale.policy.seam import Policy
from whale.session.attachment import Attachment
from whale.session.registry import Registry
from whale.session.session import Session

REASON = "access.withdrawn"

Groups = Mapping[TokenId, tuple[str, ...]]

_log = structlog.get_logger("whale.broker")


class ChangingPolicy(Policy, Protocol):
    """A policy that says when its answers may be others."""

    @property
    def generation(self) -> int:
        """Another number for other rules."""
        ...

    @property
    def changes_by_itself(self) -> bool:
        """True when an answer may be another one later, with the same rules."""
        ...


class Review:
    """One per server; `check` is called again and again."""

    def __init__(self, policy: ChangingPolicy, registry: Registry, trail: Trail | None = None) -> None:
        self._policy = policy
        self._registry = registry
        self._trail = trail or Trail()
        self._reviewed: dict[SessionId, tuple[object, ...]] = {}
        """For which rules and groups a session was looked at last."""

    async def check(self, groups: Groups) -> None:
        """End what may not go on. `groups` are those of today, by token; who is not in it is not looked at."""
        began = time.monotonic()
        sessions = [session for session in self._registry.sessions() if not session.is_abandoned]
        self._reviewed = {s.id: self._reviewed[s.id] for s in sessions if s.id in self._reviewed}
        for session in sessions:
            state = self._state(session, groups)
            if self._reviewed.get(session.id) == state and not self._policy.changes_by_itself:
                continue
            self._reviewed[session.id] = state
            self._session(session, groups)
            for member in session.audience.members:
                self._member(member, groups)
            if time.monotonic() - began > PATIENCE:
                await asyncio.sleep(0)
                began = time.monotonic()

    def _state(self, session: Session, groups: Groups) -> tuple[object, ...]:
        people = (session.decision.principal, *(member.principal for member in session.audience.members))
        return (self._policy.generation, *((who.token_id, groups.get(who.token_id)) for who in people))

    def _session(self, session: Session, groups: Groups) -> None:
        principal = _today(session.decision.principal, groups)
        if session.is_over or principal is None:
            return
        see = self._policy.decide(principal, Action.LIST, session.container, None)
        decision = self._policy.decide(principal, session.decision.action, session.container, session.spec)
        denied = next((each for each in (see, decision) if not each.allowed), None)
        if denied is None:
            return
        _log.warning("session.withdrawn", session=session.id, **_said(denied))
        self._trail.withdrawn(denied, session, REASON)
        session.end(reason=REASON)
        for member in session.audience.members:
            if member.principal.name == principal.name:
                member.revoke(because=denied.reason)

    def _member(self, member: Attachment, groups: Groups) -> None:
        principal = _today(member.principal, groups)
        if principal is None or not member.has_joined:
            return  # who began a session is in it by the right to start it
        session = member.session
        action = ROLE_ACTIONS[member.role]
        decision = self._policy.decide(principal, action, session.container, session.spec, owner=session.owner)
        if not decision.allowed:
            _log.warning("attachment.withdrawn", session=session.id, **_said(decision))
            self._trail.withdrawn(decision, session, REASON)
            member.revoke(because=decision.reason)


def _today(principal: Principal, groups: Groups) -> Principal | None:
    known = groups.get(principal.token_id)
    return None if known is None else principal._replace(groups=known)


def _said(decision: Decision) -> dict[str, object]:
    return {
        "principal": decision.principal.name,
        "action": decision.action.value,
        "reason": decision.reason,
        "policies": decision.policies,
    }
