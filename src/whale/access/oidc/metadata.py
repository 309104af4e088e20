"""What a provider says of itself (OpenID Connect Discovery 1.0): read, and held to what whale needs. Pure."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import msgspec

from whale.access.oidc.failures import unacceptable

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures that are accepted. Never `none`, and never one whose key both sides have: what is public as a key of one
kind would be the secret of the other."""

WELL_KNOWN: Final = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True):
    """A discovery document, as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> list[str]:
        """Signatures that it makes and whale accepts."""
        return [each for each in ALGORITHMS if each in self.id_token_signing_alg_values_supported]


def discovery_url(issuer: str) -> str:
    """Where an issuer's document is."""
    return issuer.rstrip("/") + WELL_KNOWN


class IssuerMetadata(msgspec.Struct, frozen=True):
    """What is needed of who only issues tokens. CI systems have no other endpoints, or no addresses for them."""

    issuer: str
    jwks_uri: str
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)

    @property
    def algorithms(self) -> list[str]:
        """Signatures that it makes and whale accepts."""
        return [each for each in ALGORITHMS if each in self.id_token_signing_alg_values_supported]


def parse_metadata(body: bytes, *, issuer: str) -> Metadata:
    """Read a discovery document. Raises `WhaleError` (login.failed) for one that is another's or not good enough."""
    try:
        found = msgspec.json.decode(body, type=Metadata)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise unacceptable(f"discovery document: {error}") from error
    if found.issuer != issuer:  # the same letters, as the specification has it
        raise unacceptable("the discovery document is another issuer's")
    endpoints = [found.authorization_endpoint, found.token_endpoint, found.jwks_uri]
    if found.userinfo_endpoint:
        endpoints.append(found.userinfo_endpoint)
    if not all(map(is_protected, endpoints)):
        raise unacceptable("an endpoint in the discovery document is not https")
    if "S256" not in found.code_challenge_methods_supported:
        raise unacceptable("the provider has no PKCE with S256")
    if not found.algorithms:
        raise unacceptable("the provider signs with nothing that is accepted here")
    return found


def parse_issuer(body: bytes, *, issuer: str) -> IssuerMetadata:
    """Read a discovery document for the keys alone. Raises as `parse_metadata`."""
    try:
        found = msgspec.json.decode(body, type=IssuerMetadata)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise unacceptable(f"discovery document: {error}") from error
    if found.issuer != issuer:
        raise unacceptable("the discovery document is another issuer's")
    if not is_protected(found.jwks_uri):
        raise unacceptable("the address of the keys is not https")
    if not found.algorithms:
        raise unacceptable("the issuer signs with nothing that is accepted here")
    return found


def is_protected(url: str) -> bool:
    """True for https, and for plain http that does not leave this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or parts.username is not None or parts.fragment or (parts.port is not None and parts.port < 1):
            return False
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
