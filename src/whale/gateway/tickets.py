"""`POST /1.0/tickets`, and how a WebSocket's handshake shows one: browsers can send no header with it."""

import msgspec
from aiohttp import web

from whale.access.tickets import Purpose
from whale.access.tokens import TOKEN_PREFIX
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.gateway.parameters import only
from whale.model.errors import UsageError
from whale.model.limits import TICKET_LIFETIME

PURPOSES = {"/1.0/shell": Purpose.SHELL}
"""Which addresses take a ticket, and for what it must be."""


class TicketBody(msgspec.Struct):
    """A ticket, and how many seconds it is good for."""

    ticket: str
    expires: float


async def tickets(request: web.Request) -> web.Response:
    """Make a ticket for the caller, bound to the origin that asks."""
    only(request, "purpose")
    try:
        purpose = Purpose(request.query.get("purpose", ""))
    except ValueError:
        raise UsageError("there is no such purpose", hint=f"one of: {', '.join(Purpose)}") from None
    made = request.app[CONTEXT].broker.issue_ticket(request[PRINCIPAL], purpose, origin=origin_of(request))
    return json_response(TicketBody(made.reveal(), TICKET_LIFETIME))


def shown_ticket(request: web.Request) -> tuple[str, Purpose] | None:
    """The ticket in a handshake: one of the subprotocols that are offered, which is never chosen. None without one."""
    purpose = PURPOSES.get(request.path)
    if purpose is None or request.method != "GET":
        return None
    offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", [])).split(",")
    found = [name.strip() for name in offered if name.strip().startswith(TOKEN_PREFIX)]
    return (found[0], purpose) if len(found) == 1 else None


def origin_of(request: web.Request) -> str:
    """The origin that a request says it comes from; the guard has looked at it, or will."""
    return ",".join(request.headers.getall("Origin", []))
