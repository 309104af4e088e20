"""Clients that never finish a sentence."""

import select
import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, running_server
from whale.model.limits import HANDSHAKE_TIMEOUT

REQUEST = b"GET /1.0/version HTTP/1.1\r\nHost: x\r\nX-Padding: "


@pytest.mark.parametrize("first", [b"", REQUEST])
def test_an_endless_request_is_closed(fake_server: ServerProcess, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fake_server.port), timeout=HANDSHAKE_TIMEOUT + 10) as peer:
        started = time.monotonic()
        peer.settimeout(0.5)
        peer.sendall(first)
        while time.monotonic() - started < HANDSHAKE_TIMEOUT + 10:
            try:
                answer = peer.recv(65536)
            except TimeoutError:
                if first:
                    peer.sendall(b"x")
                continue
            except ConnectionError:
                answer = b""
            if not answer:
                break
        waited = time.monotonic() - started
        assert HANDSHAKE_TIMEOUT - 2 < waited < HANDSHAKE_TIMEOUT + 5


def test_a_giant_head_is_refused_and_the_server_goes_on(fake_server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", fake_server.port), timeout=20) as peer:
        peer.sendall(REQUEST + b"x" * 100_000 + b"\r\n\r\n")
        assert b" 400 " in peer.recv(65536).split(b"\r\n")[0]
    with socket.create_connection(("127.0.0.1", fake_server.port), timeout=20) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 200 " in peer.recv(65536).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Upgrade: websocket\r\n",
        b"Upgrade: \xff\xfe\r\nConnection: Upgrade\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 99\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    ],
)
def test_malformed_upgrades_are_refused(fake_server: ServerProcess, upgrade: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fake_server.port), timeout=20) as peer:
        head = b"GET /1.0/shell HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: whale.v1\r\n"
        peer.sendall(head + f"Authorization: Bearer {fake_server.token}\r\n".encode() + upgrade + b"\r\n")
        assert b" 400 " in peer.recv(65536).split(b"\r\n")[0]


def test_a_thousand_half_open_connections_stop_nobody(fake_server: ServerProcess) -> None:
    peers = [socket.create_connection(("127.0.0.1", fake_server.port), timeout=20) for _ in range(1000)]
    try:
        for peer in peers:
            peer.sendall(REQUEST)
        with socket.create_connection(("127.0.0.1", fake_server.port), timeout=20) as peer:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b" 200 " in peer.recv(65536).split(b"\r\n")[0]
    finally:
        for peer in peers:
            peer.close()


def test_tls_handshakes_that_do_not_go_on_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_SERVER_LIMITS_UNAUTHENTICATED", "300")
    with running_server("fake://web", tmp_path, "--tls-self") as server:
        trust = ssl.create_default_context(cafile=str(tmp_path / "state" / "ca.pem"))
        peers = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(1000)]
        try:
            with (
                socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain,
                trust.wrap_socket(plain, server_hostname="127.0.0.1") as peer,
            ):
                peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert b" 200 " in peer.recv(65536).split(b"\r\n")[0]
            closed = select.poll()
            for each in peers:
                closed.register(each, select.POLLIN)
            assert {fd for fd, _ in closed.poll(0)} == {each.fileno() for each in peers[:701]}, "the oldest"
        finally:
            for each in peers:
                each.close()
