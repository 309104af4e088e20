"""Where a server is: scheme, host and port, and nothing else.

Parsed by hand and strictly: a credential belongs to exactly these three, so a URL that says more (a user, a query,
a path) is refused and never guessed at.
"""

from typing import NamedTuple

from whale.model.errors import UsageError

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_HOST = 255

_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")
_IPV6_CHARACTERS = frozenset("abcdef0123456789:.")


class Address(NamedTuple):
    """A server's address. Two are the same server only when all three parts are equal."""

    scheme: str
    host: str
    port: int

    @property
    def is_secure(self) -> bool:
        """True when the connection is encrypted."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """True when bytes sent there do not leave this machine."""
        return self.host in ("localhost", "::1") or _is_loopback_ipv4(self.host)

    @property
    def authority(self) -> str:
        """Host and port as in a `Host` header; the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as a URL without a path."""
        return f"{self.scheme}://{self.authority}"


def parse_address(url: str) -> Address:
    """Parse `http://HOST[:PORT]` or `https://HOST[:PORT]`. Raises `UsageError` for anything else."""
    scheme, separator, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise _wrong("it must begin with http:// or https://")
    if "@" in rest:
        raise _wrong("it must not hold a user or a password; the token is asked for, or comes in WHALE_TOKEN")
    if "?" in rest or "#" in rest:
        raise _wrong("it must not hold a query or a fragment")
    authority, _, path = rest.partition("/")
    if path:
        raise _wrong("it must not hold a path")
    host, port = _split_port(authority)
    return Address(scheme, _checked_host(host), _checked_port(port, DEFAULT_PORTS[scheme]))


def _split_port(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        host, bracket, tail = authority[1:].partition("]")
        if not bracket or ":" not in host or (tail and not tail.startswith(":")):
            raise _wrong("its IPv6 address is not written as [ADDRESS]")
        return host, tail[1:] if tail else None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _checked_host(host: str) -> str:
    host = host.lower()
    allowed = _IPV6_CHARACTERS if ":" in host else _HOST_CHARACTERS
    if not host or len(host) > MAX_HOST or not allowed.issuperset(host):
        raise _wrong("its host name is not valid")
    return host


def _checked_port(port: str | None, default: int) -> int:
    if port is None:
        return default
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
        raise _wrong("its port must be a number from 1 to 65535")
    return int(port)


def _is_loopback_ipv4(host: str) -> bool:
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(p.isdigit() and int(p) < 256 for p in parts)


def _wrong(why: str) -> UsageError:
    # The URL itself is not repeated: it may hold a password.
    return UsageError(f"the server's URL is not usable: {why}", hint="write it as https://HOST:PORT")
