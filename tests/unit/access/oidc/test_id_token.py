"""Every way in which a token can be wrong."""

import base64
import json
import math
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwk, jws

from tests.unit.access.oidc.lying import CLIENT, ISSUER, KEY, NOW, OTHER_KEY, Lying, rsa_key, signed
from whale.access.oidc.id_token import MAX_TOKEN, SKEW, Claims, verify_id_token
from whale.access.oidc.keys import KeyRing, quiet
from whale.access.oidc.metadata import ALGORITHMS
from whale.model.errors import WhaleError
from whale.model.secret import Secret


async def verify(lying: Lying, token: str, *, algorithms: Any = ALGORITHMS, nonce: str = "nonce") -> Claims:
    return await verify_id_token(
        token,
        KeyRing(lying),
        jwks_uri=f"{ISSUER}/jwks",
        algorithms=algorithms,
        issuer=ISSUER,
        client_id=CLIENT,
        nonce=Secret(nonce),
        now=NOW,
    )


async def refused(lying: Lying, token: str, **more: Any) -> str:
    with pytest.raises(WhaleError) as caught:
        await verify(lying, token, **more)
    assert caught.value.code == "login.failed"
    assert token[:40] not in str(caught.value) or len(token) < 40
    return caught.value.detail


def parts(**header: Any) -> str:
    """A header by hand."""
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()


def by_hand(text: str) -> str:
    """The signature of something that the library would not sign."""
    assert KEY.private_key is not None
    signature = KEY.private_key.sign(text.encode(), PKCS1v15(), SHA256())
    return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"nonce": "other"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"nonce": ["nonce"]}, "another login"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": f"{ISSUER}/"}, "another issuer"),
        ({"aud": "other"}, "somebody else"),
        ({"aud": ["other"]}, "somebody else"),
        ({"aud": None}, "somebody else"),
        ({"aud": {"whale": 1}}, "somebody else"),
        ({"aud": ["whale", "other"]}, "asked for by somebody else"),
        ({"aud": ["whale", "other"], "azp": "other"}, "asked for by somebody else"),
        ({"azp": "other"}, "asked for by somebody else"),
        ({"exp": NOW - SKEW}, "expired"),
        ({"exp": None}, "no time"),
        ({"exp": str(NOW + 300)}, "no time"),
        ({"exp": True}, "no time"),
        ({"exp": math.nan}, "no time"),
        ({"exp": math.inf}, "no time"),
        ({"exp": 10**400}, "no time"),
        ({"iat": -(10**400)}, "no time"),
        ({"iat": NOW + SKEW + 1}, "future"),
        ({"iat": None}, "no time"),
        ({"nbf": NOW + SKEW + 1}, "future"),
        ({"sub": None}, "nobody"),
        ({"sub": ""}, "nobody"),
        ({"sub": 1001}, "nobody"),
        ({"sub": "x" * 256}, "nobody"),
        ({"sub": "10\x0001"}, "nobody"),
    ],
)
async def test_claims_that_are_wrong(change: dict[str, Any], why: str) -> None:
    lying = Lying()
    claims = {name: value for name, value in (lying.claims | change).items() if value is not None}
    assert why in await refused(lying, signed(claims))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW - SKEW + 1},
        {"iat": NOW + SKEW},
        {"nbf": NOW},
        {"aud": ["whale"]},
        {"aud": ["whale", "other"], "azp": "whale"},
        {"azp": "whale"},
        {"exp": NOW + 0.5},
    ],
)
async def test_claims_that_are_right(change: dict[str, Any]) -> None:
    lying = Lying()
    assert (await verify(lying, signed(lying.claims | change)))["sub"] == "1001"


async def test_no_signature_is_none() -> None:
    lying = Lying()
    body = signed(lying.claims).split(".")[1]
    for algorithm in ("none", "None", "nOnE", "", None, 5, ["RS256"]):
        for end in ("", "x"):
            assert "not accepted" in await refused(lying, f"{parts(alg=algorithm, kid='k1')}.{body}.{end}")
    assert lying.asked == [], "no key was looked for"


async def test_a_public_key_is_no_shared_secret() -> None:
    """HS256 with what everybody knows as the key (RFC 8725 section 2.1)."""
    lying = Lying()
    for text in (KEY.as_pem(private=False), json.dumps(KEY.as_dict(private=False)).encode()):
        shared = jwk.OctKey.import_key(text.decode().replace("-----", "").strip())
        forged = signed(lying.claims, shared, alg="HS256", kid="k1")
        assert "not accepted" in await refused(lying, forged)
    lying.keys = [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "k1"}]
    assert "not accepted" in await refused(lying, forged), "not even with a provider that has one"


async def test_a_key_that_the_provider_does_not_have() -> None:
    lying = Lying()
    assert "does not have" in await refused(lying, signed(lying.claims, OTHER_KEY))
    assert "signature is wrong" in await refused(lying, signed(lying.claims, OTHER_KEY, kid="k1"))
    assert "not accepted" in await refused(lying, f"{parts(alg='RS256', kid=7)}.e30.x")


async def test_the_key_in_the_token_counts_for_nothing() -> None:
    lying = Lying()
    more: dict[str, Any] = {"jwk": OTHER_KEY.as_dict(private=False), "jku": "https://evil.example/jwks", "kid": "k1"}
    assert "signature is wrong" in await refused(lying, signed(lying.claims, OTHER_KEY, **more))


async def test_without_a_key_id_those_that_fit_are_tried() -> None:
    lying = Lying()
    lying.keys = [OTHER_KEY, KEY]
    assert await verify(lying, signed(lying.claims, kid=None))


@pytest.mark.parametrize("alg", ["RS512", "PS256", "ES256", "Ed25519", "EdDSA"])
async def test_signatures_that_are_accepted(alg: str) -> None:
    lying, key = Lying(), KEY
    made: Any = key
    if alg == "ES256":
        made = jwk.ECKey.generate_key("P-256", {"kid": "e"})
    elif alg.startswith("Ed"):
        made = jwk.OKPKey.generate_key("Ed25519", {"kid": "o"})
    lying.keys = [made]
    with quiet():
        token = signed(lying.claims, made, alg=alg)
    assert await verify(lying, token)
    assert "not accepted" in await refused(lying, token, algorithms=["RS256"]), "those that the provider does not name"


async def test_a_weak_key_is_none() -> None:
    with quiet():
        lying, weak = Lying(), rsa_key("weak", 1024)
        lying.keys = [weak]
        token = signed(lying.claims, weak)
    assert "does not have" in await refused(lying, token)


async def test_a_changed_body_is_noticed() -> None:
    lying = Lying()
    head, body, end = signed(lying.claims).split(".")
    other = signed(lying.claims | {"sub": "1002"}).split(".")[1]
    assert "signature is wrong" in await refused(lying, f"{head}.{other}.{end}")
    assert "signature is wrong" in await refused(lying, f"{head}.{body}.{end[:-4]}")
    assert "signature is wrong" in await refused(lying, f"{head}.{body}.")


async def test_a_critical_extension_is_not_passed_over() -> None:
    lying = Lying()
    signed_part = f"{parts(alg='RS256', kid='k1', crit=['policy'], policy='x')}.{signed(lying.claims).split('.')[1]}"
    assert "signature is wrong" in await refused(lying, f"{signed_part}.{by_hand(signed_part)}")
    plain = f"{parts(alg='RS256', kid='k1', policy='x')}.{signed(lying.claims).split('.')[1]}"
    assert await verify(lying, f"{plain}.{by_hand(plain)}"), "what is not critical is"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "..",
        "a.b",
        "a.b.c.d.e",
        "e30.e30.e30",
        "W10.e30.",
        "x" * (MAX_TOKEN + 1),
        "\ud800.é.x",
        f"{'[' * 999}.a.b",
    ],
)
async def test_what_is_no_token(token: str) -> None:
    await refused(Lying(), token)


@pytest.mark.parametrize(("change", "why"), [({"nonce": "\ud800"}, "another login"), ({"sub": "\ud800"}, "nobody")])
async def test_half_a_character_is_no_text(change: dict[str, Any], why: str) -> None:
    lying = Lying()
    text = f"{parts(alg='RS256', kid='k1')}.{parts(**lying.claims | change)}"
    assert why in await refused(lying, f"{text}.{by_hand(text)}")


async def test_a_body_that_is_no_object() -> None:
    lying = Lying()
    for body in (b"[]", b"1", b"not json", b"[" * 9_000):
        token = jws.serialize_compact({"alg": "RS256", "kid": "k1"}, body, KEY)
        await refused(lying, token)
