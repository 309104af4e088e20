"""Logging in by browser: the two routes of the command line, and the pages. openapi.yaml describes them.

The cookie is Lax on the way to the provider, because the way back is a link from another site, with which browsers send
no strict one. All that it can do is to say that this browser began this login; it is good for one return, and only with
the state that the provider sends back. For the answer that lets somebody in it is replaced by a strict one.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import structlog
from aiohttp import web
from multidict import MultiMapping

from whale.access.authenticator import token_of
from whale.access.user_code import read_user_code
from whale.gateway import html
from whale.gateway.context import CONTEXT
from whale.gateway.errors import json_response
from whale.gateway.login import authorization, granted
from whale.gateway.parameters import only
from whale.model.errors import AccessDenied, UsageError, WhaleError
from whale.model.limits import DEVICE_LIFETIME
from whale.model.secret import Secret
from whale.model.source import SOURCE
from whale.model.text import printable

if TYPE_CHECKING:
    from whale.broker.device import DeviceLogins

MAX_MACHINE: Final = 64
COOKIE: Final = "whale-login"

_log = structlog.get_logger("whale.gateway")

Page = Callable[[web.Request, "DeviceLogins"], Awaitable[web.Response]]


class BegunBody(msgspec.Struct):
    """A login that waits, in the words of RFC 8628 section 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


async def begin(request: web.Request) -> web.Response:
    """Begin a login."""
    only(request, "machine")
    device = _device(request)
    machine = printable(request.query.get("machine", ""))[:MAX_MACHINE]
    made = device.begin(address=SOURCE.get(), machine=machine)
    page = f"{device.public_url}/login"
    return json_response(
        BegunBody(
            made.device_code.reveal(),
            made.user_code,
            page,
            f"{page}?code={made.user_code}",
            made.expires_in,
            made.interval,
        )
    )


async def poll(request: web.Request) -> web.Response:
    """Hand over the login when it is confirmed."""
    only(request)
    header = authorization(request)
    token_of(header)  # who shows nothing is told that before anything else
    return granted(await _device(request).poll(header))


def page(work: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a handler that answers with a page, also when something goes wrong."""

    async def handler(request: web.Request) -> web.Response:
        try:
            device = _device(request)
            if request.method == "POST":
                _check_origin(request, device)
            return await work(request, device)
        except WhaleError as error:
            _log.info("login.refused", code=error.code, error=str(error), path=request.path)
            return html.error_page(error)

    return handler


@page
async def code(request: web.Request, _: "DeviceLogins") -> web.Response:
    """Ask for the code."""
    only(request, "code")
    return html.code_page(read_user_code(request.query.get("code", "")))


@page
async def start(request: web.Request, device: "DeviceLogins") -> web.Response:
    """Take the code, and send the browser to the provider."""
    form = await _form(request, "code")
    url, cookie = await device.start(form.get("code", ""), address=SOURCE.get())
    response = html.onward_page(url)
    _set_cookie(response, device, cookie, "Lax")
    return response


@page
async def callback(request: web.Request, device: "DeviceLogins") -> web.Response:
    """Take the browser back from the provider, and ask."""
    question, cookie = await device.returned(_once(request.query), _cookie(request, device))
    response = html.question_page(
        name=question.person.name, code=question.user_code, machine=question.machine, address=question.address
    )
    # In the answer itself: on a redirect from here browsers would not send a strict one, either.
    _set_cookie(response, device, cookie, "Strict")
    return response


@page
async def confirm(request: web.Request, device: "DeviceLogins") -> web.Response:
    """Take the answer."""
    form = await _form(request, "answer")
    allow = form.get("answer") == "allow"
    name = await device.confirm(_cookie(request, device), allow=allow)
    if allow:
        response = html.done_page("Logged in", f"The command line is logged in as {name}. You can close this page.")
    else:
        response = html.done_page("Refused", "Nobody was logged in. You can close this page.")
    _set_cookie(response, device, Secret(""), "Strict")
    return response


def _device(request: web.Request) -> "DeviceLogins":
    device = request.app[CONTEXT].device
    if device is None:
        raise WhaleError(
            "this server has no identity provider", code="login.no_provider", hint="log in with a link or a token"
        )
    return device


def _check_origin(request: web.Request, device: "DeviceLogins") -> None:
    """Take forms from this server's own pages alone."""
    if request.headers.getall("Origin", []) != [device.public_url]:
        raise AccessDenied(
            "this form is from another site", code="access.origin", hint="open the address that whale login shows"
        )


async def _form(request: web.Request, name: str) -> Mapping[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise UsageError("this is no form", hint="open the address that whale login shows")
    form = await request.post()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    if len(form) > 1 or set(fields) - {name}:
        raise UsageError("this is another form", hint="open the address that whale login shows")
    return fields


def _once(query: MultiMapping[str]) -> dict[str, str]:
    """Parameters, each given once: of two the wrong one might be looked at (RFC 6749 section 3.1)."""
    if len(query) > len(set(query)):
        raise UsageError("a parameter is given twice", hint="begin again")
    return dict(query)


def _cookie(request: web.Request, device: "DeviceLogins") -> Secret:
    return Secret(request.cookies.get(_cookie_name(device), ""))


def _cookie_name(device: "DeviceLogins") -> str:
    """With `__Host-` no other host of the domain can set it. Over plain http, on this machine alone, there is none."""
    return f"__Host-{COOKIE}" if device.public_url.startswith("https:") else COOKIE


def _set_cookie(
    response: web.Response, device: "DeviceLogins", cookie: Secret, same_site: Literal["Lax", "Strict"]
) -> None:
    response.set_cookie(
        _cookie_name(device),
        cookie.reveal(),
        max_age=DEVICE_LIFETIME if cookie else 0,
        path="/",
        secure=device.public_url.startswith("https:"),
        httponly=True,
        samesite=same_site,
    )
