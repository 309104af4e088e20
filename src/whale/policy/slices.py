"""The policies that an answer can depend on, as Cedar takes them. Pure.

Cedar looks at every policy it is given and at every part of its head, so it is given only those whose head leaves room
for the action, and not the part that says so. For groups that ask often the same is done with the groups that heads
name: what they rule out is left out, what they ask for is known. What a policy decides stays what it was.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import cedarpy

from whale.model.container import Container
from whale.model.principal import Action, Principal
from whale.policy.facts import groups_named
from whale.policy.parsed import ParsedPolicy

MAX_SLICES: Final = 256
"""Sets of policies that are kept for the groups of those who ask."""

_REPEATS: Final = 10
_PARSE_COST: Final = 20
"""A guess at how often a slice is used, and what parsing a policy costs in evaluations of one (45 µs to 3)."""

_HEAD_SHARE: Final = 3
"""What of an evaluation it costs to look whether the principal is in a group: one part of so many."""

_ANYTHING: Final = {"op": "All"}

Key = tuple[Action, frozenset[str]]


class PolicySlice(NamedTuple):
    """Some of the policies; `members` by the number that each has in Cedar's answers, as `policy7`."""

    cedar: cedarpy.PolicySet
    members: tuple[ParsedPolicy, ...]
    needs_groups: bool
    """Whether Cedar has to know of more groups than those that a container names."""

    def about(self, principal: Principal, containers: Iterable[Container]) -> Principal:
        """The principal, in no more groups than can matter: each costs Cedar some microseconds."""
        if self.needs_groups:
            return principal
        return principal._replace(groups=groups_named(principal, containers))


class PolicySlices:
    """All slices of a set of policies. They are made when they are worth it."""

    def __init__(self, policies: Sequence[ParsedPolicy]) -> None:
        fitting = {action: [policy for policy in policies if policy.concerns(action)] for action in Action}
        self._whole = {action: _slice(some, knows_groups=False) for action, some in fitting.items()}
        self._counts = {action: Counter(policy.group for policy in some) for action, some in fitting.items()}
        self._groups = frozenset(filter(None, (policy.group for policy in policies)))
        self._made: dict[Key, PolicySlice] = {}
        self._asked: dict[Key, int] = {}
        """Questions so far for which no slice was made."""

    def whole(self, action: Action) -> PolicySlice:
        """All policies whose head leaves room for an action."""
        return self._whole[action]

    def choose(self, principal: Principal, action: Action, *, questions: int) -> PolicySlice:
        """The policies for so many questions of one principal."""
        key = (action, self._groups.intersection(principal.groups))
        if (known := self._made.get(key)) is not None:
            return known
        if not self._is_worth_it(key, questions):
            return self._whole[action]
        fit = [policy for policy in self._whole[action].members if not policy.group or policy.group in key[1]]
        self._made[key] = made = _slice(fit, knows_groups=True)
        _bound(self._made)
        return made

    def _is_worth_it(self, key: Key, questions: int) -> bool:
        """Whether what a slice spares, by what was asked until now, is more than what it costs to make."""
        action, groups = key
        counts = self._counts[action]
        in_groups = sum(counts[group] for group in groups)
        fit = counts[""] + in_groups
        spared = len(self._whole[action].members) - fit + in_groups / _HEAD_SHARE
        asked = self._asked.pop(key, 0) + questions
        if _REPEATS * asked * spared > _PARSE_COST * fit:
            return True
        self._asked[key] = asked
        _bound(self._asked)
        return False

    def __len__(self) -> int:
        return len(self._made)


def _bound(kept: dict[Key, PolicySlice] | dict[Key, int]) -> None:
    if len(kept) > MAX_SLICES:
        kept.pop(next(iter(kept)))


def _slice(policies: Sequence[ParsedPolicy], *, knows_groups: bool) -> PolicySlice:
    """A slice for one action, and with `knows_groups` for principals who are in every group that a head asks for."""
    mentions_groups = any(policy.mentions_groups for policy in policies)
    try:
        cedar = cedarpy.PolicySet.from_json_str(_json(policies, knows_groups=knows_groups), release_gil=True)
    except ValueError:
        # JSON may not be as deep as a policy. Then Cedar gets them as they were written, heads and all.
        cedar = cedarpy.PolicySet.from_str("\n".join(policy.text for policy in policies), release_gil=True)
        knows_groups = False
    asked_for = any(policy.group for policy in policies) and not knows_groups
    return PolicySlice(cedar, tuple(policies), asked_for or mentions_groups)


def _json(policies: Sequence[ParsedPolicy], *, knows_groups: bool) -> str:
    texts = [f'"policy{number}":{_text(policy, knows_groups=knows_groups)}' for number, policy in enumerate(policies)]
    return f'{{"templates":{{}},"templateLinks":[],"staticPolicies":{{{",".join(texts)}}}}}'


def _text(policy: ParsedPolicy, *, knows_groups: bool) -> str:
    principal = policy.scope["principal"]
    if knows_groups and policy.group:
        # `in` alone, or `is` with an `in`, of which only the first is still to be looked at.
        is_typed = principal["op"] == "is"
        principal = {"op": "is", "entity_type": principal["entity_type"]} if is_typed else _ANYTHING
    head = {"effect": policy.effect, "principal": principal, "action": _ANYTHING, "resource": policy.scope["resource"]}
    return f'{json.dumps(head)[:-1]},"conditions":{policy.conditions}}}'
