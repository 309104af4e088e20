"""What the broker asks: may they? `LivePolicy` is the one that answers. Pure; decides, and never acts."""

from collections.abc import Sequence
from typing import Protocol

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Principal


class Policy(Protocol):
    """Decides about one action. The broker hands the decision on; a session can't be made without one."""

    def decide(
        self,
        principal: Principal,
        action: Action,
        container: Container | None,
        spec: ExecSpec | None,
        *,
        owner: str = "",
    ) -> Decision:
        """Allow or deny, always with a reason. `container` is None for the one action that is on none, reading the
        audit trail, and `spec` for actions that have none; `owner` is the name of the principal who began the session
        that the action is about.
        """
        ...

    def missing(self, decision: Decision) -> tuple[str, ...]:
        """Say what a denied principal would need, in words."""
        ...

    def may_list(self, principal: Principal, containers: Sequence[Container]) -> list[bool]:
        """Say of each container whether somebody may know that it is there."""
        ...
