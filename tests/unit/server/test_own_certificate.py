"""The certificate that a server makes for itself: when it is made, and for whom."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.unit.server.settings import config_for
from whale.model.errors import ConfigError, UsageError
from whale.server.authority import create_authority, hosts_of, load_authority
from whale.server.config_model import Config, TlsSection
from whale.server.own_certificate import OwnCertificate, login_link, own_hosts

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def config(state_dir: Path, *names: str, listen: str = "0.0.0.0:7433") -> Config:
    return config_for(state_dir, listen=listen, tls=TlsSection(own_ca=True, names=names))


def certificate(own: OwnCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(own.files.cert).read_bytes())


def test_the_first_start_makes_authority_and_certificate(tmp_path: Path) -> None:
    own = OwnCertificate(config(tmp_path, "whale.test"))
    assert own.renew(now=NOW)
    authority = load_authority(tmp_path)
    assert authority is not None
    certificate(own).verify_directly_issued_by(authority.certificate)
    assert hosts_of(certificate(own)) >= {"whale.test", "localhost", "127.0.0.1", "::1"}
    assert Path(own.files.key).stat().st_mode & 0o777 == 0o600
    assert not own.renew(now=NOW + timedelta(seconds=1))


def test_it_is_renewed_when_a_third_of_its_life_is_left(tmp_path: Path) -> None:
    own = OwnCertificate(config(tmp_path))
    own.renew(now=NOW)
    first = certificate(own)
    assert not own.renew(now=NOW + timedelta(days=59))
    assert own.renew(now=NOW + timedelta(days=61))
    assert certificate(own).public_key() != first.public_key()
    assert certificate(own).not_valid_after_utc == NOW + timedelta(days=61 + 90)


def test_other_names_need_another_one(tmp_path: Path) -> None:
    assert OwnCertificate(config(tmp_path, "a.test")).renew(now=NOW)
    assert OwnCertificate(config(tmp_path, "a.test", "b.test")).renew(now=NOW)
    assert not OwnCertificate(config(tmp_path, "a.test", "b.test")).renew(now=NOW)


@pytest.mark.parametrize("damage", [b"", b"junk"])
def test_a_damaged_one_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    own = OwnCertificate(config(tmp_path))
    own.renew(now=NOW)
    Path(own.files.cert).write_bytes(damage)
    assert own.renew(now=NOW)
    Path(own.files.key).unlink()
    assert own.renew(now=NOW)


def test_one_of_another_authority_is_made_anew_and_a_lost_authority_is_an_error(tmp_path: Path) -> None:
    own = OwnCertificate(config(tmp_path))
    own.renew(now=NOW)
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(ConfigError, match="damaged"):
        own.renew(now=NOW)
    (tmp_path / "ca.key").unlink()
    create_authority(tmp_path, now=NOW)
    assert own.renew(now=NOW)


def test_an_authority_that_is_bound_leaves_out_what_nobody_named(tmp_path: Path) -> None:
    create_authority(tmp_path, only=["example.test"], now=NOW)
    own = OwnCertificate(config(tmp_path, "whale.example.test"))
    own.renew(now=NOW)
    assert hosts_of(certificate(own)) == {"whale.example.test"}
    with pytest.raises(UsageError):
        OwnCertificate(config(tmp_path, "whale.other.test")).renew(now=NOW)


def test_the_link_has_the_name_that_clients_elsewhere_know(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no authority yet"):
        login_link(config(tmp_path), 7433)
    mark = create_authority(tmp_path).fingerprint
    here = socket.gethostname().lower()
    assert login_link(config(tmp_path), 7433) == f"https://{here}:7433#sha256={mark}"
    assert login_link(config(tmp_path, "Whale.test"), 1) == f"https://whale.test:1#sha256={mark}"
    assert login_link(config(tmp_path, listen="[::1]:0"), 2) == f"https://[::1]:2#sha256={mark}"
    assert own_hosts(config(tmp_path, listen="192.0.2.1:0"))[0] == "192.0.2.1"
