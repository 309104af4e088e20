"""One provider, and the authorization code flow with it (OpenID Connect Core 1.0 section 3.1, PKCE, RFC 9207)."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from whale.access.oidc.failures import unacceptable
from whale.access.oidc.fetch import Answer, Fetch
from whale.access.oidc.id_token import verify_id_token
from whale.access.oidc.keys import KeyRing
from whale.access.oidc.metadata import Metadata, discovery_url, parse_metadata
from whale.access.oidc.person import Person, person_of
from whale.model.errors import AuthenticationError
from whale.model.secret import Secret

METADATA_AGE: Final = 3600.0
"""Seconds until the discovery document is asked for again."""

MAX_PARAMETER: Final = 4096

_Kind = TypeVar("_Kind")


class ProviderSettings(NamedTuple):
    """Which provider, and what whale is to it. Without a secret whale is a public client."""

    issuer: str
    client_id: str
    client_secret: Callable[[], Secret | None]
    """Read for each exchange, so that it can be replaced."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    allowed_groups: tuple[str, ...] = ()


class Attempt(NamedTuple):
    """What only this server knows of one way to the provider and back."""

    state: Secret
    nonce: Secret
    verifier: Secret
    redirect_uri: str


class _Tokens(msgspec.Struct):
    id_token: str
    access_token: str = ""


class Provider:
    """One per server; safe to use from many requests at once."""

    def __init__(
        self,
        settings: ProviderSettings,
        fetch: Fetch,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = settings.issuer
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._monotonic = monotonic
        self._keys = KeyRing(fetch, clock=monotonic)
        self._metadata: Metadata | None = None
        self._read = 0.0

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where to send the browser. Raises `WhaleError`: login.unavailable, login.failed."""
        metadata = await self._discovered()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": attempt.state.reveal(),
            "nonce": attempt.nonce.reveal(),
            "code_challenge": challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{separator}{urlencode(query)}"

    async def person(self, attempt: Attempt, returned: Mapping[str, str]) -> Person:
        """Find out who came back with these parameters. `returned` holds each once.

        Raises `WhaleError`: login.unavailable, login.failed, login.name; `AuthenticationError` (login.denied) when
        the person, or the provider, said no.
        """
        metadata = await self._discovered()
        self._check_return(metadata, attempt, returned)
        tokens = await self._exchange(metadata, attempt, returned["code"])
        claims = await verify_id_token(
            tokens.id_token,
            self._keys,
            jwks_uri=metadata.jwks_uri,
            algorithms=metadata.algorithms,
            issuer=self.issuer,
            client_id=self._settings.client_id,
            nonce=attempt.nonce,
            now=int(self._clock()),
        )
        claims = await self._completed(metadata, claims, tokens.access_token)
        settings = self._settings
        return person_of(
            claims,
            name_claim=settings.name_claim,
            groups_claim=settings.groups_claim,
            allowed_groups=settings.allowed_groups,
        )

    def _check_return(self, metadata: Metadata, attempt: Attempt, returned: Mapping[str, str]) -> None:
        state = returned.get("state", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(state, attempt.state.reveal().encode()):
            raise unacceptable("the state is another login's")
        # RFC 9207: who sends it always must have sent it now, or another provider's answer is taken for this one's.
        issuer = returned.get("iss")
        if (issuer is not None or metadata.authorization_response_iss_parameter_supported) and issuer != self.issuer:
            raise unacceptable("another provider has answered")
        if "error" in returned:
            if returned["error"] == "access_denied":
                raise AuthenticationError("the login was refused", code="login.denied", hint="begin again")
            raise unacceptable(f"the provider said {returned['error'][:64]!r}")
        if not 0 < len(returned.get("code", "")) <= MAX_PARAMETER:
            raise unacceptable("the provider sent no code")

    async def _exchange(self, metadata: Metadata, attempt: Attempt, code: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier.reveal(),
        }
        client, secret = None, self._settings.client_secret()
        if secret is None:
            form["client_id"] = self._settings.client_id
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            client = (self._settings.client_id, secret)
        else:
            form |= {"client_id": self._settings.client_id, "client_secret": secret.reveal()}
        answer = await self._fetch.post(metadata.token_endpoint, form, client=client)
        if answer.status != 200:
            raise unacceptable(f"token endpoint: status {answer.status}{_said(answer)}")
        return _decoded(answer, _Tokens, "token endpoint")

    async def _completed(self, metadata: Metadata, claims: dict[str, Any], access: str) -> dict[str, Any]:
        """Ask for what is not in the token: many providers send names and groups on request alone."""
        wanted = (self._settings.name_claim, self._settings.groups_claim)
        if not access or not metadata.userinfo_endpoint or all(claim in claims for claim in wanted):
            return claims
        answer = await self._fetch.get(metadata.userinfo_endpoint, token=Secret(access))
        if answer.status != 200:
            raise unacceptable(f"userinfo endpoint: status {answer.status}")
        more = _decoded(answer, dict[str, Any], "userinfo endpoint")
        if more.get("sub") != claims["sub"]:  # section 5.3.2: or it may be about anybody
            raise unacceptable("the userinfo endpoint tells of somebody else")
        return {**more, **claims}

    async def _discovered(self) -> Metadata:
        now = self._monotonic()
        if self._metadata is None or now - self._read > METADATA_AGE:
            answer = await self._fetch.get(discovery_url(self.issuer))
            if answer.status != 200:
                raise unacceptable(f"discovery document: status {answer.status}")
            self._metadata, self._read = parse_metadata(answer.body, issuer=self.issuer), now
        return self._metadata


def challenge(verifier: Secret) -> str:
    """What goes to the provider before the verifier does (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _decoded(answer: Answer, kind: type[_Kind], what: str) -> _Kind:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise unacceptable(f"{what}: {type(error).__name__}") from error


def _said(answer: Answer) -> str:
    """The provider's word for what is wrong, for the operator's log."""
    try:
        return f", {str(msgspec.json.decode(answer.body)['error'])[:64]!r}"
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError):
        return ""
