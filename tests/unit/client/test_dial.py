import _socket
import socket
import ssl
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from tests.unit.client.certificates import ca_file, server_context
from tests.unit.client.scripted import DEADLINE, Peer, scripted
from whale.client.address import Address
from whale.client.dial import Trust, connect, speaks_tls
from whale.model.errors import TransportError


def silent(peer: Peer) -> None:
    """Take the connection, and nothing else, until the client is gone."""
    peer.sock.recv(1)


def failure(address: Address, *, ca: str = "", timeout: float = 10.0) -> TransportError:
    with pytest.raises(TransportError) as caught:
        connect(address, trust=Trust(ca), timeout=timeout).close()
    assert caught.value.hint
    return caught.value


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_connection_sends_at_once() -> None:
    with scripted(silent) as server:
        with closing(connect(server.profile.address)) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            timeout = sock.gettimeout()
            assert timeout is not None
            assert 0 < timeout <= 10


def test_a_name_is_looked_up() -> None:
    with scripted(silent) as server:
        connect(Address("http", "localhost", server.port)).close()


def test_nothing_listening_a_wrong_name_and_no_answer_are_unreachable() -> None:
    refused = failure(Address("http", "127.0.0.1", closed_port()))
    assert (refused.code, "nothing listens" in refused.message) == ("transport.unreachable", True)
    unknown = failure(Address("http", "no-such-host.invalid", 80))
    assert (unknown.code, "was not found" in unknown.message) == ("transport.unreachable", True)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        start = time.monotonic()
        silence = failure(Address("http", "127.0.0.1", port), timeout=0.3)
        assert (silence.code, "does not answer" in silence.message) == ("transport.unreachable", True)
        assert time.monotonic() - start < 5
        for filler in fillers:
            filler.close()


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def resolve(*args: object, **kwargs: object) -> list[object]:
        released.wait(DEADLINE)
        return []

    monkeypatch.setattr(_socket, "getaddrinfo", resolve)
    start = time.monotonic()
    assert failure(Address("http", "slow.example", 80), timeout=0.1).code == "transport.unreachable"
    assert time.monotonic() - start < DEADLINE / 2
    released.set()
    assert failure(Address("http", "slow.example", 80)).code == "transport.unreachable"


def test_tls_with_a_private_authority(tmp_path: Path) -> None:
    with scripted(silent, context=server_context("127.0.0.1")) as server:
        with closing(connect(server.profile.address, trust=Trust(ca_file(tmp_path)))) as sock:
            assert isinstance(sock, ssl.SSLSocket)
            assert sock.getpeercert()


def test_an_unknown_authority_and_another_name_are_tls_errors(tmp_path: Path) -> None:
    with scripted(silent, context=server_context("127.0.0.1", ca=trustme.CA())) as server:
        error = failure(server.profile.address, ca=ca_file(tmp_path))
        assert (error.code, "not trusted" in error.message) == ("transport.tls", True)
    for name in ("other.example", "127.0.0.2"):
        with scripted(silent, context=server_context(name)) as server:
            error = failure(server.profile.address, ca=ca_file(tmp_path))
            assert (error.code, "another name" in error.message) == ("transport.tls", True)


def test_a_missing_or_damaged_authority_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    with scripted(silent) as server:
        address = Address("https", "127.0.0.1", server.port)
        for name in ("missing.pem", "bad.pem"):
            error = failure(address, ca=str(tmp_path / name))
            assert (error.code, "can't be read" in error.message) == ("transport.tls", True)


def test_tls_to_a_server_without_is_plain_http() -> None:
    def script(peer: Peer) -> None:
        peer.sock.recv(4096)
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.sock.recv(1)

    with scripted(script) as server:
        assert failure(Address("https", "127.0.0.1", server.port)).code == "transport.plain_http"


def test_a_server_that_hangs_up_or_dawdles_in_the_handshake() -> None:
    with scripted(lambda peer: peer.cut()) as server:
        assert failure(Address("https", "127.0.0.1", server.port)).code in ("transport.unreachable", "transport.tls")
    with scripted(silent_for_ever) as server:
        assert failure(Address("https", "127.0.0.1", server.port), timeout=0.3).code == "transport.unreachable"


def silent_for_ever(peer: Peer) -> None:
    while peer.sock.recv(4096):
        pass


def test_no_version_of_tls_in_common_is_a_tls_error(tmp_path: Path) -> None:
    context = server_context("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")
    with scripted(silent, context=context) as server:
        assert failure(server.profile.address, ca=ca_file(tmp_path)).code == "transport.tls"


def test_whether_tls_is_spoken_can_be_found_out() -> None:
    with scripted(silent, context=server_context("whatever.example")) as server:
        assert speaks_tls(Address("http", "127.0.0.1", server.port))
    with scripted(lambda peer: peer.cut()) as server:
        assert not speaks_tls(Address("http", "127.0.0.1", server.port))
    assert not speaks_tls(Address("http", "127.0.0.1", closed_port()))
