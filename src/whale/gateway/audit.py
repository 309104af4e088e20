"""`GET /1.0/audit`: search the audit trail. openapi.yaml describes it."""

import time

import msgspec
from aiohttp import web

from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.gateway.parameters import number, only, word
from whale.model.audit import AuditQuery
from whale.model.moment import parse_moment

WORDS = ("principal", "container", "action", "kind", "session", "text")
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_SEQ = 2**53


async def audit(request: web.Request) -> web.Response:
    """Return the newest events that fit, the oldest first."""
    only(request, *WORDS, "since", "until", "before", "limit")
    given, now = request.query, time.time()
    query = AuditQuery(
        principal=word(request, "principal"),
        container=word(request, "container"),
        action=word(request, "action"),
        kind=word(request, "kind"),
        session=word(request, "session"),
        text=word(request, "text"),
        since=parse_moment(given["since"], now=now) if "since" in given else None,
        until=parse_moment(given["until"], now=now) if "until" in given else None,
        before=number(request, "before", most=MAX_SEQ),
        limit=number(request, "limit", most=MAX_LIMIT) or DEFAULT_LIMIT,
    )
    found = await request.app[CONTEXT].broker.audit(request[PRINCIPAL], query)
    return json_response({"events": [msgspec.Raw(row.body.encode()) for row in reversed(found)]})
