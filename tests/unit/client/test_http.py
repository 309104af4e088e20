import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.certificates import ca_file, server_context
from tests.unit.client.scripted import TOKEN, Peer, Script, scripted
from whale.client import http as http_module
from whale.client.address import Address
from whale.client.http import EngineVersion, ask, escape_segment, get_version, list_containers
from whale.client.profile import Profile
from whale.model.container import ContainerState
from whale.model.errors import ProtocolError, TransportError, WhaleError
from whale.model.secret import Secret

VERSION = {"version": "0.1.0", "api": "1.0", "engines": [{"name": "local", "kind": "docker", "version": "20"}]}
WEB = {
    "id": "c1",
    "name": "web",
    "image": "nginx",
    "state": "running",
    "status": "Up",
    "engine": "local",
    "created": 5,
    "labels": {"a": "b"},
}


def answering(body: Any, status: int = 200) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())

    return script


def failure(script: Script, **options: float) -> WhaleError:
    with scripted(script) as server, pytest.raises(WhaleError) as caught:
        get_version(server.profile, **options)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_the_version_and_the_headers_it_is_asked_with() -> None:
    with scripted(answering(VERSION)) as server:
        version = get_version(server.profile)
    assert (version.version, version.api) == ("0.1.0", "1.0")
    assert version.engines == (EngineVersion("local", "docker", "20"),)
    request = server.peers[0].request
    assert request is not None
    assert request.path == "/1.0/version"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Host"] == f"127.0.0.1:{server.port}"


def test_containers_with_and_without_the_optional_fields() -> None:
    bare = {"id": "c2", "name": "db", "image": "pg", "state": "exited", "engine": "local"}
    with scripted(answering({"containers": [WEB, bare]})) as server:
        web, db = list_containers(server.profile, include_stopped=True)
    assert (web.name, web.state, web.labels, web.created) == ("web", ContainerState.RUNNING, {"a": "b"}, 5)
    assert (db.status, db.created, db.labels) == ("", 0, {})
    request = server.peers[0].request
    assert request is not None
    assert request.path == "/1.0/containers?all=true"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        {"containers": [{}]},
        {"containers": [{**WEB, "state": "odd"}]},
        {"containers": 1},
    ],
)
def test_an_answer_that_is_not_understood(body: Any) -> None:
    with scripted(answering(body)) as server, pytest.raises(ProtocolError):
        list_containers(server.profile, include_stopped=False)
    assert isinstance(failure(answering(body)), ProtocolError)


def test_the_servers_error_is_raised() -> None:
    error = failure(answering({"error": {"code": "auth.invalid", "message": "no", "hint": "h"}}, 401))
    assert (error.code, error.message, error.hint) == ("auth.invalid", "no", "h")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    asked: list[bool] = []
    with scripted(lambda peer: asked.append(True)) as other:

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.answer(status, b"", Location=f"{other.url}/1.0/version")

        assert failure(script).code == "transport.redirected"
    assert asked == []


def test_a_cut_answer_is_never_taken_for_a_whole_one() -> None:
    def length(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + json.dumps(VERSION).encode())

    def chunks(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n")

    def head(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-")

    def nothing(peer: Peer) -> None:
        peer.receive_request()

    def other(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"SSH-2.0\r\n")

    for script in (length, chunks, head, nothing, other):
        assert isinstance(failure(script), TransportError | ProtocolError), script


def test_an_answer_without_end_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def flood(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sock.sendall(bytes(65536))

    def silent(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.recv(1)

    def stalls(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        peer.sock.recv(1)

    monkeypatch.setattr(http_module, "MAX_ANSWER", 1_000_000)
    assert failure(flood).code == "protocol.too_big"
    start = time.monotonic()
    assert "does not answer" in failure(silent, timeout=0.2).message
    assert "did not end" in failure(stalls, timeout=0.2).message
    assert time.monotonic() - start < 10


def test_tls_and_its_absence(tmp_path: Path) -> None:
    context = server_context("127.0.0.1")
    with scripted(answering(VERSION), context=context) as server:
        assert get_version(server.profile._replace(ca_file=ca_file(tmp_path))).version == "0.1.0"
        plain = Profile("", Address("http", "127.0.0.1", server.port), Secret(TOKEN))
        with pytest.raises(TransportError) as caught:
            get_version(plain)
    assert caught.value.code == "transport.plain_http"


def test_a_stream_is_read_as_it_comes() -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"one", b"two"):
            peer.sock.sendall(b"3\r\n" + piece + b"\r\n")
            peer.sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                peer.sock.recv(1)
        peer.sock.sendall(b"0\r\n\r\n")

    with scripted(script) as server, ask(server.profile, "/x", accept="y/z") as exchange:
        assert exchange.read(100) == b"one"
        assert exchange.read(100) == b"two"
        assert exchange.read(100) == b""


def test_a_name_stays_one_segment_of_the_path() -> None:
    assert escape_segment("a/../b?c#d e") == "a%2F..%2Fb%3Fc%23d%20e"
