"""`POST /1.0/login/…`: the credentials of people and jobs, exchanged. openapi.yaml describes the routes.

The guard lets these through without asking who it is, because what is shown here opens no other door; the use case
looks at it first.
"""

import msgspec
from aiohttp import web

from whale.broker.logins import Granted
from whale.gateway.context import CONTEXT
from whale.gateway.errors import json_response
from whale.gateway.parameters import only


class GrantedBody(msgspec.Struct):
    """The tokens of a login, in the words of RFC 6749 section 5.1."""

    user: str
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a word of the RFC


class ExchangedBody(msgspec.Struct):
    """The token of a job, in the words of RFC 8693 section 2.2.1."""

    name: str
    access_token: str
    expires_in: int
    issued_token_type: str = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a word of the RFC
    token_type: str = "Bearer"  # noqa: S105


async def enrol(request: web.Request) -> web.Response:
    """Exchange an enrolment link."""
    only(request)
    return granted(await request.app[CONTEXT].logins.enrol(authorization(request)))


async def refresh(request: web.Request) -> web.Response:
    """Exchange a refresh token."""
    only(request)
    return granted(await request.app[CONTEXT].logins.refresh(authorization(request)))


async def logout(request: web.Request) -> web.Response:
    """End the login of a refresh token."""
    only(request)
    await request.app[CONTEXT].logins.logout(authorization(request))
    return web.Response(status=204)


async def exchange(request: web.Request) -> web.Response:
    """Exchange a job's own token."""
    only(request)
    made = await request.app[CONTEXT].exchange.exchange(authorization(request))
    return json_response(ExchangedBody(made.name, made.access.reveal(), made.expires_in))


def granted(made: Granted) -> web.Response:
    """Hand over the tokens of a login."""
    body = GrantedBody(made.name, made.access.reveal(), made.refresh.reveal(), made.expires_in)
    return json_response(body)


def authorization(request: web.Request) -> str | None:
    """The one `Authorization` header. Two are as good as none."""
    headers = request.headers.getall("Authorization", [])
    return headers[0] if len(headers) == 1 else None
