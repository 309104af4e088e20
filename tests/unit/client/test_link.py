import _socket
import contextlib
import json
import select
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.unit.client.certificates import ca_file, server_context
from tests.unit.client.scripted import DEADLINE, TOKEN, Gone, Peer, Script, scripted, wait_until
from whale.client import link as link_module
from whale.client.address import Address
from whale.client.dial import connect
from whale.client.link import Link, enter, greet, knock
from whale.client.profile import Profile
from whale.model.errors import ProtocolError, TransportError, WhaleError
from whale.model.secret import Secret
from whale.wire import websocket
from whale.wire.attach_header import ATTACH_HEADER, TAKEN, decode_attach_header
from whale.wire.websocket import MASK_BULK, CloseReceived, FrameEvent, MessageReceived, Opcode, PingReceived


def opened(profile: Profile) -> Link:
    return enter(knock(profile))


def refused(script: Script) -> WhaleError:
    with scripted(script) as server, pytest.raises(WhaleError) as caught:
        opened(server.profile)
    assert TOKEN not in str(caught.value)
    return caught.value


def gather(link: Link, count: int) -> list[FrameEvent]:
    events: list[FrameEvent] = []
    while len(events) < count:
        if not link.has_unread:
            assert select.select([link.descriptor], [], [], DEADLINE)[0]
        events += link.receive()
    return events


def test_messages_pass_both_ways() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.send(b"one")
        peer.ping(b"p")
        peer.send(b"two" * 100_000)
        peer.close(1001)
        with contextlib.suppress(Gone):
            while True:
                peer.next_event()

    with scripted(script) as server:
        link = opened(server.profile)
        events = gather(link, 4)
        assert events == [
            MessageReceived(b"one", binary=True),
            PingReceived(b"p"),
            MessageReceived(b"two" * 100_000, binary=True),
            CloseReceived(1001, ""),
        ]
        assert link.receive() == []
        link.close()
        link.close()


def test_the_credential_is_in_a_header_and_nowhere_else() -> None:
    def script(peer: Peer) -> None:
        request = peer.shake()
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.path == "/1.0/shell"
        assert request.headers["Host"].startswith("127.0.0.1:")

    with scripted(script) as server:
        opened(server.profile).close()


@pytest.mark.parametrize("is_taken", [True, False])
def test_who_comes_back_says_so_in_the_handshake(is_taken: bool) -> None:
    attach = b'\x05{"type":"attach"}'

    def script(peer: Peer) -> None:
        request = peer.receive_request()
        assert decode_attach_header(request.headers[ATTACH_HEADER]) == attach
        response = peer.ws.accept(request)
        if is_taken:
            response.headers[ATTACH_HEADER] = TAKEN
        peer.ws.send_response(response)
        peer.flush()

    with scripted(script) as server:
        link = enter(greet(connect(server.profile.address), server.profile, attach=attach))
        assert link.is_attached is is_taken
        link.close()


def test_who_did_not_ask_is_not_taken() -> None:
    def script(peer: Peer) -> None:
        request = peer.receive_request()
        assert ATTACH_HEADER not in request.headers
        response = peer.ws.accept(request)
        response.headers[ATTACH_HEADER] = TAKEN
        peer.ws.send_response(response)
        peer.flush()

    with scripted(script) as server:
        link = opened(server.profile)
        assert not link.is_attached
        link.close()


def test_what_comes_with_the_handshakes_answer_is_not_lost() -> None:
    def script(peer: Peer) -> None:
        request = peer.receive_request()
        peer.ws.send_response(peer.ws.accept(request))
        peer.ws.send_binary(b"early")
        peer.sock.sendall(b"".join(peer.ws.data_to_send()))
        peer.until_gone()

    with scripted(script) as server:
        link = opened(server.profile)
        assert gather(link, 1) == [MessageReceived(b"early", binary=True)]
        assert not link.has_unread
        link.close()


def test_a_ping_is_asked_and_a_kernel_says_when_it_had_it() -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.receive_frames()
        peer.flush()  # the pong
        peer.until_gone()

    with scripted(script) as server:
        link = opened(server.profile)
        assert 0 < link.trip < DEADLINE
        assert link.peer == (socket.AF_INET, ("127.0.0.1", server.port))
        assert link.near == (socket.AF_INET, "127.0.0.1")
        before = link.heard
        time.sleep(0.05)
        waited = link.acknowledged_ago()
        link.send_ping()
        assert select.select([link.descriptor], [], [], DEADLINE)[0]
        assert link.receive() == []
        assert link.heard > before
        ago = link.acknowledged_ago()
        assert waited is not None
        assert ago is not None
        assert ago < 0.05 <= waited + 0.01
        assert link._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000
        link.drop()
        assert link.acknowledged_ago() is None


def test_without_the_kernels_word_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Link(socket.socket())
    assert (link.peer, link.near) == (None, None), "it is not connected any more"
    monkeypatch.delattr(_socket, "TCP_INFO")
    assert link.acknowledged_ago() is None
    link.drop()


def test_urgent_messages_overtake_what_has_not_begun_to_leave() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        link = Link(ours)
        while not link.queued:
            link.send(b"d" * 100_000)
        for _ in range(3):
            link.send(b"d" * 100_000)
        link.send_urgent(b"u")
        link.send_pong(b"p")
        received = bytearray()
        while link.queued:
            select.select([], [link.descriptor], [], 0.01)
            link.flush()
            received += theirs.recv(1_000_000)
    frames = _client_frames(bytes(received))
    kinds = [(opcode, len(data)) for opcode, data in frames]
    urgent = kinds.index((Opcode.BINARY, 1))
    assert kinds[urgent + 1] == (Opcode.PONG, 1)
    assert len(kinds) - urgent == 5, "three that waited come behind the two"
    link.close()


def test_bulk_data_in_two_parts_arrives_as_one_message_each() -> None:
    ours, theirs = socket.socketpair()
    sent, received = [], bytearray()
    with theirs:
        theirs.setblocking(False)
        link = Link(ours)
        for number in range(40):
            message = b"\0" + bytes([number]) * (MASK_BULK - 1 + number * 3001)
            link.send(message[:1], message[1:])
            sent.append((Opcode.BINARY, message))
            if link.queued and number % 3 == 0:
                link.send_urgent(b"u")
            with contextlib.suppress(BlockingIOError):
                received += theirs.recv(50_001)
        while link.queued:
            link.flush()
            received += theirs.recv(50_001)
        with contextlib.suppress(BlockingIOError):
            while True:
                received += theirs.recv(50_001)
    frames = _client_frames(bytes(received))
    assert (Opcode.BINARY, b"u") in frames
    assert [frame for frame in frames if frame != (Opcode.BINARY, b"u")] == sent
    link.close()


def test_only_bulk_data_leaves_in_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    parted: list[int] = []
    encode = websocket.encode_message

    def noted(start: bytes, rest: bytes) -> tuple[bytes, bytes]:
        parted.append(len(rest))
        return encode(start, rest)

    monkeypatch.setattr(link_module, "encode_message", noted)
    ours, theirs = socket.socketpair()
    with theirs:
        link = Link(ours)
        link.send(b"\0", b"x" * (MASK_BULK - 1))
        link.send(b"\0", b"x" * MASK_BULK)
    assert parted == [MASK_BULK]
    link.close()


def test_closing_drops_what_waits_and_says_the_code() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        link = Link(ours)
        while not link.queued:
            link.send(b"d" * 100_000)
        link.send(b"never")
        received = bytearray()
        reader = threading.Thread(target=lambda: received.extend(_read_all(theirs)))
        reader.start()
        link.close(4400)
        reader.join(DEADLINE)
    frames = _client_frames(bytes(received))
    assert frames[-1] == (Opcode.CLOSE, (4400).to_bytes(2, "big"))
    assert (Opcode.BINARY, b"never") not in frames


def test_closing_waits_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "LEAVE_TIMEOUT", 0.1)
    ours, theirs = socket.socketpair()
    with theirs:
        link = Link(ours)
        while not link.queued:
            link.send(b"d" * 100_000)
        link.close()
    assert link.descriptor == -1


def test_the_end_of_the_connection_is_an_error() -> None:
    def script(peer: Peer) -> None:
        peer.shake()

    with scripted(script) as server:
        link = opened(server.profile)
        with pytest.raises(TransportError) as caught:
            gather(link, 1)
        assert caught.value.code == "transport.lost"
        link.close()


def test_a_reset_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    link = Link(ours)
    link.send(b"unread")
    theirs.close()
    with pytest.raises(TransportError):
        link.receive()
    with pytest.raises(TransportError):
        link.send(b"more")
    link.close()


def test_a_frame_that_breaks_the_rules_is_a_violation() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        link = Link(ours)
        theirs.sendall(b"\xff\xff")
        with pytest.raises(ProtocolError):
            link.receive()
        link.close()


def test_tls_hands_over_whole_records(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.shake()
        peer.send(b"x" * 1_000_000)
        assert isinstance(peer.next_event(), object)

    with scripted(script, context=server_context("127.0.0.1")) as server:
        link = opened(server.profile._replace(ca_file=ca_file(tmp_path)))
        (event,) = gather(link, 1)
        assert event == MessageReceived(b"x" * 1_000_000, binary=True)
        assert link.receive() == []
        link.send(b"\x05{}")
        link.close()


def test_bulk_data_passes_through_tls(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3000

    def script(peer: Peer) -> None:
        peer.shake()
        while len(received) < 2 + 2 * len(data):
            peer._receive()
            received.extend(b"".join(bytes(frame.data) for frame in peer._frames))
            peer._frames.clear()

    received = bytearray()
    with scripted(script, context=server_context("127.0.0.1")) as server:
        link = opened(server.profile._replace(ca_file=ca_file(tmp_path)))
        for _ in range(2):
            link.send(b"\0", data)
        while link.queued:
            select.select([], [link.descriptor], [], DEADLINE)
            link.flush()
        wait_until(lambda: len(received) == 2 + 2 * len(data))
        link.close()
    assert received == (b"\0" + data) * 2


# -- refused handshakes


def test_the_servers_own_error() -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.refuse(401, "auth.invalid", "no", "log in")

    error = refused(script)
    assert (error.code, error.hint) == ("auth.invalid", "log in")


def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    def elsewhere(peer: Peer) -> None:
        seen.append("asked")

    with scripted(elsewhere) as other:

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.answer(302, b"", Location=other.url)

        assert refused(script).code == "transport.redirected"
    assert seen == []


def test_another_subprotocol_a_wrong_accept_and_no_http() -> None:
    def subprotocol(peer: Peer) -> None:
        response = peer.ws.accept(peer.receive_request())
        del response.headers["Sec-WebSocket-Protocol"]
        peer.ws.send_response(response)
        peer.flush()

    def accept(peer: Peer) -> None:
        response = peer.ws.accept(peer.receive_request())
        del response.headers["Sec-WebSocket-Accept"]
        peer.ws.send_response(response)
        peer.flush()

    assert refused(subprotocol).code == "protocol.version"
    assert refused(accept).code == "transport.lost"
    assert refused(lambda peer: peer.sock.sendall(b"SSH-2.0-OpenSSH\r\n")).code == "transport.lost"


def test_a_server_that_hangs_up_in_the_handshake() -> None:
    def ends(peer: Peer) -> None:
        peer.receive_request()

    def half(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(b"HTTP/1.1 101 Swi")

    assert refused(ends).code == "transport.lost"
    assert refused(half).code == "transport.lost"


def test_plain_http_to_a_tls_port_is_found_out() -> None:
    with scripted(lambda peer: None, context=server_context("any.example")) as server:
        plain = Profile("", Address("http", "127.0.0.1", server.port), Secret(TOKEN))
        with pytest.raises(TransportError) as caught:
            opened(plain)
    assert caught.value.code == "transport.plain_http"
    assert "https://" in caught.value.hint


def test_an_endless_handshake_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "HANDSHAKE_TIMEOUT", 0.3)

    def drip(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.settimeout(0.02)
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 10_000:
            peer.sock.sendall(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                if peer.sock.recv(1) == b"":
                    return

    error = refused(drip)
    assert (error.code, "does not answer" in error.message) == ("transport.lost", True)


def test_an_answer_that_is_too_long_is_refused() -> None:
    def flood(peer: Peer) -> None:
        peer.receive_request()
        with contextlib.suppress(ConnectionError):
            peer.sock.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000)

    assert refused(flood).code == "transport.lost"


def test_the_json_of_an_error_may_come_in_pieces() -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        body = json.dumps({"error": {"code": "session.limit", "message": "full"}}).encode()
        head = f"HTTP/1.1 429 Too Many\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for byte in head + body:
            peer.sock.sendall(bytes([byte]))
        wait_until(lambda: peer.sock.recv(1) == b"")

    assert refused(script).code == "session.limit"


def _read_all(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(1_000_000):
        data += piece
    return data


def _client_frames(data: bytes) -> list[tuple[int, bytes]]:
    frames = []
    while data:
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        mask, payload = data[start : start + 4], data[start + 4 : start + 4 + size]
        key = (mask * (size // 4 + 1))[:size]
        plain = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
        frames.append((data[0] & 0x0F, plain))
        data = data[start + 4 + size :]
    return frames


def test_who_leaves_with_something_unread_is_heard() -> None:
    codes: list[int | None] = []

    def script(peer: Peer) -> None:
        peer.shake()
        peer.send(b"x" * 200_000)
        time.sleep(0.3)  # a reset, if one comes, is here now
        with contextlib.suppress(Gone):
            peer.send(b"more")
            peer.next_event()
        codes.append(peer.close_code)

    with scripted(script) as server:
        link = opened(server.profile)
        assert select.select([link.descriptor], [], [], DEADLINE)[0]
        link.close(heard=True)
    assert codes == [1000]
