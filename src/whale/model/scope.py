"""What a token may be used for at most: some actions, on some containers. It takes away, and never gives. Pure.

A scope is written once, when its token is made, and never changes.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from whale.model.container import Container
from whale.model.errors import UsageError, WhaleError
from whale.model.principal import Action, Scope
from whale.model.text import printable

MAX_SCOPE_CONTAINERS: Final = 100
"""Ways to name containers in one scope."""

OUTSIDE: Final = "outside the token's scope"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_LABEL: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_./-]{0,127})=([ -~]{0,255})")
_OWN: Final = frozenset({Action.ATTACH, Action.VIEW, Action.KILL})


def covers(scope: Scope | None, action: Action, container: Container | None, *, is_own: bool) -> bool:
    """Whether a token may be used for something at all. `is_own`: the session that it is about is the asker's.

    What names the container of an action has to be found, and who may begin a session may come back to it, look at it
    and end it.
    """
    if scope is None:
        return True
    if scope.containers and (container is None or not any(_fits(each, container) for each in scope.containers)):
        return False
    if not scope.actions or action in scope.actions or action is Action.LIST:
        return True
    if action is Action.VIEW and _OWN.intersection(scope.actions):
        return True
    return is_own and action in _OWN and not {Action.EXEC, Action.SHELL}.isdisjoint(scope.actions)


def parse_scope(actions: Iterable[str], containers: Iterable[str]) -> Scope | None:
    """Read what an operator wrote: actions, several with commas between them, and containers by name, id or label.

    None where nothing was written. Raises `UsageError`.
    """
    words = {word.strip() for each in actions for word in each.split(",")}
    scope = Scope(tuple(sorted(map(_action, words))), tuple(sorted(set(map(_container, containers)))))
    if len(scope.containers) > MAX_SCOPE_CONTAINERS:
        raise UsageError(f"a scope names up to {MAX_SCOPE_CONTAINERS} containers", hint="name them by a label")
    if scope.containers and Action.AUDIT_READ in scope.actions:
        raise UsageError("the audit trail is of all containers", hint="make a token of its own for audit.read")
    return scope if scope != Scope() else None


def write_scope(scope: Scope | None) -> str | None:
    """Write a scope as the token table holds it."""
    if scope is None:
        return None
    return json.dumps({"actions": scope.actions, "containers": scope.containers}, separators=(",", ":"))


def read_scope(text: str | None) -> Scope | None:
    """Read it again. Raises `WhaleError` for what was not written so: no scope is ever taken for none."""
    if text is None:
        return None
    try:
        found = json.loads(text)
        scope = parse_scope(found["actions"], found["containers"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UsageError) as error:
        raise _unreadable() from error
    if scope is None or write_scope(scope) != text:
        raise _unreadable()
    return scope


def _fits(written: str, container: Container) -> bool:
    kind, _, rest = written.partition(":")
    if kind == "label":
        name, _, value = rest.partition("=")
        return container.labels.get(name) == value
    return rest == (container.name if kind == "name" else container.id)


def _action(word: str) -> Action:
    try:
        return Action(word)
    except ValueError:
        raise UsageError(f"there is no action {printable(word)!r}", hint=f"there are: {', '.join(Action)}") from None


def _container(text: str) -> str:
    kind, colon, rest = text.partition(":")
    if not colon:
        kind, rest = "name", text
    fits = {"name": _NAME, "id": re.compile(r"[0-9a-f]{64}"), "label": _LABEL}.get(kind)
    if fits is None or not fits.fullmatch(rest):
        raise UsageError(
            f"{printable(text)!r} names no containers", hint="use NAME, label:NAME=VALUE or id: and all of an id"
        )
    return f"{kind}:{rest}"


def _unreadable() -> WhaleError:
    return WhaleError("a token's scope can't be read", code="server.database")
