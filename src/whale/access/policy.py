"""The policy: who may do what to which container, with a reason. Pure; decides, and never acts.

`Policy` is the seam; `DefaultPolicy` is what this version ships.
"""

from typing import Protocol

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Principal


class Policy(Protocol):
    """Decides about one action. The broker hands the decision on; a session can't be made without one."""

    def decide(
        self, principal: Principal, action: Action, container: Container | None, spec: ExecSpec | None
    ) -> Decision:
        """Allow or deny, always with a reason. `container` and `spec` are None for actions that have none."""
        ...


class DefaultPolicy:
    """Every valid token may list, read logs, exec and open shells; privileged execs are a setting.

    A privileged exec is root on the engine's host, whatever the container was allowed.
    """

    def __init__(self, *, allow_privileged: bool = False) -> None:
        self._allow_privileged = allow_privileged

    def decide(
        self, principal: Principal, action: Action, container: Container | None, spec: ExecSpec | None
    ) -> Decision:
        """Decide by the two rules above; the container makes no difference yet."""
        del container
        if spec is not None and spec.privileged:
            if not self._allow_privileged:
                return Decision(False, action, principal, "privileged execs are off (policy.allow_privileged is false)")
            return Decision(True, action, principal, "privileged execs are on (policy.allow_privileged is true)")
        return Decision(True, action, principal, f"every valid token may {action.value}")
