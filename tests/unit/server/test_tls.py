"""The context to listen with, from real certificates."""

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import trustme

from whale.model.errors import ConfigError
from whale.server.config_model import TlsSection
from whale.server.tls import server_context


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


def test_no_certificate_is_no_tls() -> None:
    assert server_context(TlsSection()) is None


def test_a_client_that_trusts_the_authority_gets_through(tls: TlsSection, authority: trustme.CA) -> None:
    server = server_context(tls)
    assert server is not None
    client = ssl.create_default_context()
    authority.configure_trust(client)
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(server, client) == ("TLSv1.3", "http/1.1")


def test_old_versions_are_refused(tls: TlsSection, authority: trustme.CA) -> None:
    server = server_context(tls)
    assert server is not None
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2


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
