"""The token: how it is made, recognised, hashed and checked. Pure; never stores, logs or prints one.

A token is 67 characters, and secret scanners find it by `TOKEN_PATTERN`:

    whale_  id (12)  secret (43)  checksum (6)        all base62: 0-9 A-Z a-z

The id is public: it is the key of the token table, so that no lookup ever depends on the secret. The secret
has 256 bits. The checksum is the CRC-32 of all that stands before it: a mistyped or shortened token is told
apart from a wrong one without a look at the table, and a scanner can drop chance hits.

Only the SHA-256 of the secret is kept. A slow hash protects what people choose; nobody can search 256 random
bits, and a slow hash would let anyone who can reach the port load the server.
"""

import hashlib
import hmac
import secrets
import zlib
from typing import Final, NamedTuple, Protocol

from whale.model.errors import AuthenticationError
from whale.model.ids import TokenId
from whale.model.principal import PrincipalKind, Scope
from whale.model.secret import Secret

TOKEN_PREFIX: Final = "whale_"  # noqa: S105 - public
TOKEN_PATTERN: Final = r"whale_[0-9A-Za-z]{61}"  # noqa: S105 - public
"""The regular expression for secret scanners; documented in SECURITY.md."""

ID_LENGTH: Final = 12
SECRET_LENGTH: Final = 43
CHECKSUM_LENGTH: Final = 6
TOKEN_LENGTH: Final = len(TOKEN_PREFIX) + ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH

BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NO_DIGEST: Final = bytes(32)


class StoredToken(Protocol):
    """What the token table says of one token. Times are Unix seconds."""

    @property
    def id(self) -> TokenId: ...
    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def expires(self) -> int | None: ...
    @property
    def revoked(self) -> int | None: ...
    @property
    def last_used(self) -> int | None: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def scope(self) -> Scope | None: ...
    @property
    def lives_by(self) -> TokenId: ...
    @property
    def kind(self) -> PrincipalKind: ...


class ParsedToken(NamedTuple):
    """A well-formed token, not yet checked against the table."""

    id: TokenId
    secret: Secret


class NewToken(NamedTuple):
    """A token just made. `text` is shown once to its owner; `id` and `digest` go into the table."""

    text: Secret
    id: TokenId
    digest: bytes


def create_token() -> NewToken:
    """Make a token. The caller stores `id` and `digest`, hands `text` to its owner and forgets it."""
    token_id = _random(ID_LENGTH)
    secret = _random(SECRET_LENGTH)
    body = f"{TOKEN_PREFIX}{token_id}{secret}"
    return NewToken(Secret(body + _checksum(body)), TokenId(token_id), digest_secret(Secret(secret)))


def parse_token(text: str) -> ParsedToken | None:
    """Take a token apart. None means it is not one of whale's, so another authenticator may look at it.

    Raises `AuthenticationError` for one of whale's that is damaged: shortened, mistyped or broken over lines.
    """
    if not text.startswith(TOKEN_PREFIX):
        return None
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    is_whole = len(text) == TOKEN_LENGTH and all(c in BASE62 for c in text[len(TOKEN_PREFIX) :])
    if not is_whole or checksum != _checksum(body):
        raise AuthenticationError("the token is damaged", hint="copy the whole token again: it has 67 characters")
    start = len(TOKEN_PREFIX) + ID_LENGTH
    return ParsedToken(TokenId(body[len(TOKEN_PREFIX) : start]), Secret(body[start:]))


def account_of(header: str | None) -> str:
    """The public part of a well-formed credential in a header, so that one can see whose was tried; else nothing."""
    credential = (header or "").strip().rpartition(" ")[2]
    try:
        token = parse_token(credential)
    except AuthenticationError:
        return ""
    return token.id if token is not None else ""


def digest_secret(secret: Secret) -> bytes:
    """Hash the secret part for the table: 32 bytes."""
    return hashlib.sha256(secret.reveal().encode()).digest()


def verify_token(token: ParsedToken, stored: StoredToken | None, *, now: int) -> StoredToken:
    """Check a token against its row; None is an unknown id and costs the same work.

    Returns the row. Raises `AuthenticationError`: only who proved to hold the secret is told that it has
    expired or was revoked.
    """
    digest = stored.digest if stored is not None else _NO_DIGEST
    matches = hmac.compare_digest(digest_secret(token.secret), digest)
    if stored is None or not matches:
        raise AuthenticationError("the token is not valid", hint="ask for a new token, or log in again")
    hint = "log in again" if stored.kind is PrincipalKind.USER else "ask for a new token"
    if stored.revoked is not None:
        raise AuthenticationError("the token was revoked", hint=hint, is_spent=True)
    if stored.expires is not None and stored.expires <= now:
        raise AuthenticationError("the token has expired", hint=hint, is_spent=True)
    return stored


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))


def _checksum(body: str) -> str:
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, 62)
        digits = BASE62[digit] + digits
    return digits
