"""Who issues tokens to jobs or other programs: such a token, proved. What it may be exchanged for, rules say.

The token was not asked for by this server: no nonce and no `azp` ties it to a login. It is tied to this server by its
audience, which the rule names, and to one use by its `jti`, which the caller remembers.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from joserfc.util import urlsafe_b64decode

from whale.access.oidc.failures import RefusedToken, refused, unacceptable
from whale.access.oidc.fetch import Fetch
from whale.access.oidc.id_token import Claims, check_times, signed_claims
from whale.access.oidc.keys import KeyRing
from whale.access.oidc.metadata import IssuerMetadata, discovery_url, parse_issuer
from whale.access.oidc.provider import METADATA_AGE
from whale.access.oidc.shared_fetch import SharedFetch
from whale.model.errors import AuthenticationError
from whale.model.limits import MAX_JOB_TOKEN_AGE


class Issuer:
    """One of each; safe to use from many requests at once."""

    def __init__(self, url: str, fetch: Fetch, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = SharedFetch(fetch, clock=monotonic)
        self._monotonic = monotonic
        self._keys = KeyRing(self._fetch, clock=monotonic)
        self._metadata: IssuerMetadata | None = None
        self._read = 0.0

    async def proved(self, token: str, *, now: int) -> Claims:
        """Check everything but audience and use, and return the claims.

        Raises `AuthenticationError` for what is not right with the token, which is spent when its signature was; and
        `WhaleError`: login.unavailable, login.failed when it is the issuer that fails.
        """
        metadata = await self._discovered()
        is_signed = False
        try:
            claims = await signed_claims(token, self._keys, jwks_uri=metadata.jwks_uri, algorithms=metadata.algorithms)
            is_signed = True
            _check_names(token)
            self._check(claims, now=now)
        except RefusedToken as error:
            raise AuthenticationError(
                "the job's token is not acceptable",
                hint="have the job ask for a new one; if it lasts, the server's audit trail says why",
                detail=error.detail,
                is_spent=is_signed,
            ) from error
        return claims

    def _check(self, claims: Claims, *, now: int) -> None:
        if claims.get("iss") != self._url:
            raise refused("the token is another issuer's")
        check_times(claims, now=now)
        if claims["iat"] <= now - MAX_JOB_TOKEN_AGE:
            raise refused("the token is too old")
        for name, most in (("sub", 255), ("jti", 1024)):
            value = claims.get(name)
            if name == "jti" and name not in claims:
                continue
            if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
                raise refused(f"the token's {name} is no name")

    async def _discovered(self) -> IssuerMetadata:
        now = self._monotonic()
        if self._metadata is None or now - self._read > METADATA_AGE:
            answer = await self._fetch.get(discovery_url(self._url))
            if answer.status != 200:
                raise unacceptable(f"discovery document: status {answer.status}")
            self._metadata, self._read = parse_issuer(answer.body, issuer=self._url), now
        return self._metadata


def _check_names(token: str) -> None:
    """Refuse a claim that is there twice (RFC 7519 section 4): two readers might take one each."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise refused("the token has a claim twice")
        return dict(pairs)

    json.loads(urlsafe_b64decode(token.split(".")[1].encode()), object_pairs_hook=once)
