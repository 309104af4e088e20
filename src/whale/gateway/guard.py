"""The order at the door: credentials, then origin, then anything else.

A middleware around every route, the WebSocket one and unknown addresses included, so that there is no second way
in. The two probes are open because a load balancer has no credential; they say one word each. Who logs in has no
credential that opens a door yet: there the use case looks at what is shown before it does anything.
"""

import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from whale.broker.broker import Broker
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import error_response, from_framework
from whale.gateway.tickets import origin_of, shown_ticket
from whale.model.errors import AccessDenied, WhaleError
from whale.model.principal import Principal
from whale.model.source import SOURCE

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""The only addresses that answer without any credential."""

LOGIN_PATHS = frozenset(
    {
        "/1.0/login/enrol",
        "/1.0/login/refresh",
        "/1.0/login/logout",
        "/1.0/login/exchange",
        "/1.0/login/device",
        "/1.0/login/device/token",
    }
)
"""Where credentials are shown that are good for nothing else, or where one is begun to be made."""

PAGE_PATHS = frozenset({"/login", "/login/callback", "/login/confirm"})
"""What a browser is shown that logs somebody in; forms are taken from these pages alone, which the handlers check."""

_log = structlog.get_logger("whale.gateway")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through to its handler, or answer it with an error."""
    started = time.monotonic()
    try:
        response = await _admit(request, handler)
    except WhaleError as error:
        response = error_response(error)
        # A command line that waits for somebody asks every two seconds.
        note = _log.debug if error.code == "login.pending" else _log.info
        note("http.refused", code=error.code, error=str(error), route=_route(request))
    except web.HTTPException as error:
        response = error_response(from_framework(error))
        if "Allow" in error.headers:  # RFC 9110 section 15.5.6
            response.headers["Allow"] = error.headers["Allow"]
    except Exception:  # noqa: BLE001 - the door's last line: a fault is logged here and told as one word outside
        _log.exception("http.crashed", route=_route(request))
        response = error_response(WhaleError("a fault in the server", hint="its log has the details"))
    principal = request.get(PRINCIPAL)
    _log.debug(
        "http.request",
        method=request.method,
        route=_route(request),
        status=response.status,
        principal=principal.name if principal else None,
        seconds=round(time.monotonic() - started, 4),
    )
    return response


async def _authenticate(request: web.Request, broker: Broker) -> Principal:
    headers = request.headers.getall("Authorization", [])
    ticket = shown_ticket(request)
    if ticket is not None and not headers:
        return await broker.redeem_ticket(*ticket, origin=origin_of(request))
    # Two credentials are as good as none: what stands in front might have looked at the other one.
    return await broker.authenticate(headers[0] if len(headers) == 1 and ticket is None else None)


def _route(request: web.Request) -> str:
    """The address as the route table has it. What a client really wrote there may be a secret of its own."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


async def _admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    context = request.app[CONTEXT]
    address = context.addresses.of(request)
    SOURCE.set(address)
    if request.path in OPEN_PATHS or request.path in PAGE_PATHS:
        return await handler(request)
    if request.path in LOGIN_PATHS:
        _check_origin(request, context.origins)
        return await handler(request)
    principal = await _authenticate(request, context.broker)
    request[PRINCIPAL] = principal._replace(address=address)
    _check_origin(request, context.origins)
    context.unauthenticated.over(request.protocol)
    return await handler(request)


def _check_origin(request: web.Request, allowed: frozenset[str]) -> None:
    """Refuse browsers of other sites (RFC 6455 section 10.2), and cookies without an origin."""
    origins = request.headers.getall("Origin", [])
    if any(origin not in allowed for origin in origins) or len(origins) > 1:
        raise AccessDenied("this origin is not allowed", code="access.origin", hint="the setting `origins` lists them")
    if not origins and "Cookie" in request.headers:
        raise AccessDenied("a cookie needs an origin", code="access.origin", hint="send the credential in a header")
