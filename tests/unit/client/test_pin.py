"""The fingerprint in a login link, against real TLS servers."""

import contextlib
import hashlib
import socket
import ssl
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from tests.unit.client.certificates import server_context
from tests.unit.client.scripted import Peer, scripted
from whale.client.address import Address
from whale.client.dial import Trust, connect
from whale.client.pin import LoginLink, pinned_certificate, split_link
from whale.model.errors import TransportError, UsageError
from whale.server.authority import Authority, create_authority, issue

MARK = "0f" * 32
PATIENCE = 10.0


def silent(peer: Peer) -> None:
    """Take nothing, and say nothing."""
    with contextlib.suppress(OSError):  # it may not like the certificate
        assert peer.sock.recv(1) == b"", "something was sent"


def served_by(authority: Authority, folder: Path, *hosts: str) -> ssl.SSLContext:
    """A server's TLS with a certificate of an authority, which it shows too."""
    issued = issue(authority, hosts or ("127.0.0.1",))
    (folder / "chain.pem").write_bytes(issued.chain)
    (folder / "leaf.key").write_bytes(issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "leaf.key")
    return context


def failure(address: Address, trust: Trust) -> TransportError:
    with pytest.raises(TransportError) as caught:
        connect(address, trust=trust, timeout=PATIENCE).close()
    return caught.value


def test_a_link_is_a_url_and_a_fingerprint() -> None:
    raw = bytes.fromhex(MARK)
    assert split_link(f"https://h:1#sha256={MARK}") == LoginLink("https://h:1", raw)
    assert split_link(f" https://h:1#sha256={MARK.upper()}\n") == LoginLink("https://h:1", raw)
    assert split_link("https://h:1#sha256=" + ":".join(["0F"] * 32)) == LoginLink("https://h:1", raw)
    assert split_link("https://h:1") == LoginLink("https://h:1")
    assert split_link("http://h:1#CODE") == LoginLink("http://h:1", code="CODE")
    assert split_link(f"https://h:1#sha256={MARK}&CODE") == LoginLink("https://h:1", raw, "CODE")


@pytest.mark.parametrize("text", ["", "0f", MARK[:-2], MARK + "0f", "x" * 64, MARK + "#", "&" + MARK])
def test_a_damaged_fingerprint_is_not_none(text: str) -> None:
    with pytest.raises(UsageError, match="damaged"):
        split_link(f"https://h:1#sha256={text}")


def test_a_fingerprint_is_for_tls() -> None:
    with pytest.raises(UsageError, match="https"):
        split_link(f"http://127.0.0.1:1#sha256={MARK}")


def test_the_authority_is_found_and_trusted_from_then_on(tmp_path: Path) -> None:
    authority = create_authority(tmp_path)
    with scripted(silent, context=served_by(authority, tmp_path)) as server:
        pem = pinned_certificate(server.profile.address, bytes.fromhex(authority.fingerprint))
        assert pem.encode() == authority.pem
        with closing(connect(server.profile.address, trust=Trust(pinned=pem))) as sock:
            assert isinstance(sock, ssl.SSLSocket)
    with scripted(silent, context=served_by(authority, tmp_path)) as renewed:
        connect(renewed.profile.address, trust=Trust(pinned=pem)).close()


def test_a_certificate_that_is_no_authority_can_be_pinned(tmp_path: Path) -> None:
    context = server_context("127.0.0.1")
    with scripted(silent, context=context) as server:
        with closing(_leaf(server.profile.address)) as sock:
            shown = sock.getpeercert(binary_form=True) or b""
        pem = pinned_certificate(server.profile.address, hashlib.sha256(shown).digest())
        connect(server.profile.address, trust=Trust(pinned=pem)).close()
    with scripted(silent, context=server_context("127.0.0.1")) as other:
        assert failure(other.profile.address, Trust(pinned=pem)).code == "transport.pin"


def test_another_fingerprint_ends_it(tmp_path: Path) -> None:
    with scripted(silent, context=served_by(create_authority(tmp_path), tmp_path)) as server:
        with pytest.raises(TransportError, match="no certificate with the fingerprint") as caught:
            pinned_certificate(server.profile.address, bytes.fromhex(MARK))
        assert caught.value.code == "transport.pin"
        assert "in between" in caught.value.hint


def test_somebody_in_between_is_not_trusted_later(tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    pem = create_authority(tmp_path).pem.decode()
    evil = create_authority(tmp_path / "evil")
    with scripted(silent, context=served_by(evil, tmp_path / "evil")) as server:
        error = failure(server.profile.address, Trust(pinned=pem))
    assert error.code == "transport.pin"
    assert "log in with a new link" in error.hint


def test_a_public_authority_is_not_trusted_where_one_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = trustme.CA()
    public.cert_pem.write_to_path(tmp_path / "public.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    pem = create_authority(tmp_path).pem.decode()
    with scripted(silent, context=server_context("127.0.0.1", ca=public)) as server:
        connect(server.profile.address).close()
        assert failure(server.profile.address, Trust(pinned=pem)).code == "transport.pin"


def test_the_name_is_checked_too(tmp_path: Path) -> None:
    authority = create_authority(tmp_path)
    with scripted(silent, context=served_by(authority, tmp_path, "other.test")) as server:
        pem = pinned_certificate(server.profile.address, bytes.fromhex(authority.fingerprint))
        error = failure(server.profile.address, Trust(pinned=pem))
    assert (error.code, "another name" in error.message) == ("transport.tls", True)


def test_what_speaks_no_tls(tmp_path: Path) -> None:
    def plain(peer: Peer) -> None:
        peer.sock.recv(4096)
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(plain) as server:
        address = Address("https", "127.0.0.1", server.port)
        with pytest.raises(TransportError) as caught:
            pinned_certificate(address, bytes.fromhex(MARK))
    assert caught.value.code == "transport.tls"


def _leaf(address: Address) -> ssl.SSLSocket:
    """A connection that trusts nobody, to look at what is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((address.host, address.port), timeout=PATIENCE))
