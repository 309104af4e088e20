import pytest

from tests.unit.client.scripted import Peer, Script, scripted
from whale.client.logs import open_logs
from whale.model.errors import WhaleError
from whale.model.exec import ExitStatus, Stream
from whale.wire.frames import Channel, encode_frame
from whale.wire.framing import MEDIA_TYPE, encode_framed
from whale.wire.messages import Failure, Notice, Status, encode_failure, encode_notice, encode_status

HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
OUT = encode_frame(Channel.STDOUT, b"line\n")
ERR = encode_frame(Channel.STDERR, b"oops\n")


def ended(stdout: int, stderr: int, status: ExitStatus = ExitStatus(0), message: str = "") -> bytes:  # noqa: B008
    return encode_status(Status(status, message, stdout=stdout, stderr=stderr))


def serving(*frames: bytes, whole: bool = True) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        body = b"".join(map(encode_framed, frames))
        # One byte to a chunk: a frame's bounds are not the chunks'.
        chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body)
        peer.sock.sendall(HEAD + chunks + (b"0\r\n\r\n" if whole else b""))

    return script


def read(script: Script, *, follow: bool = False, tail: int | None = None) -> tuple[list[tuple[Stream, bytes]], str]:
    with scripted(script) as server:
        with open_logs(server.profile, "we/b", follow=follow, tail=tail) as pieces:
            found = list(pieces)
    request = server.peers[0].request
    assert request is not None
    assert request.headers["Accept"] == MEDIA_TYPE
    return found, request.path


def failure(script: Script) -> WhaleError:
    with pytest.raises(WhaleError) as caught:
        read(script)
    return caught.value


def test_streams_stay_apart_and_the_end_is_said() -> None:
    found, path = read(serving(OUT, ERR, OUT, ended(10, 5)))
    assert found == [(Stream.STDOUT, b"line\n"), (Stream.STDERR, b"oops\n"), (Stream.STDOUT, b"line\n")]
    assert path == "/1.0/containers/we%2Fb/logs?follow=false&tail=all"


def test_what_is_asked_for() -> None:
    assert read(serving(ended(0, 0)), follow=True, tail=7)[1].endswith("?follow=true&tail=7")


def test_a_notice_is_no_part_of_a_log() -> None:
    found, _ = read(serving(encode_notice(Notice("x", "y")), OUT, ended(5, 0)))
    assert found == [(Stream.STDOUT, b"line\n")]


@pytest.mark.parametrize("whole", [True, False])
def test_a_log_without_its_end_is_cut(whole: bool) -> None:
    assert failure(serving(OUT, whole=whole)).code == "transport.lost"


def test_a_log_with_missing_bytes_a_lost_end_or_an_error() -> None:
    assert failure(serving(OUT, ended(6, 0))).code == "protocol.flow"
    lost = failure(serving(OUT, ended(5, 0, ExitStatus(None, "engine.unavailable"), "the engine went")))
    assert (lost.code, lost.message) == ("engine.unavailable", "the engine went")
    assert failure(serving(ended(0, 0, ExitStatus(None, "target.gone")))).code == "target.gone"
    assert failure(serving(OUT, encode_failure(Failure("target.gone", "m", "h")))).hint == "h"


def test_frames_that_have_no_place_in_a_log() -> None:
    assert failure(serving(b"\x63x")).code == "protocol.unknown_channel"
    assert failure(serving(b"\x05{")).code == "protocol.violation"


def test_an_answer_that_is_no_log() -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, b"plain text", Content_Type="text/plain")

    assert failure(script).code == "protocol.violation"


def test_the_servers_refusal() -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.refuse(404, "target.not_found", "no")

    assert failure(script).code == "target.not_found"


def test_says_why() -> None:
    with scripted(serving(ended(0, 0))) as server:
        with open_logs(server.profile, "web", follow=False, tail=None, reason="ticket 42") as pieces:
            assert list(pieces) == []
    assert server.peers[0].request is not None
    assert server.peers[0].request.path.endswith("&reason=ticket+42")
