"""Tokens of jobs, and every way in which one can be wrong."""

import base64
import json
from typing import Any

import pytest
from joserfc import jwk

from tests.unit.access.oidc.lying import ISSUER, KEY, NOW, OTHER_KEY, Lying, signed
from tests.unit.access.oidc.test_id_token import by_hand, parts
from whale.access.oidc.failures import unavailable
from whale.access.oidc.fetch import Answer
from whale.access.oidc.id_token import SKEW, Claims
from whale.access.oidc.issuer import Issuer
from whale.access.oidc.metadata import WELL_KNOWN
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.limits import MAX_JOB_TOKEN_AGE

JOB: dict[str, Any] = {
    "iss": ISSUER, "aud": "https://whale.example", "sub": "repo:acme/app:ref:refs/heads/main", "jti": "j1",
    "iat": NOW, "nbf": NOW, "exp": NOW + 300,
}  # fmt: skip


def job_issuer() -> Lying:
    """One without any endpoint for people, as CI systems have it."""
    lying = Lying()
    lying.metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "authorization_endpoint": "urn:x:none"}
    return lying


async def prove(lying: Lying, token: str) -> Claims:
    return await Issuer(ISSUER, lying).proved(token, now=NOW)


async def refused(lying: Lying, token: str, *, is_spent: bool) -> str:
    with pytest.raises(AuthenticationError) as caught:
        await prove(lying, token)
    assert (caught.value.code, caught.value.is_spent) == ("auth.invalid", is_spent)
    assert token[:40] not in str(caught.value) or len(token) < 40
    return caught.value.detail


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"exp": NOW - SKEW + 1},
        {"nbf": NOW + SKEW},
        {"iat": NOW - MAX_JOB_TOKEN_AGE + 1},
        {"aud": ["a", "b"]},
        {"azp": "somebody"},
        {"jti": None},
        {"nbf": None},
    ],
)
async def test_what_is_right(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in (JOB | change).items() if value is not None}
    assert await prove(job_issuer(), signed(claims)) == claims, "the audience is for the rules"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": f"{ISSUER}/"}, "another issuer"),
        ({"iss": [ISSUER]}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"exp": NOW - SKEW}, "expired"),
        ({"exp": None}, "exp is no time"),
        ({"exp": "soon"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": 10**400}, "exp is no time"),
        ({"nbf": NOW + SKEW + 1}, "future"),
        ({"nbf": "now"}, "nbf is no time"),
        ({"iat": NOW + SKEW + 1}, "future"),
        ({"iat": None}, "iat is no time"),
        ({"iat": NOW - MAX_JOB_TOKEN_AGE}, "too old"),
        ({"sub": None}, "sub is no name"),
        ({"sub": ["a"]}, "sub is no name"),
        ({"sub": 5}, "sub is no name"),
        ({"sub": "a\nb"}, "sub is no name"),
        ({"sub": "x" * 256}, "sub is no name"),
        ({"jti": ""}, "jti is no name"),
        ({"jti": 5}, "jti is no name"),
        ({"jti": ["j1"]}, "jti is no name"),
        ({"jti": "x" * 1025}, "jti is no name"),
    ],
)
async def test_claims_that_are_wrong(change: dict[str, Any], why: str) -> None:
    assert why in await refused(job_issuer(), signed(JOB | change), is_spent=True)


async def test_a_jti_that_is_null_is_wrong_and_not_missing() -> None:
    assert "jti is no name" in await refused(job_issuer(), signed(JOB | {"jti": None}), is_spent=True)


async def test_a_claim_that_is_there_twice() -> None:
    for twice in ('"sub": "repo:acme/other"', '"more": {"a": 1, "a": 2}'):
        body = json.dumps(JOB)[:-1] + f", {twice}}}"
        text = f"{parts(alg='RS256', kid='k1')}.{encoded(body)}"
        assert "twice" in await refused(job_issuer(), f"{text}.{by_hand(text)}", is_spent=True)


async def test_signatures_that_prove_nothing() -> None:
    lying, body = job_issuer(), signed(JOB).split(".")[1]
    for algorithm in ("none", "nOnE", "", None, "HS256", ["RS256"]):
        for end in ("", "x"):
            token = f"{parts(alg=algorithm, kid='k1')}.{body}.{end}"
            assert "not accepted" in await refused(lying, token, is_spent=False)
    shared = jwk.OctKey.import_key(KEY.as_pem(private=False).decode().replace("-----", "").strip())
    assert "not accepted" in await refused(lying, signed(JOB, shared, alg="HS256", kid="k1"), is_spent=False)
    assert "signature is wrong" in await refused(lying, signed(JOB, OTHER_KEY, kid="k1"), is_spent=False)
    assert "does not have" in await refused(lying, signed(JOB, OTHER_KEY), is_spent=False)
    more: dict[str, Any] = {"jwk": OTHER_KEY.as_dict(private=False), "jku": "https://evil.example", "kid": "k1"}
    assert "signature is wrong" in await refused(lying, signed(JOB, OTHER_KEY, **more), is_spent=False)
    head, _, end = signed(JOB).split(".")
    other = signed(JOB | {"sub": "repo:acme/evil"}).split(".")[1]
    assert "signature is wrong" in await refused(lying, f"{head}.{other}.{end}", is_spent=False)


@pytest.mark.parametrize("token", ["", "x", "..", "a.b.c.d.e", "e30.e30.", "x" * 70_000, "\ud800.é.x"])
async def test_what_is_no_token(token: str) -> None:
    await refused(job_issuer(), token, is_spent=False)


@pytest.mark.parametrize("path", [WELL_KNOWN, "/jwks"])
async def test_an_issuer_that_fails_makes_nobody_wrong(path: str) -> None:
    for special, code in (
        (unavailable("down"), "login.unavailable"),
        (Answer(404, b"{}"), "login.failed"),
        (Answer(200, b"not json"), "login.failed"),
    ):
        lying = job_issuer()
        lying.answers[path] = special
        with pytest.raises(WhaleError) as caught:
            await prove(lying, signed(JOB))
        assert not isinstance(caught.value, AuthenticationError)
        assert caught.value.code == code


async def test_an_issuer_is_not_asked_more_often_than_it_has_to_be() -> None:
    lying, now = job_issuer(), [0.0]
    issuer = Issuer(ISSUER, lying, monotonic=lambda: now[0])
    for _ in range(5):
        await issuer.proved(signed(JOB), now=NOW)
    assert lying.asked == [WELL_KNOWN, "/jwks"]
    for _ in range(5):
        with pytest.raises(AuthenticationError):
            await issuer.proved(signed(JOB, OTHER_KEY), now=NOW)
    assert lying.asked == [WELL_KNOWN, "/jwks"], "unknown keys are looked for every ten seconds"
    now[0] += 3601
    lying.keys = [OTHER_KEY]
    await issuer.proved(signed(JOB, OTHER_KEY), now=NOW)
    assert lying.asked == [WELL_KNOWN, "/jwks"] * 2


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
