"""`GET /1.0/can`: what the policy would say to the caller, and what is missing. About nobody but the caller."""

import msgspec
from aiohttp import web

from whale.gateway.context import CONTEXT
from whale.gateway.errors import json_response
from whale.gateway.parameters import asker, flag
from whale.model.errors import UsageError
from whale.model.exec import ExecSpec
from whale.model.principal import Action

ON_SESSIONS = (Action.ATTACH, Action.VIEW, Action.KILL)
ON_RECORDINGS = (Action.RECORD_READ, Action.RECORD_DELETE, Action.RECORD_KEEP)


SINGLE = {"action", "name", "user", "workdir", "tty", "privileged", "reason"}


class RecordingBody(msgspec.Struct):
    """What would be recorded, and what happens when it can't be."""

    mode: str
    failure: str


class CanBody(msgspec.Struct):
    """The answer."""

    action: str
    allowed: bool
    reason: str
    policies: tuple[str, ...]
    missing: tuple[str, ...]
    recording: RecordingBody | None
    """None for what is not recorded."""


async def can(request: web.Request) -> web.Response:
    """Decide, and do nothing. What the caller may not see is not found here either."""
    _only_known(request)
    action = _action(request.query.get("action", ""))
    name = request.query.get("name", "")
    context, principal = request.app[CONTEXT], asker(request)
    if action in ON_SESSIONS:
        decision, missing = context.sessions.can(principal, action, name)
    elif action in ON_RECORDINGS:
        decision, missing = await context.recordings.can(principal, action, name)
    else:
        decision, missing = await context.broker.can(principal, action, name, _spec(request))
    wish = decision.recording
    recording = RecordingBody(wish.mode.value, wish.failure.value) if wish.is_recorded else None
    return json_response(
        CanBody(action.value, decision.allowed, decision.reason, decision.policies, missing, recording)
    )


def _only_known(request: web.Request) -> None:
    names = set(request.query) - {"command"}
    if names - SINGLE or any(len(request.query.getall(name)) > 1 for name in names):
        raise UsageError(
            "a parameter is unknown or given twice",
            hint="there are: action, name, command (once for each word), user, workdir, tty, privileged, reason",
        )


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        raise UsageError("there is no such action", hint=f"one of: {', '.join(Action)}") from None


def _spec(request: web.Request) -> ExecSpec:
    return ExecSpec(
        command=tuple(request.query.getall("command", [])),
        user=request.query.get("user", ""),
        workdir=request.query.get("workdir", ""),
        tty=flag(request, "tty"),
        privileged=flag(request, "privileged"),
    )
