"""The certificate that a server makes for itself, from its own authority, and anew before it runs out."""

import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from whale.model.errors import ConfigError
from whale.model.network import parse_ip
from whale.server.authority import Authority, create_authority, hosts_of, issue, load_authority, may_sign
from whale.server.config_model import Config, TlsSection
from whale.server.private_files import read_private, write_private

FILE: Final = "server.pem"
KEY_FILE: Final = "server.key"

_log = structlog.get_logger("whale.server")


class OwnCertificate:
    """One per server with `tls.own_ca`. `renew` it at the start and now and again."""

    def __init__(self, config: Config) -> None:
        self._state_dir = Path(config.state_dir)
        self._names = config.tls.names
        self._hosts = own_hosts(config)
        self.files = TlsSection(cert=str(self._state_dir / FILE), key=str(self._state_dir / KEY_FILE))
        """Where it is, as the settings would say it."""

    def renew(self, *, now: datetime | None = None) -> bool:
        """Make what is missing, runs out or is for other hosts. True when there is a new one. Raises `WhaleError`."""
        moment = now or datetime.now(UTC)
        authority = load_authority(self._state_dir)
        if authority is None:
            authority = create_authority(self._state_dir, now=moment)
            _log.warning("tls.authority_made", fingerprint=authority.fingerprint)
        # What the operator named must go in; of the others those that can.
        hosts = [host for host in self._hosts if host in self._names or may_sign(authority, host)]
        if self._is_good(authority, hosts, moment):
            return False
        issued = issue(authority, hosts, now=moment)
        # Chain and key are two files: who reads them meanwhile finds a pair that does not fit, and looks again.
        write_private(self._state_dir / KEY_FILE, issued.key)
        write_private(self._state_dir / FILE, issued.chain)
        return True

    def _is_good(self, authority: Authority, hosts: Sequence[str], now: datetime) -> bool:
        """It has more than a third of its life before it, and is what would be made now."""
        pem, key = read_private(self._state_dir / FILE), read_private(self._state_dir / KEY_FILE)
        if pem is None or key is None:
            return False
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            certificate.verify_directly_issued_by(authority.certificate)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made anew
            return False
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return hosts_of(certificate) == set(hosts) and begins <= now < ends - (ends - begins) / 3


def own_hosts(config: Config) -> tuple[str, ...]:
    """What the server is reached by: `tls.names`, the address it listens on, and this machine's own names."""
    here = (socket.gethostname().lower(), "localhost", "127.0.0.1", "::1")
    listen = () if _is_wildcard(config.address.host) else (config.address.host,)
    return tuple(dict.fromkeys(_normal(host) for host in (*config.tls.names, *listen, *here) if host))


def login_link(config: Config, port: int) -> str:
    """What clients log in with, once. Raises `ConfigError` when there is no authority."""
    authority = load_authority(Path(config.state_dir))
    if authority is None:
        raise ConfigError("there is no authority yet", path="tls.own_ca", hint="make one: whale-server ca create")
    host = own_hosts(config)[0]
    return f"https://{f'[{host}]' if ':' in host else host}:{port}#sha256={authority.fingerprint}"


def _is_wildcard(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104 - it is looked for, not listened on


def _normal(host: str) -> str:
    address = parse_ip(host)
    return str(address) if address is not None else host.lower()
