"""The HTTP routes of sessions: list, look at one, kill. openapi.yaml describes them."""

import time

import msgspec
from aiohttp import web

from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.gateway.lists import list_response
from whale.gateway.parameters import asker, only
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment
from whale.session.session import Session


class ContainerBody(msgspec.Struct):
    """The container of a session."""

    id: str
    name: str


class SizeBody(msgspec.Struct):
    """The size of a session's terminal."""

    cols: int
    rows: int


class AttachedBody(msgspec.Struct):
    """Who is attached to a session."""

    user: str
    role: str
    since: float
    connected: bool
    """False while its connection is broken and it may come back."""


class SessionBody(msgspec.Struct):
    """A session in `GET /1.0/sessions`."""

    id: str
    name: str
    container: ContainerBody
    command: tuple[str, ...]
    user: str
    tty: bool
    stdin: bool
    size: SizeBody | None
    state: str
    status: int | None
    """Exit status, when it has ended and there is one."""
    reason: str
    """Why there is none: an error code."""
    started: float
    idle: float
    """Seconds since there was last any input or output."""
    attached: list[AttachedBody]


async def sessions(request: web.Request) -> web.Response:
    """List the sessions that the caller may look at."""
    only(request)
    found = await request.app[CONTEXT].sessions.list(request[PRINCIPAL])
    return await list_response("sessions", found, _body)


async def session(request: web.Request) -> web.Response:
    """Look at one."""
    only(request)
    found = request.app[CONTEXT].sessions.find(request[PRINCIPAL], request.match_info["reference"])
    return json_response(_body(found))


async def kill(request: web.Request) -> web.Response:
    """End one and everything that runs in it."""
    only(request, "reason")
    request.app[CONTEXT].sessions.kill(asker(request), request.match_info["reference"])
    return web.Response(status=204)


def _body(found: Session) -> SessionBody:
    return SessionBody(
        id=found.id,
        name=found.name,
        container=ContainerBody(found.container.id, found.container.name),
        command=found.spec.command,
        user=found.owner,
        tty=found.spec.tty,
        stdin=found.spec.stdin and not found.is_stdin_ended,
        size=_size_body(found.size),
        state=found.state.name.lower(),
        status=found.status.code if found.status is not None else None,
        reason=_reason(found),
        started=found.started,
        idle=max(0.0, time.time() - found.touched),
        attached=[_attached_body(attachment) for attachment in found.audience.members],
    )


def _reason(found: Session) -> str:
    if found.failure is not None:
        return found.failure.code
    return found.status.reason if found.status is not None else ""


def _size_body(size: TerminalSize | None) -> SizeBody | None:
    return SizeBody(size.cols, size.rows) if size is not None else None


def _attached_body(attachment: Attachment) -> AttachedBody:
    return AttachedBody(
        attachment.principal.name, attachment.role.value, attachment.since, connected=not attachment.is_lost
    )
