"""The policy: who may do what to which container, with a reason. Pure; decides, and never acts.

`Policy` is the seam; `DefaultPolicy` is what this version ships.
"""

from typing import Literal, Protocol

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Principal

Sharing = Literal["own", "view", "control"]
"""What a token may do with the sessions of other tokens: nothing, look on, or everything."""


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
        """Allow or deny, always with a reason. `container` and `spec` are None for actions that have none; `owner` is
        the name of the principal who began the session that the action is about.
        """
        ...


class DefaultPolicy:
    """Every valid token may list, read logs, exec, open shells, and do everything with its own sessions.

    Privileged execs, the sessions of others and the audit trail are settings. A privileged exec is root on the engine's
    host, whatever the container was allowed.
    """

    def __init__(self, *, allow_privileged: bool = False, sessions: Sharing = "own", audit: bool = False) -> None:
        self._allow_privileged = allow_privileged
        self._sessions = sessions
        self._audit = audit

    def decide(
        self,
        principal: Principal,
        action: Action,
        container: Container | None,
        spec: ExecSpec | None,
        *,
        owner: str = "",
    ) -> Decision:
        """Decide by these rules; the container makes no difference yet."""
        del container
        reason = f"every valid token may {action.value}"
        if owner and owner != principal.name:
            reason = f"another token's session (policy.sessions is {self._sessions})"
            if not self._may_share(action):
                return Decision(False, action, principal, reason)
        if action is Action.AUDIT_READ:
            return Decision(self._audit, action, principal, f"policy.audit is {str(self._audit).lower()}")
        if spec is not None and spec.privileged and action not in (Action.VIEW, Action.KILL):
            if not self._allow_privileged:
                return Decision(False, action, principal, "privileged execs are off (policy.allow_privileged is false)")
            return Decision(True, action, principal, "privileged execs are on (policy.allow_privileged is true)")
        return Decision(True, action, principal, reason)

    def _may_share(self, action: Action) -> bool:
        return self._sessions == "control" or (self._sessions == "view" and action is Action.VIEW)
