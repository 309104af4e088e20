"""The one place where the policy is asked."""

import structlog

from whale.broker.trail import Trail
from whale.model.approval import Approval
from whale.model.container import Container
from whale.model.errors import AccessDenied
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Need, Principal
from whale.model.role import Role
from whale.policy.seam import Policy

ROLE_ACTIONS = {Role.CONTROLLER: Action.ATTACH, Role.VIEWER: Action.VIEW}
"""What one must be allowed for a role in a session."""

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
    return require_allowed(decision, container, spec, owner=owner, trail=trail)


def require_allowed(
    decision: Decision, container: Container | None, spec: ExecSpec | None, *, owner: str = "", trail: Trail
) -> Decision:
    """Return a decision that allows. Raises `AccessDenied` for one that does not, which the trail then has."""
    if not decision.allowed:
        _log.warning(
            "access.denied",
            principal=decision.principal.name,
            action=decision.action.value,
            container=container.id if container is not None else None,
            reason=decision.reason,
            policies=decision.policies,
        )
        trail.denied(decision, container, spec, owner=owner)
        raise denial(decision)
    return decision


def approved(decision: Decision, approval: Approval) -> Decision:
    """Turn a no that lacks nothing but an approval into a yes."""
    reason = f"{approval.approver} has allowed it"
    return decision._replace(allowed=True, need=Need.NOTHING, reason=reason, approval=approval.id)


def denial(decision: Decision) -> AccessDenied:
    """Make the error that tells who asked."""
    if decision.need is Need.REASON:
        return AccessDenied("a reason is needed", code="access.reason", hint='say why: --reason "..."')
    return AccessDenied("the policy does not allow this", hint=decision.reason)
