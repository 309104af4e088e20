import json
from typing import Any

import pytest

from tests.unit.access.oidc.lying import ISSUER, Lying
from whale.access.oidc.metadata import discovery_url, is_protected, parse_issuer, parse_metadata
from whale.model.errors import WhaleError


def parse(**changes: Any) -> Any:
    return parse_metadata(json.dumps(Lying().metadata | changes).encode(), issuer=ISSUER)


def test_what_is_read() -> None:
    found = parse(id_token_signing_alg_values_supported=["none", "HS256", "ES256", "RS256"])
    assert found.token_endpoint == f"{ISSUER}/token"
    assert found.algorithms == ["RS256", "ES256"]
    assert discovery_url("https://id.example/realm/") == "https://id.example/realm/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"issuer": f"{ISSUER}/"},
        {"issuer": None},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": ""},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": "http://169.254.169.254/"},
        {"code_challenge_methods_supported": ["plain"]},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"token_endpoint": 5},
    ],
)
def test_what_is_not_good_enough(changes: dict[str, Any]) -> None:
    with pytest.raises(WhaleError) as caught:
        parse(**changes)
    assert caught.value.code == "login.failed"


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_document(body: bytes) -> None:
    with pytest.raises(WhaleError):
        parse_metadata(body, issuer=ISSUER)


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://id.example/x?y", True),
        ("http://127.0.0.1:5/x", True),
        ("http://[::1]/", True),
        ("http://localhost:5", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://id.example", False),
        ("https://user@id.example", False),
        ("https://id.example#x", False),
        ("https://", False),
        ("https://id.example:99999", False),
        ("https://[::1", False),
        ("ftp://id.example", False),
        ("", False),
    ],
)
def test_protected_addresses(url: str, is_fine: bool) -> None:
    assert is_protected(url) is is_fine


def test_who_only_issues_tokens_needs_no_more_than_keys() -> None:
    bare = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "authorization_endpoint": "urn:kubernetes:none"}
    found = parse_issuer(json.dumps(bare).encode(), issuer=ISSUER)
    assert (found.jwks_uri, found.algorithms) == (f"{ISSUER}/jwks", ["RS256"])


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": f"{ISSUER}/"},
        {"jwks_uri": "http://id.example/jwks"},
        {"jwks_uri": None},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
    ],
)
def test_an_issuer_that_is_not_good_enough(changes: dict[str, Any]) -> None:
    with pytest.raises(WhaleError) as caught:
        parse_issuer(json.dumps(Lying().metadata | changes).encode(), issuer=ISSUER)
    assert caught.value.code == "login.failed"
