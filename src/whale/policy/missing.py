"""What would have to be otherwise for a no to become a yes, in words. Pure; for people, and never for a decision."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from whale.model.principal import Action, Decision, Need
from whale.model.scope import OUTSIDE
from whale.model.text import printable
from whale.policy.facts import ON_RECORDINGS, ON_SESSIONS, principal_uid
from whale.policy.parsed import ParsedPolicy
from whale.policy.rules import Rules

MAX_LINES: Final = 16


def missing(rules: Rules, decision: Decision) -> tuple[str, ...]:
    """Say for each policy that could have allowed it what was not so. Empty for what is allowed."""
    return () if decision.allowed else tuple(islice(_lines(rules, decision), MAX_LINES))


def _lines(rules: Rules, decision: Decision) -> Iterator[str]:
    if decision.reason == OUTSIDE:
        yield f"another token: the scope of this one is {decision.principal.scope}"
        return
    if decision.need is Need.REASON:
        yield "a reason, given with --reason"
        return
    if decision.need is Need.APPROVAL:
        yield "the approval of somebody else, which is asked for when you do it"
        return
    forbidding = [policy for policy in rules.policies if policy.effect == "forbid" and policy.id in decision.policies]
    if forbidding:
        for policy in forbidding:
            yield f"{policy.id} forbids it, whatever is permitted"
        return
    kind = _kind(decision.action)
    permits = [
        each
        for each in rules.policies
        if each.effect == "permit"
        and each.concerns(decision.action)
        and each.scope["resource"].get("entity_type", kind) == kind
    ]
    if not permits:
        yield f"no policy permits {decision.action.value} to anybody"
    for policy in permits:
        yield _unmet(policy, decision)


def _kind(action: Action) -> str:
    """What the action is on, as policies name it."""
    if action in ON_SESSIONS:
        return "Session"
    return "Recording" if action in ON_RECORDINGS else "Container"


def _unmet(policy: ParsedPolicy, decision: Decision) -> str:
    principal = decision.principal
    if policy.group and policy.group not in principal.groups:
        return f"{policy.id} permits it to the group {printable(policy.group)}, which {principal.name} is not in"
    head = policy.scope["principal"]
    if head["op"] == "==" and head["entity"] != principal_uid(principal):
        return f"{policy.id} permits it to {printable(str(head['entity'].get('id')))} alone"
    about = f": {policy.reason}" if policy.reason else ""
    return f"{policy.id} permits it under conditions that are not met{about}"
