"""The one place where the policy is asked."""

import structlog

from whale.access.policy import Policy
from whale.broker.trail import Trail
from whale.model.container import Container
from whale.model.errors import AccessDenied
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Principal

_log = structlog.get_logger("whale.broker")


def decide(
    policy: Policy,
    principal: Principal,
    action: Action,
    container: Container | None,
    spec: ExecSpec | None,
    *,
    owner: str = "",
    trail: Trail,
) -> Decision:
    """Ask the policy and return its decision. Raises `AccessDenied` when that is no, which the trail then has."""
    decision = policy.decide(principal, action, container, spec, owner=owner)
    if not decision.allowed:
        _log.warning(
            "access.denied",
            principal=principal.name,
            action=action.value,
            container=container.id if container else None,
            reason=decision.reason,
        )
        trail.denied(decision, container, spec, owner=owner)
        raise AccessDenied("the policy does not allow this", hint=decision.reason)
    return decision
