"""Query parameters, checked. Unknown ones are refused: a misspelt one would silently have no effect."""

from aiohttp import web

from whale.gateway.context import PRINCIPAL
from whale.model.errors import UsageError
from whale.model.principal import Principal
from whale.model.purpose import MAX_PURPOSE, is_purpose

MAX_TAIL = 1_000_000
"""Most lines that `tail` takes."""


def only(request: web.Request, *names: str) -> None:
    """Refuse parameters nobody reads: a misspelt one would be silently without effect."""
    unknown = [name for name in request.query if name not in names]
    if unknown or len(request.query) > len(set(request.query)):
        known = f"there are: {', '.join(names)}" if names else "there are none"
        raise UsageError("a parameter is unknown or given twice", hint=known)


def flag(request: web.Request, name: str) -> bool:
    """Read a parameter that is `true` or `false`; absent is false."""
    value = request.query.get(name, "false")
    if value not in ("true", "false"):
        raise UsageError(f"the parameter {name} is true or false")
    return value == "true"


def tail(request: web.Request) -> int | None:
    """Read how many lines of a log are wanted; None means all."""
    value = request.query.get("tail", "all")
    if value == "all":
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 7 and int(value) <= MAX_TAIL):
        raise UsageError(f"the parameter tail is a number of lines up to {MAX_TAIL}, or all")
    return int(value)


def asker(request: web.Request) -> Principal:
    """Who asks, with the parameter `reason`: why."""
    reason = request.query.get("reason", "")
    if not is_purpose(reason):
        raise UsageError(f"a reason is one line of at most {MAX_PURPOSE} characters", hint="say it shorter")
    return request[PRINCIPAL]._replace(purpose=reason)


def number(request: web.Request, name: str, *, most: int) -> int | None:
    """Read a whole number from 1 on; absent is None."""
    value = request.query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 16 and 1 <= int(value) <= most):
        raise UsageError(f"the parameter {name} is a number from 1 to {most}")
    return int(value)


def word(request: web.Request, name: str) -> str:
    """Read a text; what is no Unicode fits nothing, and stops no database."""
    return request.query.get(name, "").encode("utf-8", "replace").decode()
