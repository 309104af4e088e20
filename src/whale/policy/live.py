"""The rules that are in force now. They are replaced as a whole; what was decided under earlier ones is forgotten.

Answers that depend on nothing but who asks and what is there are remembered, so that a list which is asked for again
and again costs little. A container whose facts have changed is another one.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Principal
from whale.policy.facts import WITH_SPEC
from whale.policy.missing import missing
from whale.policy.rules import Rules

MAX_CONTAINERS: Final = 20_000
MAX_PRINCIPALS: Final = 256
MAX_DECIDED: Final = 4096
"""Bounds of what is remembered, of all and of one container; beyond them it begins anew."""


class _Known(NamedTuple):
    """What was decided about a container with these facts, by number of the principal, action and owner."""

    facts: tuple[object, ...]
    listed: dict[int, bool]
    decided: dict[tuple[int, Action, str], Decision]


class LivePolicy:
    """One per server; implements `Policy`."""

    def __init__(self, rules: Rules, *, clock: Callable[[], float] = time.time) -> None:
        self.rules = rules
        self.generation = 0
        """Another number for other rules."""
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._principals: dict[Principal, int] = {}

    def replace(self, rules: Rules) -> None:
        """Put other rules in force, from the next decision on."""
        self.rules = rules
        self.generation += 1
        self._forget()

    @property
    def changes_by_itself(self) -> bool:
        """True when an answer may be another one later, with the same rules."""
        return self.rules.uses_time

    def decide(
        self,
        principal: Principal,
        action: Action,
        container: Container | None,
        spec: ExecSpec | None,
        *,
        owner: str = "",
    ) -> Decision:
        """Decide by the rules in force."""
        if container is None or action in WITH_SPEC or action in self.rules.contextual:
            return self.rules.decide(principal, action, container, spec, owner=owner, now=self._clock())
        decided, key = self._about(container).decided, (self._number(principal), action, owner)
        if key not in decided:
            if len(decided) >= MAX_DECIDED:
                decided.clear()
            decided[key] = self.rules.decide(principal, action, container, spec, owner=owner, now=self._clock())
        return decided[key]._replace(principal=principal)

    def missing(self, decision: Decision) -> tuple[str, ...]:
        """Say what a denied principal would need, by the rules in force."""
        return missing(self.rules, decision)

    def may_list(self, principal: Principal, containers: Sequence[Container]) -> list[bool]:
        """Say of each container whether somebody may know that it is there."""
        if Action.LIST in self.rules.contextual:
            return self.rules.may_list(principal, containers, now=self._clock())
        number = self._number(principal)
        about = [self._about(container).listed for container in containers]
        unknown = [place for place, listed in enumerate(about) if number not in listed]
        found = self.rules.may_list(principal, [containers[place] for place in unknown], now=self._clock())
        for place, allowed in zip(unknown, found, strict=True):
            about[place][number] = allowed
        return [listed[number] for listed in about]

    def _about(self, container: Container) -> _Known:
        facts = (container.engine, container.name, container.image, container.labels)
        known = self._known.get(container.id)
        if known is None or known.facts != facts:
            if len(self._known) >= MAX_CONTAINERS:
                self._known.clear()
            self._known[container.id] = known = _Known(facts, {}, {})
        return known

    def _number(self, principal: Principal) -> int:
        who = principal._replace(address="", purpose="")
        number = self._principals.get(who)
        if number is None:
            if len(self._principals) >= MAX_PRINCIPALS:
                self._forget()
            number = self._principals[who] = len(self._principals)
        return number

    def _forget(self) -> None:
        self._known.clear()
        self._principals.clear()
