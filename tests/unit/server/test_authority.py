"""The authority, held to OpenSSL, which decides what clients accept."""

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from whale.model.errors import ConfigError, UsageError
from whale.server.authority import (
    Authority,
    Issued,
    create_authority,
    fingerprint,
    hosts_of,
    issue,
    load_authority,
    may_sign,
)


def accepted(folder: Path, authority: Authority, issued: Issued, host: str) -> bool:
    """Whether OpenSSL takes a certificate for a host."""
    (folder / "a.pem").write_bytes(authority.pem)
    (folder / "c.pem").write_bytes(issued.chain)
    kind = "-verify_ip" if host.replace(".", "").isdigit() or ":" in host else "-verify_hostname"
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", kind, host]
    files = ["-CAfile", str(folder / "a.pem"), str(folder / "c.pem")]
    return subprocess.run([*command, *files], capture_output=True, timeout=30, check=False).returncode == 0


def test_is_made_once_and_its_key_is_the_servers_alone(tmp_path: Path) -> None:
    made = create_authority(tmp_path)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
    loaded = load_authority(tmp_path)
    assert loaded is not None
    assert loaded.fingerprint == made.fingerprint == fingerprint(made.certificate)
    with pytest.raises(UsageError, match="already"):
        create_authority(tmp_path)
    again = load_authority(tmp_path)
    assert again is not None
    assert again.fingerprint == made.fingerprint, "clients that pinned it are not lost"


def test_there_may_be_none(tmp_path: Path) -> None:
    assert load_authority(tmp_path) is None


def test_a_client_accepts_what_it_signs_for_these_hosts_alone(tmp_path: Path) -> None:
    authority = create_authority(tmp_path)
    issued = issue(authority, ["whale.test", "192.0.2.1", "2001:db8::1", "whale.test", "*.apps.test"])
    assert hosts_of(issued.certificate) == {"whale.test", "192.0.2.1", "2001:db8::1", "*.apps.test"}
    for host in ("whale.test", "192.0.2.1", "2001:db8::1", "a.apps.test"):
        assert accepted(tmp_path, authority, issued, host), host
    for host in ("other.test", "192.0.2.2", "x.whale.test"):
        assert not accepted(tmp_path, authority, issued, host), host
    assert issued.chain.endswith(authority.pem), "clients pin the authority, so the server shows it"


def test_a_certificate_of_it_is_no_authority(tmp_path: Path) -> None:
    certificate = issue(create_authority(tmp_path), ["whale.test"]).certificate
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (False, True)


def test_one_that_is_bound_signs_for_nothing_else(tmp_path: Path) -> None:
    authority = create_authority(tmp_path, only=["example.test", "10.0.0.0/8"])
    for host in ("example.test", "a.example.test", "*.example.test", "10.1.2.3"):
        assert may_sign(authority, host)
    for host in ("test", "badexample.test", "192.0.2.1", "::1", "not a host"):
        assert not may_sign(authority, host)
        with pytest.raises(UsageError):
            issue(authority, ["example.test", host])
    assert accepted(tmp_path, authority, issue(authority, ["a.example.test", "10.1.2.3"]), "a.example.test")


@pytest.mark.parametrize(
    ("only", "host", "expected"),
    [
        (("a.test",), "192.0.2.1", False),
        (("10.0.0.0/8",), "whale.test", False),
        (("a.test",), "b.test", False),
        (("a.test",), "x.a.test", True),
        ((), "b.test", True),
    ],
)
def test_and_clients_hold_it_to_that(tmp_path: Path, only: tuple[str, ...], host: str, expected: bool) -> None:
    authority = create_authority(tmp_path, only=only)
    # What somebody signs who has its key, and none of our checks.
    # With a name that is permitted before it: OpenSSL takes the first one for a name of either kind.
    first = ["x.a.test"] if "a.test" in only else []
    issued = issue(Authority(_unbound(authority), authority.key), [*first, host])
    leaf = issued._replace(chain=issued.certificate.public_bytes(Encoding.PEM))
    assert accepted(tmp_path, authority, leaf, host) is expected


def _unbound(authority: Authority) -> x509.Certificate:
    """A certificate with its name and key, and without what it is bound to."""
    bound = authority.certificate
    builder = x509.CertificateBuilder(
        issuer_name=bound.issuer,
        subject_name=bound.subject,
        public_key=bound.public_key(),
        serial_number=1,
        not_valid_before=bound.not_valid_before_utc,
        not_valid_after=bound.not_valid_after_utc,
    )
    return builder.sign(authority.key, hashes.SHA256())


@pytest.mark.parametrize("host", ["", "https://whale.test", "whale.test:7433", "a b", "WHALE.test", "a/b", "-a.test"])
def test_what_is_no_host(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError):
        issue(create_authority(tmp_path), [host])


def test_a_lifetime_has_bounds(tmp_path: Path) -> None:
    authority = create_authority(tmp_path)
    now = datetime(2030, 1, 1, tzinfo=UTC)
    made = issue(authority, ["a.test"], lifetime=timedelta(days=7), now=now).certificate
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (
        now - timedelta(hours=1),
        now + timedelta(days=7),
    )
    for days in (0, -1, 398):
        with pytest.raises(UsageError):
            issue(authority, ["a.test"], lifetime=timedelta(days=days))
    with pytest.raises(UsageError):
        issue(authority, [])


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_damaged_one_is_not_replaced_in_silence(tmp_path: Path, name: str) -> None:
    create_authority(tmp_path)
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(ConfigError, match="damaged"):
        load_authority(tmp_path)


def test_a_key_of_another_one_is_damage_too(tmp_path: Path) -> None:
    create_authority(tmp_path)
    (tmp_path / "other").mkdir()
    create_authority(tmp_path / "other")
    (tmp_path / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(ConfigError, match="damaged"):
        load_authority(tmp_path)


@pytest.mark.parametrize("only", ["*.example.test", "https://example.test", "10.0.0.1/8", ""])
def test_what_it_can_not_be_bound_to(tmp_path: Path, only: str) -> None:
    with pytest.raises(UsageError):
        create_authority(tmp_path, only=["example.test", only])
    assert load_authority(tmp_path) is None, "nothing is left behind"
