import json

import pytest

from whale.client.remote import FAMILIES, refusal, remote_error
from whale.model.errors import AccessDenied, AuthenticationError, EngineUnavailable, TransportError, WhaleError
from whale.model.outcomes import OUTCOMES


@pytest.mark.parametrize("code", [code for code in OUTCOMES if "." in code])
def test_every_code_has_its_family(code: str) -> None:
    error = remote_error(code, "m", "h")
    assert (error.code, error.message, error.hint) == (code, "m", "h")
    if code.partition(".")[0] in FAMILIES:
        assert type(error) is not WhaleError


def test_an_engine_that_is_away_is_a_class_of_its_own() -> None:
    assert isinstance(remote_error("engine.unavailable", "m"), EngineUnavailable)


def test_a_code_from_the_future_keeps_its_text() -> None:
    error = remote_error("quota.exceeded", "too much")
    assert type(error) is WhaleError
    assert (error.code, error.message) == ("quota.exceeded", "too much")
    assert "quota.exceeded" in remote_error("quota.exceeded", "").message


def test_a_refusal_in_json_is_the_servers_own_error() -> None:
    body = json.dumps({"error": {"code": "target.not_found", "message": "no", "hint": "look"}}).encode()
    error = refusal(404, body)
    assert (error.code, error.message, error.hint) == ("target.not_found", "no", "look")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_whatever_it_says(status: int) -> None:
    body = json.dumps({"error": {"code": "x", "message": "m"}}).encode()
    assert refusal(status, body).code == "transport.redirected"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"error": 1}', b'{"error": {"code": "x"}}', b"[" * 99999]
)
def test_an_answer_of_something_else_is_said_by_its_status(body: bytes) -> None:
    assert isinstance(refusal(401, body), AuthenticationError)
    assert isinstance(refusal(403, body), AccessDenied)
    error = refusal(502, body)
    assert isinstance(error, TransportError)
    assert "502" in error.message
