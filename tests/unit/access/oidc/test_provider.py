"""The way to the provider and back, with one that lies at every step."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.access.oidc.lying import ATTEMPT, ISSUER, OTHER_KEY, RETURNED, Lying, provider, signed
from whale.access.oidc.failures import unavailable
from whale.access.oidc.fetch import Answer
from whale.access.oidc.metadata import WELL_KNOWN
from whale.access.oidc.person import Person
from whale.access.oidc.provider import challenge
from whale.model.errors import WhaleError
from whale.model.secret import Secret


@pytest.fixture
def lying() -> Lying:
    return Lying()


async def refused(lying: Lying, returned: dict[str, str] | None = None, **more: Any) -> tuple[str, str]:
    with pytest.raises(WhaleError) as caught:
        await provider(lying, **more).person(ATTEMPT, RETURNED if returned is None else returned)
    assert "hush" not in str(caught.value)
    return caught.value.code, caught.value.detail


async def test_the_way_there(lying: Lying) -> None:
    url = await provider(lying).authorization_url(ATTEMPT)
    assert url.startswith(f"{ISSUER}/auth?")
    assert {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()} == {
        "response_type": "code",
        "client_id": "whale",
        "redirect_uri": ATTEMPT.redirect_uri,
        "scope": "openid profile email",
        "state": "state",
        "nonce": "nonce",
        "code_challenge": challenge(ATTEMPT.verifier),
        "code_challenge_method": "S256",
    }
    lying.metadata["authorization_endpoint"] += "?tenant=1"
    assert (await provider(lying).authorization_url(ATTEMPT)).startswith(f"{ISSUER}/auth?tenant=1&response_type")


def test_the_challenge_is_the_one_of_the_rfc() -> None:
    verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_the_way_back(lying: Lying) -> None:
    assert await provider(lying).person(ATTEMPT, RETURNED) == Person("1001", "alice", ("developer",))
    form, client = lying.posted[0]
    assert form == {
        "grant_type": "authorization_code",
        "code": "code",
        "redirect_uri": ATTEMPT.redirect_uri,
        "code_verifier": ATTEMPT.verifier.reveal(),
    }
    assert client == ("whale", Secret("hush"))
    assert "/me" not in lying.asked, "what the token says is not asked for"


async def test_ways_to_say_who_asks(lying: Lying) -> None:
    lying.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await provider(lying).person(ATTEMPT, RETURNED)
    assert lying.posted[0][0]["client_secret"] == "hush"
    await provider(lying, secret=None).person(ATTEMPT, RETURNED)
    form, client = lying.posted[1]
    assert (form["client_id"], "client_secret" in form, client) == ("whale", False, None)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": "other"}, "state"),
        ({"state": None}, "state"),
        ({"state": "\ud800"}, "state"),
        ({"iss": "https://evil.example"}, "another provider"),
        ({"iss": None}, "another provider"),
        ({"error": "server_error"}, "server_error"),
        ({"code": None}, "no code"),
        ({"code": "x" * 5000}, "no code"),
    ],
)
async def test_returns_that_are_wrong(lying: Lying, change: dict[str, str | None], why: str) -> None:
    returned = {name: value for name, value in (RETURNED | change).items() if value is not None}
    code, detail = await refused(lying, returned)
    assert (code, why in detail) == ("login.failed", True)
    assert lying.posted == [], "no code was redeemed"


async def test_who_does_not_send_the_issuer_need_not(lying: Lying) -> None:
    del lying.metadata["authorization_response_iss_parameter_supported"]
    returned = {"state": "state", "code": "code"}
    assert (await provider(lying).person(ATTEMPT, returned)).name == "alice"
    assert (await refused(lying, returned | {"iss": "https://evil.example"}))[0] == "login.failed"


async def test_a_no_of_the_person(lying: Lying) -> None:
    assert (await refused(lying, {"state": "state", "iss": ISSUER, "error": "access_denied"}))[0] == "login.denied"
    assert (await refused(lying, {"state": "x", "iss": ISSUER, "error": "access_denied"}))[0] == "login.failed"


@pytest.mark.parametrize("path", [WELL_KNOWN, "/token", "/jwks", "/me"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (unavailable("away"), "login.unavailable"),
        (Answer(404, b""), "login.failed"),
        (Answer(302, b""), "login.failed"),
        (Answer(400, b'{"error": "invalid_grant"}'), "login.failed"),
        (Answer(200, b""), "login.failed"),
        (Answer(200, b"<html>"), "login.failed"),
        (Answer(200, b"[" * 100_000), "login.failed"),
        (Answer(200, b"{}"), "login.failed"),
    ],
)
async def test_every_step_may_fail_and_none_lets_in(lying: Lying, path: str, answer: Any, code: str) -> None:
    lying.answers[path] = answer
    del lying.claims["groups"]
    assert (await refused(lying))[0] == code


async def test_the_providers_word_is_for_the_log(lying: Lying) -> None:
    lying.answers["/token"] = Answer(400, json.dumps({"error": "invalid_grant" + "x" * 99}).encode())
    _, detail = await refused(lying)
    assert "invalid_grant" in detail
    assert len(detail) < 120


async def test_what_the_token_lacks_is_asked_for(lying: Lying) -> None:
    del lying.claims["groups"]
    lying.userinfo = {"sub": "1001", "groups": ["a"], "preferred_username": "mallory", "iss": "x"}
    assert await provider(lying).person(ATTEMPT, RETURNED) == Person("1001", "alice", ("a",))
    lying.userinfo["sub"] = "1002"
    assert "somebody else" in (await refused(lying))[1]
    del lying.metadata["userinfo_endpoint"]
    assert (await provider(lying).person(ATTEMPT, RETURNED)).groups == ()


async def test_a_token_for_another_login_is_none(lying: Lying) -> None:
    lying.token = signed(lying.claims | {"nonce": "other"})
    assert "another login" in (await refused(lying))[1]
    lying.token = signed(lying.claims, OTHER_KEY)
    assert "does not have" in (await refused(lying))[1]


async def test_discovery_is_asked_for_again_after_an_hour(lying: Lying) -> None:
    now = [0.0]
    made = provider(lying)
    made._monotonic = lambda: now[0]
    for at in (0.0, 3599.0, 3601.0):
        now[0] = at
        await made.authorization_url(ATTEMPT)
    assert lying.asked == [WELL_KNOWN] * 2
