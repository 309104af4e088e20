"""Requests that mean two things, paths that are written oddly, bodies that blow up: raw bytes to a real server."""

import gzip
import re
import socket
import time

import pytest

from tests.server_process import ServerProcess
from whale.model.limits import MIB

PATIENCE = 15.0
HOST = b"Host: x\r\n"
SMUGGLED = b"GET /1.0/version HTTP/1.1\r\nHost: smuggled\r\n\r\n"
UPGRADE = (
    b"GET /1.0/shell HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: whale.v1\r\n"
)


def credential(server: ServerProcess) -> bytes:
    return f"Authorization: Bearer {server.token}\r\n".encode()


def talk(server: ServerProcess, data: bytes) -> bytes:
    """Send bytes, and read until the server hangs up or is silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as peer:
        peer.sendall(data)
        answer = b""
        peer.settimeout(1.0)
        try:
            while part := peer.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
        return answer


def statuses(answer: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


AMBIGUOUS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + SMUGGLED,
    b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + SMUGGLED,
    b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    b"Content-Length: 0x3c\r\n\r\n" + SMUGGLED,
    b"Content-Length: 0,60\r\n\r\n" + SMUGGLED,
    b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    b"Transfer-Encoding: chunked, identity\r\n\r\n" + SMUGGLED,
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    b"Transfer-Encoding: chunked\r\n\r\nz\r\n" + SMUGGLED,
    b"X: a\r\n Content-Length: 60\r\n\r\n" + SMUGGLED,
    b"X: a\x00b\r\n\r\n" + SMUGGLED,
    b"Authorization: Bearer x\nContent-Length: 60\r\n\r\n" + SMUGGLED,
]


@pytest.mark.parametrize("rest", AMBIGUOUS)
def test_what_means_two_things_is_refused_and_nothing_behind_it_is_read(
    fake_server: ServerProcess, rest: bytes
) -> None:
    head = b"DELETE /1.0/sessions/nothing HTTP/1.1\r\n" + HOST + credential(fake_server)
    found = statuses(talk(fake_server, head + rest))
    assert found[:1] == [400], found
    assert len(found) == 1, "what came behind it was taken for a request"


def test_a_second_request_behind_a_sound_one_is_one(fake_server: ServerProcess) -> None:
    """The control for the test above: it would see a second answer."""
    head = b"DELETE /1.0/sessions/nothing HTTP/1.1\r\n" + HOST + credential(fake_server)
    assert statuses(talk(fake_server, head + b"Content-Length: 0\r\n\r\n" + SMUGGLED)) == [404, 401]


def test_behind_an_upgrade_nothing_is_a_request(fake_server: ServerProcess) -> None:
    for behind in (SMUGGLED, b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"):
        answer = talk(fake_server, UPGRADE + credential(fake_server) + b"\r\n" + behind)
        assert statuses(answer) == [101]
        assert b"protocol.violation" in answer


@pytest.mark.parametrize(
    "path",
    [
        "/HEALTHZ",
        "//healthz",
        "/healthz/",
        "/healthz/..",
        "/healthz/../1.0/version",
        "/healthz/..%2f1.0/version",
        "/healthz%2f..%2f1.0/version",
        "/healthz;/../1.0/version",
        "/healthz%00",
        "/healthz%23/../1.0/version",
        "/./metrics",
        "/1.0/../metrics",
        "/1.0//version",
        "/1.0%2fversion",
        "/%2e%2e/metrics",
        "/1.0/sessions/..%2f..%2fhealthz",
        "/\\healthz",
        "*",
        "http://x/healthz/../metrics",
    ],
)
def test_no_spelling_of_a_path_gets_past_the_credential(fake_server: ServerProcess, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    answer = talk(fake_server, request)
    assert statuses(answer)[0] in (400, 401), answer
    assert b"whale_" not in answer


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A hundred megabytes, in a few hundred kilobytes."""
    return gzip.compress(bytes(128 * MIB), compresslevel=1)


def test_a_compressed_body_is_not_blown_up(fake_server: ServerProcess, bomb: bytes) -> None:
    before = fake_server.memory()
    head = b"DELETE /1.0/sessions/nothing HTTP/1.1\r\n" + HOST + credential(fake_server)
    began = time.monotonic()
    for encoding in (b"gzip", b"deflate"):
        fields = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(bomb))
        assert statuses(talk(fake_server, head + fields + bomb))[:1] in ([404], [400], [413])
        assert statuses(talk(fake_server, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")) == [200]
    assert fake_server.memory() - before < 32 * MIB
    assert time.monotonic() - began < PATIENCE


def test_compressed_frames_are_not_agreed_to(fake_server: ServerProcess) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    head = UPGRADE + credential(fake_server) + offer
    # A frame with the bit that says it is compressed.
    answer = talk(fake_server, head + b"\xc2\x80\x00\x00\x00\x00")
    assert statuses(answer) == [101]
    assert b"sec-websocket-extensions" not in answer.lower()
    assert b"protocol.violation" in answer
