"""A provider that can lie in every way, in memory: a real one does not."""

import json
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwk, jws, jwt

from whale.access.oidc.fetch import Answer
from whale.access.oidc.metadata import WELL_KNOWN
from whale.access.oidc.provider import Attempt, Provider, ProviderSettings
from whale.model.errors import WhaleError
from whale.model.secret import Secret

ISSUER = "https://id.example"
CLIENT = "whale"
NOW = 1_800_000_000
ATTEMPT = Attempt(Secret("state"), Secret("nonce"), Secret("v" * 43), "https://whale.example/login/callback")
RETURNED = {"state": "state", "code": "code", "iss": ISSUER}


def rsa_key(kid: str | None = "k1", bits: int = 2048) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(bits, {"kid": kid, "use": "sig"} if kid else {"use": "sig"})


KEY, OTHER_KEY = rsa_key(), rsa_key("k2")


class Lying:
    """Implements `Fetch`. Change what it holds before it is asked."""

    def __init__(self) -> None:
        self.keys: list[Any] = [KEY]
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "userinfo_endpoint": f"{ISSUER}/me",
            "authorization_response_iss_parameter_supported": True,
        }
        self.claims: dict[str, Any] = {
            "iss": ISSUER, "aud": CLIENT, "sub": "1001", "nonce": "nonce", "iat": NOW, "exp": NOW + 300,
            "preferred_username": "alice", "groups": ["developer"],
        }  # fmt: skip
        self.userinfo: dict[str, Any] = {"sub": "1001"}
        self.token: str | None = None
        """The ID token, when it is not just the claims, signed."""
        self.answers: dict[str, Answer | WhaleError] = {}
        """Answers by path that take the place of the right ones."""
        self.asked: list[str] = []
        self.posted: list[tuple[dict[str, str], tuple[str, Secret] | None]] = []

    async def get(self, url: str, *, token: Secret | None = None) -> Answer:
        path = url.removeprefix(ISSUER)
        keys = [key if isinstance(key, dict) else key.as_dict(private=False) for key in self.keys]
        bodies = {WELL_KNOWN: self.metadata, "/jwks": {"keys": keys}, "/me": self.userinfo}
        assert path != "/me" or token == Secret("access")
        return self._answer(path, bodies[path])

    async def post(self, url: str, form: Mapping[str, str], *, client: tuple[str, Secret] | None) -> Answer:
        self.posted.append((dict(form), client))
        token = self.token if self.token is not None else signed(self.claims)
        return self._answer(url.removeprefix(ISSUER), {"id_token": token, "access_token": "access"})

    def _answer(self, path: str, body: Any) -> Answer:
        self.asked.append(path)
        special = self.answers.get(path, Answer(200, json.dumps(body).encode()))
        if isinstance(special, WhaleError):
            raise special
        return special


def signed(claims: dict[str, Any], key: Any = KEY, *, alg: str = "RS256", **header: Any) -> str:
    """Sign a token with a key, which it names unless `header` says otherwise."""
    named = {"kid": key.kid} if getattr(key, "kid", None) else {}
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    head = {name: value for name, value in ({"alg": alg} | named | header).items() if value is not None}
    return jwt.encode(head, claims, key, algorithms=[alg], registry=registry)


def provider(lying: Lying, *, secret: str | None = "hush", clock: Any = lambda: NOW, **more: Any) -> Provider:
    settings = ProviderSettings(ISSUER, CLIENT, lambda: Secret(secret) if secret else None, **more)
    return Provider(settings, lying, clock=clock, monotonic=time.monotonic)
