"""Where the store is: a state directory, which has SQLite's file, or a PostgreSQL database by its URL. Pure.

A URL never holds a password: settings are printed, and every user of a machine sees the arguments of its processes.
"""

import ipaddress
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from whale.model.errors import ConfigError

DEFAULT_PORT: Final = 5432

TlsMode = Literal["disable", "require", "verify-ca", "verify-full"]
"""libpq's words. Those that fall back to no TLS by themselves are left out."""

_FILES: Final = ("sslrootcert", "sslcert", "sslkey")
_EXAMPLE: Final = "for example postgresql://whale@db.example.com/whale"


class PostgresAddress(NamedTuple):
    """A database of a PostgreSQL server."""

    host: str
    """A name, an address, or the directory of a unix socket."""
    port: int
    user: str
    """Empty: the user that the server runs as."""
    database: str
    tls: TlsMode
    ca_file: str = ""
    """Empty: the certificates that the system trusts."""
    cert_file: str = ""
    key_file: str = ""
    password_file: str = ""
    """Read at every connect. Empty: PGPASSWORD, PGPASSFILE and ~/.pgpass are looked at, as by psql."""


StorePlace = Path | PostgresAddress
"""A path is the state directory of a server with SQLite."""


def parse_postgres_url(url: str, *, password_file: str = "") -> PostgresAddress:
    """Take `postgresql://[USER@]HOST[:PORT]/DATABASE[?sslmode=…]` apart.

    Without an sslmode it is `verify-full`, and `disable` for this machine. Raises `ConfigError` for the path `url`,
    which repeats nothing of it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
        options = dict(parse_qsl(parts.query, strict_parsing=True, max_num_fields=16)) if parts.query else {}
    except ValueError:
        raise _wrong("is not the address of a database", _EXAMPLE) from None
    if parts.scheme not in ("postgresql", "postgres") or parts.fragment:
        raise _wrong("is not the address of a PostgreSQL database", _EXAMPLE)
    if parts.password is not None or "password" in options:
        raise _wrong("must not hold a password", "put it into a file, and name that in store.password_file")
    host = options.pop("host", "") or unquote(parts.hostname or "")
    database = unquote(parts.path.removeprefix("/"))
    if not _is_plain(host, database, unquote(parts.username or ""), *options.values()) or not host or "," in host:
        raise _wrong("has no host", _EXAMPLE)
    if not database or "/" in database:
        raise _wrong("has no name of a database", _EXAMPLE)
    tls = _tls_mode(options.pop("sslmode", ""), host)
    ca_file, cert_file, key_file = files = [options.pop(name, "") for name in _FILES]
    if options:
        raise _wrong("has an option that is not known", f"there are host, sslmode, {', '.join(_FILES)}")
    if any(file and not file.startswith("/") for file in files):
        raise _wrong("has a file whose path is not absolute")
    if (any(files) and tls == "disable") or bool(cert_file) != bool(key_file):
        raise _wrong("has certificates that do not fit together", "sslcert and sslkey come together, and with TLS")
    user = unquote(parts.username or "")
    return PostgresAddress(host, port, user, database, tls, ca_file, cert_file, key_file, password_file)


def _tls_mode(given: str, host: str) -> TlsMode:
    if not given:
        return "disable" if _is_here(host) else "verify-full"
    for mode in get_args(TlsMode):
        if given == mode:
            found: TlsMode = mode
            return found
    raise _wrong("has an sslmode that is not known", f"there are {', '.join(get_args(TlsMode))}")


def _is_here(host: str) -> bool:
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_plain(*texts: str) -> bool:
    return all(text.isprintable() for text in texts)


def _wrong(problem: str, hint: str = "") -> ConfigError:
    return ConfigError(problem, path="url", hint=hint)
