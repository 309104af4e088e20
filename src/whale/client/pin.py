"""The fingerprint in a login link: which certificate it is of, and that the server really has it.

The first connection trusts nobody and sends nothing; it only looks at what the server shows. What fits the fingerprint
is the one certificate that is trusted from then on, for this server alone, and host names are still checked.
"""

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, NamedTuple

from whale.client.address import Address
from whale.client.dial import CONNECT_TIMEOUT, connect, full_socket
from whale.model.errors import TransportError, UsageError

if TYPE_CHECKING:
    import ssl

_MARK = "sha256="


class LoginLink(NamedTuple):
    """A login link taken apart. What was not in it is empty."""

    url: str
    fingerprint: bytes = b""
    """SHA-256 of the certificate to trust."""
    code: str = ""
    """What somebody enrols with: a secret."""


def split_link(link: str) -> LoginLink:
    """Take `URL[#[sha256=FINGERPRINT][&][CODE]]` apart.

    Raises `UsageError` for a fingerprint that is none: it must not count as no fingerprint.
    """
    url, mark, rest = link.strip().partition("#")
    if not mark:
        return LoginLink(link)
    fingerprint, code = b"", rest
    if rest.startswith(_MARK):
        text, _, code = rest.removeprefix(_MARK).partition("&")
        fingerprint = _fingerprint(text)
        if not url.lower().startswith("https://"):
            raise UsageError("a fingerprint is for https://", hint="copy the whole link again")
    return LoginLink(url, fingerprint, code)


def _fingerprint(text: str) -> bytes:
    try:
        fingerprint = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        fingerprint = b""
    if len(fingerprint) != hashlib.sha256().digest_size:
        raise UsageError("the fingerprint in the link is damaged", hint="copy the whole link again")
    return fingerprint


def pinned_certificate(address: Address, fingerprint: bytes, *, timeout: float = CONNECT_TIMEOUT) -> str:
    """Find the certificate with this fingerprint among those that the server shows, and return it in PEM.

    Raises `TransportError` (transport.pin) when there is none.
    """
    import ssl

    found = None
    for certificate in _shown(address, timeout):
        if hmac.compare_digest(hashlib.sha256(certificate).digest(), fingerprint):
            found = certificate
    if found is None:
        raise TransportError(
            f"{address.authority} has no certificate with the fingerprint in the link",
            code="transport.pin",
            hint="somebody may be in between; if not, ask whoever runs the server for a new link",
        )
    return ssl.DER_cert_to_PEM_cert(found)


def _shown(address: Address, timeout: float) -> list[bytes]:
    """The certificates that a server shows, in DER. Nothing is verified, and nothing is sent."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + timeout
    plain = connect(address._replace(scheme="http"), timeout=timeout)
    try:
        plain.settimeout(max(0.001, deadline - time.monotonic()))
        with context.wrap_socket(full_socket(plain), server_hostname=address.host) as sock:
            return _chain(sock)
    except OSError as error:
        raise TransportError(
            f"no TLS connection with {address.authority}",
            code="transport.tls",
            hint="check that the address is whale-server's",
            detail=str(error),
        ) from error
    finally:
        plain.close()


def _chain(sock: "ssl.SSLSocket") -> list[bytes]:
    if hasattr(sock, "get_unverified_chain"):  # Python 3.13
        chain: list[bytes] = sock.get_unverified_chain()
        return chain
    import _ssl

    # The same one, before it had a public name.
    inner = sock._sslobj  # type: ignore[attr-defined]
    return [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in inner.get_unverified_chain() or ()]
