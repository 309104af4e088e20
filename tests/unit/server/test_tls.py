"""The context to listen with, from real certificates."""

import asyncio
import hashlib
import os
import socket
import ssl
import subprocess
import threading
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import trustme
from structlog.testing import capture_logs

from tests.engines import eventually
from tests.unit.server.settings import config_for
from whale.model.errors import ConfigError
from whale.server import tls as module
from whale.server.config_model import TlsSection
from whale.server.tls import Change, ServerTls, load_certificate, server_context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(tmp_path: Path, authority: trustme.CA) -> TlsSection:
    issued = authority.issue_cert("whale.test")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(tmp_path / "cert.pem", append=number > 0)
    return TlsSection(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"))


def replace(tls: TlsSection, authority: trustme.CA, *, name: str = "whale.test", ends: datetime | None = None) -> None:
    """Put another certificate in the place of the first one."""
    issued = authority.issue_cert(name, not_after=ends) if ends is not None else authority.issue_cert(name)
    for file, pem in ((tls.key, issued.private_key_pem), (tls.cert, issued.cert_chain_pems[0])):
        pem.write_to_path(f"{file}.new")
        os.replace(f"{file}.new", file)


def shown(server: ssl.SSLContext, authority: trustme.CA) -> str:
    """The fingerprint of what a new connection is shown."""
    client = ssl.create_default_context()
    authority.configure_trust(client)
    seen: list[bytes] = []

    class Looks(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            seen.append(self.getpeercert(binary_form=True) or b"")

    client.sslsocket_class = Looks
    handshake(server, client)
    return hashlib.sha256(seen[0]).hexdigest()


def failed(tls: TlsSection) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        server_context(tls)
    return caught.value


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str | None, str | None]:
    here, there = socket.socketpair()
    here.settimeout(10)
    there.settimeout(10)

    def answer() -> None:
        try:
            server.wrap_socket(there, server_side=True).close()
        except OSError:
            there.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname="whale.test") as connected:
            return connected.version(), connected.selected_alpn_protocol()
    finally:
        here.close()
        thread.join(10)


def test_no_certificate_is_no_tls(tmp_path: Path) -> None:
    assert ServerTls.open(config_for(tmp_path)) is None


def test_a_client_that_trusts_the_authority_gets_through(tls: TlsSection, authority: trustme.CA) -> None:
    server = server_context(tls)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(server, client) == ("TLSv1.3", "http/1.1")


def test_old_versions_are_refused(tls: TlsSection, authority: trustme.CA) -> None:
    client = ssl.create_default_context()
    authority.configure_trust(client)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(server_context(tls), client)[0] == "TLSv1.2"
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):
        handshake(server_context(tls), client)


def test_a_key_of_another_certificate(tls: TlsSection, tmp_path: Path, authority: trustme.CA) -> None:
    authority.issue_cert("other.test").private_key_pem.write_to_path(tmp_path / "other.pem")
    error = failed(TlsSection(cert=tls.cert, key=str(tmp_path / "other.pem")))
    assert error.path == "tls.key"
    assert "not the certificate's" in error.message


def test_an_encrypted_key_does_not_ask(tls: TlsSection, tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "pkey", "-in", tls.key, "-aes256", "-passout", "pass:hunter2", "-out", str(locked)],
        check=True, timeout=30,
    )  # fmt: skip
    error = failed(TlsSection(cert=tls.cert, key=str(locked)))
    assert error.path == "tls.key"
    assert "encrypted" in error.message


def test_files_that_are_no_pem(tls: TlsSection, tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("hunter2 is not a certificate")
    for broken in (
        TlsSection(cert=str(tmp_path / "junk.pem"), key=tls.key),
        TlsSection(cert=tls.cert, key=str(tmp_path / "junk.pem")),
    ):
        error = failed(broken)
        assert error.path == "tls.cert"
        assert "hunter2" not in str(error)


def test_files_that_are_not_there(tls: TlsSection) -> None:
    error = failed(TlsSection(cert=tls.cert, key="/nowhere/key.pem"))
    assert "No such file" in error.message


@pytest.fixture
def served(tls: TlsSection, tmp_path: Path) -> ServerTls:
    made = ServerTls.open(config_for(tmp_path, tls=tls))
    assert made is not None
    return made


async def test_another_certificate_is_shown_to_new_connections(
    served: ServerTls, tls: TlsSection, authority: trustme.CA
) -> None:
    first = served.current
    assert shown(served.context, authority) == first.fingerprint
    assert await served.check() is None
    replace(tls, authority)
    change = await served.check()
    assert change == Change(served.current.fingerprint)
    assert shown(served.context, authority) == served.current.fingerprint != first.fingerprint
    assert (served.loaded, served.refused, served.is_stale) == (2, 0, False)


async def test_a_pair_that_does_not_fit_is_refused_once_and_the_last_good_one_stays(
    served: ServerTls, tls: TlsSection, authority: trustme.CA
) -> None:
    first = served.current.fingerprint
    good = Path(tls.key).read_bytes()
    authority.issue_cert("other.test").private_key_pem.write_to_path(tls.key)
    assert await served.check() == Change(first, "tls.key: the key is not the certificate's")
    assert await served.check() is None
    assert shown(served.context, authority) == first
    assert (served.loaded, served.refused, served.is_stale) == (1, 1, True)
    Path(tls.key).write_bytes(good)
    assert await served.check() == Change(first)
    assert not served.is_stale


@pytest.mark.parametrize("damage", [b"", b"junk", None])
async def test_what_is_no_certificate_is_refused(
    served: ServerTls, tls: TlsSection, authority: trustme.CA, damage: bytes | None
) -> None:
    Path(tls.cert).unlink()
    if damage is not None:
        Path(tls.cert).write_bytes(damage)
    change = await served.check()
    assert change is not None
    assert change.problem.startswith("tls.cert: ")
    assert shown(served.context, authority) == served.current.fingerprint == change.fingerprint


async def test_one_that_has_run_out_is_refused(served: ServerTls, tls: TlsSection, authority: trustme.CA) -> None:
    first = served.current.fingerprint
    replace(tls, authority, ends=datetime.now(UTC) - timedelta(days=1))
    assert await served.check() == Change(first, "tls.cert: the certificate has expired")


async def test_it_is_watched_and_can_be_told(
    served: ServerTls, tls: TlsSection, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[Change] = []
    monkeypatch.setattr(module, "TLS_INTERVAL", 0.02)
    async with served.watching(changes.append):
        replace(tls, authority)
        await eventually(lambda: len(changes) == 1, "the change")
    monkeypatch.setattr(module, "TLS_INTERVAL", 1000.0)
    async with served.watching(changes.append):
        await asyncio.sleep(0)
        await served.look_now()
        await eventually(lambda: len(changes) == 2, "the same one, again")
    assert changes[1] == Change(served.current.fingerprint)


async def test_a_server_makes_its_own_and_renews_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ServerTls.open(config_for(tmp_path, tls=TlsSection(own_ca=True)))
    assert made is not None
    first = made.current.fingerprint
    assert await made.check() is None
    (tmp_path / "server.pem").unlink()
    change = await made.check()
    assert change is not None
    assert (change.problem, change.fingerprint != first) == ("", True)
    (tmp_path / "ca.key").write_bytes(b"junk")
    refused = await made.check()
    assert refused is not None
    assert "damaged" in refused.problem
    assert await made.check() is None, "it was said"


def test_says_when_it_runs_out(tls: TlsSection, authority: trustme.CA) -> None:
    ends = datetime(2100, 1, 1, tzinfo=UTC)
    replace(tls, authority, ends=ends)
    assert load_certificate(tls).expires == ends.timestamp()


def test_a_server_starts_with_one_that_has_run_out_and_says_so(
    tls: TlsSection, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_log", structlog.get_logger())  # one that no server of another test has used
    replace(tls, authority, ends=datetime.now(UTC) - timedelta(days=1))
    with capture_logs() as logs:
        made = ServerTls.open(config_for(tmp_path, tls=tls))
    assert made is not None
    assert [(entry["event"], entry["fingerprint"]) for entry in logs] == [("tls.expired", made.current.fingerprint)]
