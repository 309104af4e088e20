import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from bench.client import CLOSE, PING, PONG, Peer, handshake, masked
from bench.model import BenchError
from whale.model.exec import ExecSpec, ExitStatus
from whale.wire.frames import Channel
from whale.wire.messages import Notice, Status, encode_notice, encode_status

ACCEPT = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def frame(payload: bytes, opcode: int = 2) -> bytes:
    """A server's frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


def output(data: bytes) -> bytes:
    return frame(bytes((Channel.STDOUT,)) + data)


@contextmanager
def connected(answer: bytes = ACCEPT) -> Iterator[tuple[Peer, socket.socket]]:
    """A peer, and the server's side of its connection, by hand."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def accept() -> None:
            sock, _ = listener.accept()
            sock.settimeout(10)
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            sock.sendall(answer)
            accepted.append(sock)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            peer = Peer("127.0.0.1", listener.getsockname()[1], "token")
        finally:
            thread.join(10)
            if accepted and not answer.startswith(ACCEPT[:12]):
                accepted[0].close()
        with closing(peer), accepted[0] as server:
            yield peer, server


@pytest.mark.parametrize(("size", "head"), [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)])
def test_masked_frames_keep_their_payload(size: int, head: int) -> None:
    payload = b"x" * size
    data = masked(payload)
    assert data[1] & 0x80
    assert data[head : head + 4] == bytes(4)
    assert data[head + 4 :] == payload


def test_the_handshake_carries_the_token_in_a_header() -> None:
    lines = handshake("h", 1, "secret").split(b"\r\n")
    assert lines[0] == b"GET /1.0/shell HTTP/1.1"
    assert b"Authorization: Bearer secret" in lines
    assert b"Sec-WebSocket-Protocol: whale.v1" in lines


def test_a_refusal_is_an_error() -> None:
    with pytest.raises(BenchError, match=r"refused.*401"), connected(b"HTTP/1.1 401 Unauthorized\r\n\r\n"):
        pass


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 70_000])
def test_output_is_the_same_however_it_is_cut(size: int) -> None:
    data = output(b"a" * size) + frame(b"", PING) + output(b"b" * size)
    for step in (1, 7, len(data)):
        if len(data) // step > 20_000:
            continue
        with connected() as (peer, _):
            pieces: list[bytes] = []
            for at in range(0, len(data), step):
                pieces += peer.feed(data[at : at + step])
            assert b"".join(pieces) == b"a" * size + b"b" * size
            assert peer.received == 2 * size
            assert peer.rest == b""


def test_output_that_came_with_the_handshake_is_not_lost() -> None:
    with connected(ACCEPT + output(b"early")) as (peer, _):
        assert peer.feed(output(b"late")) == [b"early", b"late"]


def test_a_ping_is_answered() -> None:
    with connected() as (peer, server):
        peer.feed(frame(b"now", PING))
        assert server.recv(100) == masked(b"now", PONG)


def test_a_quarter_of_the_window_is_acknowledged() -> None:
    with connected() as (peer, server):
        peer.request("c", ExecSpec(command=("x",)), window=400)
        assert b'"container":"c"' in server.recv(4096).replace(b" ", b"")
        peer.feed(output(b"x" * 99))
        assert peer.acks == 0
        peer.feed(output(b"x"))
        assert peer.acks == 1
        assert b'"stdout":100' in server.recv(4096).replace(b" ", b"")


def test_other_messages_are_kept_and_the_end_is_noticed() -> None:
    with connected() as (peer, _):
        notice = encode_notice(Notice("a", "b"))
        peer.feed(frame(notice))
        assert (peer.controls, peer.is_over) == ([notice], False)
        peer.feed(frame(encode_status(Status(ExitStatus(0), "", 0, 0))))
        assert peer.is_over


def test_a_close_is_an_end() -> None:
    with connected() as (peer, _):
        peer.feed(frame(b"", CLOSE))
        assert peer.is_over


def test_typing_is_stdin() -> None:
    with connected() as (peer, server):
        peer.type(b"k")
        assert server.recv(100) == masked(b"\x00k")
