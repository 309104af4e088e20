"""Open a connection to a server: name, TCP, TLS, each within one deadline.

It never sends a credential, follows a redirect or goes through a proxy.
"""

# The C module under `socket`: that one adds enumerations and selectors, which cost 4 ms and are not used here.
import _socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from whale.client.address import Address
from whale.model.errors import TransportError

if TYPE_CHECKING:
    import socket
    import ssl

CONNECT_TIMEOUT = 10.0
"""Seconds for everything from the host's name to the end of the TLS handshake."""

PROBE_TIMEOUT = 2.0
"""Seconds to find out whether a server that hung up wants TLS."""

_MISMATCHES = (62, 64)
"""OpenSSL's verify codes for a certificate made for another name or address."""

_EXPIRED = 10
"""And for one that has run out."""


class Trust(NamedTuple):
    """Who must have signed a server's certificate: by default whoever this machine trusts."""

    ca_file: str = ""
    """Certificates in a file of the user's."""
    pinned: str = ""
    """A certificate in PEM, to which a login link had the fingerprint. Nobody else is trusted then."""


AddressInfo = list[tuple[int, int, int, tuple[Any, ...]]]
"""Family, kind, protocol and address, as a resolver answers."""


def connect(
    address: Address,
    *,
    trust: Trust = Trust(),  # noqa: B008
    timeout: float = CONNECT_TIMEOUT,
) -> _socket.socket:
    """Connect, with TLS where the address says https. The socket has the rest of `timeout` (seconds) as its own.

    Raises `TransportError`: unreachable, tls, pin or plain_http.
    """
    deadline = time.monotonic() + timeout
    sock = _connect_tcp(address, deadline)
    try:
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if address.is_secure:
            sock = start_tls(sock, address, trust)
    except BaseException:
        sock.close()
        raise
    return sock


def speaks_tls(address: Address) -> bool:
    """Find out whether TLS is spoken at an address that was tried without. Sends nothing but a handshake."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(full_socket(_connect_tcp(address, time.monotonic() + PROBE_TIMEOUT))):
            return True
    except (OSError, TransportError):
        return False


def _connect_tcp(address: Address, deadline: float) -> _socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, target in _look_up(address, deadline):
        sock = _socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            sock.connect(target)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise _unreachable(address, failure)


def _look_up(address: Address, deadline: float) -> AddressInfo:
    family = literal_family(address.host)
    if family is not None:
        return [(family, _socket.SOCK_STREAM, 0, (address.host, address.port))]
    # A resolver has no deadline of its own and can't be interrupted: it gets a thread that nobody waits for.
    import threading

    answers: list[AddressInfo | OSError] = []

    def look_up() -> None:
        try:
            answers.append(resolve(address))
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=look_up, name="whale-resolver", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if not answers or isinstance(answers[0], OSError):
        raise TransportError(
            f"the host {address.host} was not found",
            code="transport.unreachable",
            hint="check the name, or your network",
        )
    return answers[0]


def resolve(address: Address) -> AddressInfo:
    """Ask the resolver, for as long as it takes. Raises `OSError`."""
    found = _socket.getaddrinfo(address.host, address.port, 0, _socket.SOCK_STREAM)
    return [(family, kind, protocol, target) for family, kind, protocol, _, target in found]


def literal_family(host: str) -> int | None:
    """Return the family of what is an address already; None for a name."""
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, host)
        except OSError:
            continue
        return family
    return None


def full_socket(sock: _socket.socket) -> "socket.socket":
    """Hand a connection to Python's own socket class, which TLS and http.client need."""
    import socket

    timeout = sock.gettimeout()
    made = socket.socket(fileno=sock.detach())
    made.settimeout(timeout)
    return made


def start_tls(sock: _socket.socket, address: Address, trust: Trust) -> "ssl.SSLSocket":
    """Speak TLS on a connection, within its timeout. Raises `TransportError`; close the socket then."""
    import ssl  # 20 ms that only https pays

    try:
        context = ssl.create_default_context(cafile=trust.ca_file or None, cadata=trust.pinned or None)
        if trust.pinned:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be an authority's
    except OSError as error:
        raise TransportError(
            "the file of trusted certificates can't be read",
            code="transport.tls",
            hint="check --ca-file of the login, or WHALE_CA_FILE",
        ) from error
    try:
        return context.wrap_socket(full_socket(sock), server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(address, error, is_pinned=bool(trust.pinned)) from error
    except ssl.SSLError as error:
        if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"):
            raise TransportError(
                f"{address.authority} does not speak TLS",
                code="transport.plain_http",
                hint="the server may want http:// instead of https://",
            ) from error
        hint = "check that the address is whale-server's, and that both know a current version of TLS"
        message = f"no TLS connection with {address.authority}"
        raise TransportError(message, code="transport.tls", hint=hint, detail=str(error)) from error
    except OSError as error:
        raise _unreachable(address, error) from error


def _untrusted(address: Address, error: "ssl.SSLCertVerificationError", *, is_pinned: bool) -> TransportError:
    if error.verify_code in _MISMATCHES:
        message = f"the certificate at {address.authority} is for another name"
        hint = "use the name in the certificate"
    elif is_pinned and error.verify_code != _EXPIRED:
        message = f"the certificate at {address.authority} is not from whom it was at the login"
        hint = "somebody may be in between; if not, log in with a new link from whoever runs the server"
        return TransportError(message, code="transport.pin", hint=hint, detail=error.verify_message)
    else:
        message = f"the certificate at {address.authority} is not trusted: {error.verify_message}"
        hint = "for a private authority give its certificate: whale login --ca-file FILE, or WHALE_CA_FILE"
    return TransportError(message, code="transport.tls", hint=hint)


def _unreachable(address: Address, error: OSError | None) -> TransportError:
    if isinstance(error, TimeoutError):
        message = f"{address.authority} does not answer"
    elif isinstance(error, ConnectionRefusedError):
        message = f"nothing listens at {address.authority}"
    else:
        message = f"{address.authority} can't be reached: {(error and error.strerror) or 'no address'}"
    hint = "check the address and that whale-server runs there"
    return TransportError(message, code="transport.unreachable", hint=hint)
