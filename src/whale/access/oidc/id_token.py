"""An ID token, held to OpenID Connect Core 1.0 section 3.1.3.7 and RFC 8725. What it returns has been proved."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from whale.access.oidc.failures import refused
from whale.access.oidc.keys import KeyRing, quiet
from whale.model.limits import KIB
from whale.model.secret import Secret

MAX_TOKEN: Final = 64 * KIB
"""Longest token that is looked at. One with hundreds of groups has 16 KiB."""

SKEW: Final = 60
"""Seconds that the provider's clock may differ."""

MAX_TIME: Final = 2**53
"""Seconds: what every JSON reader can hold. A longer number is no time, and can't even be compared everywhere."""

Claims = dict[str, Any]


async def verify_id_token(
    token: str,
    keys: KeyRing,
    *,
    jwks_uri: str,
    algorithms: Sequence[str],
    issuer: str,
    client_id: str,
    nonce: Secret,
    now: int,
) -> Claims:
    """Check everything and return the claims.

    Raises `WhaleError`: login.failed for anything that is not right, login.unavailable when keys can't be had.
    """
    claims = await signed_claims(token, keys, jwks_uri=jwks_uri, algorithms=algorithms)
    _check_parties(claims, issuer=issuer, client_id=client_id)
    check_times(claims, now=now)
    said = claims.get("nonce")
    if not isinstance(said, str) or Secret(said) != nonce:
        raise refused("the token is for another login")
    return claims


async def signed_claims(token: str, keys: KeyRing, *, jwks_uri: str, algorithms: Sequence[str]) -> Claims:
    """Check the signature alone and return the claims, which the caller checks. Raises as `verify_id_token`."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        raise refused("the token is no signed one, or too long")
    try:
        header = msgspec.json.decode(urlsafe_b64decode(token.partition(".")[0].encode()))
        algorithm, key_id = header["alg"], header.get("kid")
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError, RecursionError) as error:
        raise refused("the token's header can't be read") from error
    # Before any key is looked for: what the token says of itself chooses among what is accepted, and nothing else.
    if algorithm not in algorithms or not isinstance(key_id, str | None):
        raise refused("the token's signature is of a kind that is not accepted")
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    for key in await keys.find(jwks_uri, algorithm=algorithm, key_id=key_id):
        try:
            with quiet():
                return jwt.decode(token, key, algorithms=[algorithm], registry=registry).claims
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
    raise refused("the token's signature is wrong")


def _check_parties(claims: Claims, *, issuer: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise refused("the token is another issuer's")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise refused("the token is for somebody else")
    azp = claims.get("azp")
    if (azp is not None or len(audiences) > 1) and azp != client_id:
        raise refused("the token was asked for by somebody else")
    subject = claims.get("sub")
    # Databases take no half characters, and some no NUL.
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise refused("the token names nobody")


def check_times(claims: Claims, *, now: int) -> None:
    """Check that a token is good now, give or take SKEW. Raises `RefusedToken`."""
    for name, is_wanted in (("exp", True), ("iat", True), ("nbf", False)):
        value = claims.get(name)
        if value is None and not is_wanted:
            continue
        # To Python a boolean is a number, and so is one that is neither before nor after anything.
        if not isinstance(value, int | float) or isinstance(value, bool) or not -MAX_TIME < value < MAX_TIME:
            raise refused(f"the token's {name} is no time")
        if (value <= now - SKEW) if name == "exp" else (value > now + SKEW):
            raise refused("the token has expired" if name == "exp" else "the token is from the future")
