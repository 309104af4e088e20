"""What the server comes to when somebody asks for something, its first questions included. For those who try policies.

A container that may not be listed does not exist, whatever else is permitted on it; nor does a session that may not be
viewed, or a recording that may not be read.
"""

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Principal
from whale.policy.facts import ON_RECORDINGS, ON_SESSIONS
from whale.policy.rules import Rules


def outcome(
    rules: Rules,
    principal: Principal,
    action: Action,
    container: Container,
    spec: ExecSpec | None,
    *,
    owner: str = "",
    now: float,
) -> Decision:
    """Return the decision that counts: the first one that denies, or the last."""
    first = Action.VIEW if action in ON_SESSIONS else Action.RECORD_READ if action in ON_RECORDINGS else Action.LIST
    decision = rules.decide(principal, first, container, None, owner=owner, now=now)
    if not decision.allowed or action is first:
        return decision
    return rules.decide(principal, action, container, spec, owner=owner, now=now)
