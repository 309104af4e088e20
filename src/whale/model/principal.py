"""Who asks, and what they were answered."""

from enum import StrEnum
from typing import NamedTuple

from whale.model.ids import TokenId


class PrincipalKind(StrEnum):
    """What somebody is to the policies."""

    USER = "user"
    """A person, who logged in."""
    MACHINE = "machine"
    """Whoever holds a token."""


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
    kind: PrincipalKind = PrincipalKind.MACHINE


class Action(StrEnum):
    """What can be asked of the broker; one per thing the product can do."""

    LIST = "list"
    LOGS = "logs"
    EXEC = "exec"
    SHELL = "shell"
    ATTACH = "attach"
    VIEW = "view"
    KILL = "kill"
    AUDIT_READ = "audit.read"


class Decision(NamedTuple):
    """Whether an action is allowed, and why. Sessions can only be made with one that allows."""

    allowed: bool
    action: Action
    principal: Principal
    reason: str
    """In words, for who asked."""
    policies: tuple[str, ...] = ()
    """The ids of those that made it; none where nothing allowed it."""
