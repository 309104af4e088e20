"""One JSON shape for every error."""

import json

import pytest
from aiohttp import web

from whale.gateway.errors import error_response, from_framework, json_response
from whale.model.errors import AuthenticationError, TargetError, TooManyAttempts


def test_holds_code_message_hint_and_no_detail() -> None:
    response = error_response(TargetError("no container", hint="look", detail="/secret"))
    assert response.status == 404
    assert json.loads(str(response.text)) == {
        "error": {"code": "target.not_found", "message": "no container", "hint": "look"}
    }
    assert "WWW-Authenticate" not in response.headers


def test_a_401_says_how_to_authenticate() -> None:
    assert error_response(AuthenticationError("no")).headers["WWW-Authenticate"] == "Bearer"


def test_a_429_says_how_long_to_wait() -> None:
    response = error_response(TooManyAttempts("no", retry_after=4.2))
    assert (response.status, response.headers["Retry-After"]) == (429, "5")
    assert error_response(TooManyAttempts("no", retry_after=0)).headers["Retry-After"] == "1"


def test_is_never_cached() -> None:
    assert json_response({}).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (web.HTTPNotFound(), "not_found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), "method_not_allowed"),
        (web.HTTPBadRequest(), "usage"),
        (web.HTTPRequestEntityTooLarge(1, 2), "protocol.too_big"),
        (web.HTTPInternalServerError(), "internal"),
    ],
)
def test_translates_the_framework(raised: web.HTTPException, code: str) -> None:
    assert from_framework(raised).code == code
