"""Asks the policy again about what goes on already: a right that was taken away ends what lives by it.

A session lives by the right to start it, a place in a session by the right to attach or to look on, a log that is
followed by the right to read it. They are asked about when the rules are others, when the groups of somebody are, and
for rules that know the time again and again; what somebody has allowed when that may have ended.
"""

from collections.abc import Mapping
from typing import Protocol

import structlog

from whale.broker.decide import ROLE_ACTIONS
from whale.broker.readers import Readers, Right
from whale.broker.trail import Trail
from whale.model.errors import AccessDenied
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Need, Principal
from whale.model.turns import Turns
from whale.policy.seam import Policy
from whale.session.attachment import Attachment
from whale.session.registry import Registry
from whale.session.session import Session

REASON = "access.withdrawn"
OVER = "the time that it was allowed for is over, or whoever allowed it ended it"

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


class RunningApprovals(Protocol):
    """What was allowed by somebody: `whale.broker.approvals` has the real ones."""

    def is_running(self, id: str) -> bool:
        """Whether one has been given and has not ended."""
        ...


class Review:
    """One per server; `check` is called again and again."""

    def __init__(
        self,
        policy: ChangingPolicy,
        registry: Registry,
        readers: Readers,
        approvals: RunningApprovals,
        trail: Trail | None = None,
    ) -> None:
        self._policy = policy
        self._registry = registry
        self._readers = readers
        self._approvals = approvals
        self._trail = trail or Trail()
        self._reviewed: dict[object, tuple[object, ...]] = {}
        """For which rules and groups a session or a reader was looked at last."""

    async def check(self, groups: Groups) -> None:
        """End what may not go on. `groups` are those of today, by token; who is not in it is not looked at."""
        turns = Turns()
        sessions = [session for session in self._registry.sessions() if not session.is_abandoned]
        readers = self._readers.rights()
        known = {*(session.id for session in sessions), *(key for key, _ in readers)}
        self._reviewed = {key: state for key, state in self._reviewed.items() if key in known}
        for session in sessions:
            if self._is_due(session.id, self._state(session, groups)):
                self._session(session, groups)
                for member in session.audience.members:
                    self._member(member, groups)
            await turns.give()
        for key, right in readers:
            token = right.principal.token_id
            if self._is_due(key, (self._policy.generation, token, groups.get(token))):
                self._reader(key, right, groups)
            await turns.give()

    def _is_due(self, key: object, state: tuple[object, ...]) -> bool:
        if self._reviewed.get(key) == state and not self._policy.changes_by_itself:
            return False
        self._reviewed[key] = state
        return True

    def _state(self, session: Session, groups: Groups) -> tuple[object, ...]:
        people = (session.decision.principal, *(member.principal for member in session.audience.members))
        is_approved = self._approvals.is_running(session.decision.approval)
        return (self._policy.generation, is_approved, *((who.token_id, groups.get(who.token_id)) for who in people))

    def _session(self, session: Session, groups: Groups) -> None:
        principal = _today(session.decision.principal, groups)
        if session.is_over or principal is None:
            return
        right = Right(principal, session.decision.action, session.container, session.spec)
        denied = self._denied(right)
        if denied is None:
            return
        reason = REASON
        if denied.need is Need.APPROVAL and session.decision.approval:
            if self._approvals.is_running(session.decision.approval):
                return
            denied, reason = denied._replace(reason=OVER, approval=session.decision.approval), "approval.over"
        _log.warning("session.withdrawn", session=session.id, **_said(denied))
        self._trail.withdrawn(denied, session, reason)
        session.end(reason=reason)
        for member in session.audience.members:
            if member.principal.name == principal.name:
                member.revoke(because=denied.reason)

    def _denied(self, right: Right) -> Decision | None:
        """The first no to what somebody goes on by."""
        # Whether a recording may be read has nothing to do with what its container is today.
        first = () if right.action is Action.RECORD_READ else ((Action.LIST, None),)
        for action, spec in (*first, (right.action, right.spec)):
            decision = self._policy.decide(right.principal, action, right.container, spec, owner=right.owner)
            if not decision.allowed:
                return decision
        return None

    def _reader(self, key: object, right: Right, groups: Groups) -> None:
        principal = _today(right.principal, groups)
        denied = self._denied(right._replace(principal=principal)) if principal is not None else None
        if denied is None or denied.need is Need.APPROVAL:
            return  # for which it waits
        _log.warning("reader.withdrawn", **_said(denied))
        self._trail.reader_withdrawn(denied, right.container, REASON)
        self._readers.end(key, AccessDenied("the policy does not allow it any more", code=REASON, hint=denied.reason))

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
