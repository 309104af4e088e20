"""The server's own certificate authority: one key in the state directory, which signs certificates for this server.

The key never leaves its file, which only the server's user can read. Clients trust the authority for this one server,
by the fingerprint in the login link; nobody needs to put it among the certificates that a whole machine trusts. For who
does, it can be bound to domains and networks.
"""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from whale.model.errors import ConfigError, UsageError
from whale.server.private_files import read_private, write_private

CERTIFICATE_FILE: Final = "ca.pem"
KEY_FILE: Final = "ca.key"

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
CERTIFICATE_LIFETIME: Final = timedelta(days=90)
MAX_LIFETIME: Final = timedelta(days=397)
"""Of a server's certificate; what browsers take at most is less than 400 days."""

SKEW: Final = timedelta(hours=1)
"""Certificates are good that long before they are made: clocks differ."""

MAX_HOSTS: Final = 100

_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9-]{1,63})*")
_EVERYTHING: Final = ("0.0.0.0/0", "::/0")

Key = ec.EllipticCurvePrivateKey


class Authority(NamedTuple):
    """A loaded authority."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate as clients get it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal, as the login link has it."""
        return fingerprint(self.certificate)


class Issued(NamedTuple):
    """A new certificate of a server, with the authority's behind it, and its key."""

    certificate: x509.Certificate
    chain: bytes
    key: bytes


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, in hexadecimal."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def create_authority(state_dir: Path, *, only: Sequence[str] = (), now: datetime | None = None) -> Authority:
    """Make an authority. `only` are the domains and networks it may sign for; none means any.

    Raises `UsageError` when there is one: clients that trust it would be lost.
    """
    if (state_dir / KEY_FILE).exists():
        raise UsageError("there is an authority already", hint="`whale-server ca show` shows it")
    moment = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"whale-server authority {secrets.token_hex(4)}")])
    builder = (
        _builder(name, name, key.public_key(), moment, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if only:
        builder = builder.add_extension(_constraints(only), critical=True)
    made = Authority(builder.sign(key, hashes.SHA256()), key)
    write_private(state_dir / KEY_FILE, _key_pem(key))
    write_private(state_dir / CERTIFICATE_FILE, made.pem)
    return made


def load_authority(state_dir: Path) -> Authority | None:
    """Load the authority; None when there is none. Raises `ConfigError` for one that is damaged or open to others."""
    key_pem = read_private(state_dir / KEY_FILE)
    if key_pem is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate((state_dir / CERTIFICATE_FILE).read_bytes())
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(type(error).__name__) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise _damaged("key and certificate do not belong together")
    return Authority(certificate, key)


def issue(
    authority: Authority,
    hosts: Iterable[str],
    *,
    lifetime: timedelta = CERTIFICATE_LIFETIME,
    now: datetime | None = None,
) -> Issued:
    """Sign a certificate for hosts, names or addresses, with a new key. Raises `UsageError` for what is no host."""
    names = list(dict.fromkeys(map(_general_name, hosts)))
    if not 0 < len(names) <= MAX_HOSTS:
        raise UsageError(f"a certificate is for one to {MAX_HOSTS} hosts")
    _check_permitted(authority.certificate, names)
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise UsageError(f"a certificate lives for one to {MAX_LIFETIME.days} days")
    moment = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:64])])
    issuer_key = x509.SubjectKeyIdentifier.from_public_key(authority.certificate.public_key())
    certificate = (
        _builder(subject, authority.certificate.subject, key.public_key(), moment, lifetime)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    # Clients pin the authority, so it must be in what the server shows.
    chain = certificate.public_bytes(serialization.Encoding.PEM) + authority.pem
    return Issued(certificate, chain, _key_pem(key))


def may_sign(authority: Authority, host: str) -> bool:
    """True for a host that a certificate can be made for."""
    try:
        _check_permitted(authority.certificate, [_general_name(host)])
    except UsageError:
        return False
    return True


def hosts_of(certificate: x509.Certificate) -> set[str]:
    """The names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = names.get_values_for_type(x509.IPAddress)
    return {*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise UsageError("a host is a name in small letters, or an address", hint="without scheme and port")
    return x509.DNSName(host)


def _constraints(only: Sequence[str]) -> x509.NameConstraints:
    domains: list[x509.GeneralName] = []
    networks: list[x509.GeneralName] = []
    for entry in only:
        try:
            networks.append(x509.IPAddress(ipaddress.ip_network(entry)))
        except ValueError:
            name = _general_name(entry)
            if not isinstance(name, x509.DNSName) or "*" in entry:
                raise UsageError("an authority is bound to domains and networks") from None
            domains.append(name)
    # A kind of name of which nothing is permitted is not restricted at all (RFC 5280 section 4.2.1.10).
    excluded: list[x509.GeneralName] = [] if domains else [x509.DNSName("")]
    if not networks:
        excluded += [x509.IPAddress(ipaddress.ip_network(network)) for network in _EVERYTHING]
    return x509.NameConstraints(permitted_subtrees=[*domains, *networks], excluded_subtrees=excluded or None)


def _check_permitted(authority: x509.Certificate, names: Sequence[x509.DNSName | x509.IPAddress]) -> None:
    """Refuse what clients would not accept."""
    try:
        permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return
    for name in names:
        if not any(_fits(name, subtree) for subtree in permitted):
            raise UsageError(
                f"the authority may not sign for {name.value}", hint="`whale-server ca create --only` said for what"
            )


def _fits(name: x509.DNSName | x509.IPAddress, subtree: x509.GeneralName) -> bool:
    if isinstance(name, x509.IPAddress):
        return isinstance(subtree, x509.IPAddress) and name.value in subtree.value  # type: ignore[operator]
    host = name.value.removeprefix("*.")
    return isinstance(subtree, x509.DNSName) and (host == subtree.value or host.endswith(f".{subtree.value}"))


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _damaged(detail: str) -> ConfigError:
    return ConfigError(
        f"the authority in the state directory can't be used: {CERTIFICATE_FILE} or {KEY_FILE} is damaged",
        path="tls.own_ca",
        hint="restore both from a backup; a new authority needs a new login of every client",
        detail=detail,
    )
