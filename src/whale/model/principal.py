"""Who asks, and what they were answered."""

from enum import StrEnum
from typing import NamedTuple

from whale.model.ids import TokenId
from whale.model.recording import NOT_RECORDED, RecordingWish


class PrincipalKind(StrEnum):
    """What somebody is to the policies."""

    USER = "user"
    """A person, who logged in."""
    MACHINE = "machine"
    """Whoever holds a token."""


class Action(StrEnum):
    """What can be asked of the broker; one per thing the product can do."""

    LIST = "list"
    LOGS = "logs"
    EXEC = "exec"
    SHELL = "shell"
    ATTACH = "attach"
    VIEW = "view"
    KILL = "kill"
    APPROVE = "approve"
    AUDIT_READ = "audit.read"
    RECORD_READ = "record.read"
    RECORD_DELETE = "record.delete"
    RECORD_KEEP = "record.keep"


class Scope(NamedTuple):
    """What a token may be used for at most (scope.py). Both are sorted; what is empty takes nothing away."""

    actions: tuple[Action, ...] = ()
    containers: tuple[str, ...] = ()
    """Each `name:NAME`, `id:ID` or `label:NAME=VALUE`; one that fits is enough."""

    def __str__(self) -> str:
        return f"{', '.join(self.actions) or 'everything'} on {', '.join(self.containers) or 'every container'}"


class Principal(NamedTuple):
    """Who a credential proved to be. `name` is the person's or the token's and goes into logs and audit events.

    No person has the name of a living token: sessions belong to names.
    """

    name: str
    token_id: TokenId
    """Of the token, or of the person's login: what must stay good for as long as what was begun with it."""
    groups: tuple[str, ...] = ()
    address: str = ""
    """Where the request came from, where that is known."""
    purpose: str = ""
    """Why they ask, in their own words; empty where they do not say."""
    scope: Scope | None = None
    """What the credential may be used for at most; None where it takes nothing away."""
    kind: PrincipalKind = PrincipalKind.MACHINE


class Need(StrEnum):
    """What would turn a no into a yes."""

    NOTHING = ""
    REASON = "reason"
    APPROVAL = "approval"


class Decision(NamedTuple):
    """Whether an action is allowed, and why. Sessions can only be made with one that allows."""

    allowed: bool
    action: Action
    principal: Principal
    reason: str
    """In words, for who asked."""
    policies: tuple[str, ...] = ()
    """The ids of those that made it; none where nothing allowed it."""
    need: Need = Need.NOTHING
    """Of a no: what alone is missing."""
    approval: str = ""
    """Of a yes: the id of the approval without which it were a no."""
    recording: RecordingWish = NOT_RECORDED
    """Of what begins a session: what is recorded of it."""
