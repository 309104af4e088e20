"""What a client asks about recordings, and what it makes of the answers, whole or not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.scripted import Peer, Script, scripted
from whale.client import recordings as module
from whale.client.recordings import (
    FoundHit,
    delete_recording,
    fetch_chunks,
    get_proof,
    get_recording,
    list_recordings,
    open_cast,
    search_recordings,
)
from whale.model.errors import AccessDenied, ProtocolError, RecordingError, TransportError
from whale.model.recording_proof import Sealed

BODY: dict[str, Any] = {
    "id": "5f" * 16, "person": "alice",
    "container": {"id": "c0ffee", "name": "web", "image": "nginx", "engine": "local"}, "command": ["psql", "-c", "x"],
    "reason": "ticket 42", "policies": ["staff"], "tty": True, "mode": "all", "status": "finished", "exit_status": 3,
    "started": 1_800_000_000.5, "ended": 1_800_000_061.0, "seconds": 60.5, "raw_bytes": 4000, "stored_bytes": 900,
    "chunks": 1, "head": "f" * 64, "encrypted": False, "label": "", "held": False,
}  # fmt: skip


def answering(*bodies: object, status: int = 200) -> Script:
    left = list(bodies)

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(status, json.dumps(left.pop(0)).encode() if status == 200 else b"")

    return script


def paths(server: Any) -> list[tuple[str, str]]:
    return [(peer.request.method, peer.request.path) for peer in server.peers]


def test_lists_pages_until_there_are_enough() -> None:
    pages = [{"recordings": [BODY, BODY], "next": "9.ab"}, {"recordings": [BODY], "next": "8.ab"}]
    with scripted(answering(*pages)) as server:
        found = list_recordings(server.profile, {"person": "a b", "text": ""}, limit=3)
    assert paths(server) == [
        ("GET", "/1.0/recordings?person=a+b&limit=3"),
        ("GET", "/1.0/recordings?person=a+b&limit=1&before=9.ab"),
    ]
    assert len(found) == 3
    assert found[0]._asdict() == BODY | {
        "container": "web", "container_id": "c0ffee", "image": "nginx", "engine": "local",
        "command": ("psql", "-c", "x"), "policies": ("staff",),
    }  # fmt: skip


def test_lists_all_there_are() -> None:
    pages = [{"recordings": [BODY], "next": "9.ab"}, {"recordings": [BODY], "next": None}]
    with scripted(answering(*pages)) as server:
        assert len(list_recordings(server.profile, {}, limit=None)) == 2
    again = {"recordings": [BODY], "next": "9.ab"}
    with scripted(answering(again, again)) as server:
        assert len(list_recordings(server.profile, {}, limit=None)) == 2, "a server that turns in circles"


FOUND: dict[str, Any] = {
    "found": [{"recording": BODY, "hits": [{"at_ms": 90_500, "kind": "screen", "line": "drop table"}]}],
    "whole": False,
    "encrypted": 2,
}


PROOF: dict[str, Any] = {
    "id": BODY["id"],
    "finished": [{"seq": 9, "hash": "f" * 64, "chunks": 1}],
    "anchored": [],
    "begun": True,
    "problem": "",
    "seq": 12,
    "head": "c" * 64,
}


def test_asks_what_the_trail_has() -> None:
    with scripted(answering(PROOF)) as server:
        assert get_proof(server.profile, "5f") == ((Sealed(9, "f" * 64, 1),), (), True, "", 12, "c" * 64)
    assert paths(server) == [("GET", "/1.0/recordings/5f/proof")]
    wrongs: list[object] = [{}, [], PROOF | {"finished": [{}]}, PROOF | {"seq": None}]
    for wrong in wrongs:
        with scripted(answering(wrong)) as server, pytest.raises(ProtocolError):
            get_proof(server.profile, "5f")


def test_searches_in_what_was_recorded() -> None:
    with scripted(answering(FOUND)) as server:
        found = search_recordings(server.profile, "drop table", {"person": "a b", "since": ""}, limit=7)
    assert paths(server) == [("GET", "/1.0/recordings/search?q=drop+table&person=a+b&limit=7")]
    assert (found.is_whole, found.encrypted) == (False, 2)
    assert found.recordings[0].recording.id == BODY["id"]
    assert found.recordings[0].hits == (FoundHit(90_500, "screen", "drop table"),)


@pytest.mark.parametrize(
    "answer",
    [{}, [], FOUND | {"found": 5}, FOUND | {"found": [{"recording": BODY, "hits": [{}]}]}, FOUND | {"found": [5]}],
)
def test_an_answer_to_a_search_that_is_none_is_said(answer: object) -> None:
    with scripted(answering(answer)) as server, pytest.raises(ProtocolError):
        search_recordings(server.profile, "drop", {}, limit=7)


def test_looks_at_one_and_deletes_it() -> None:
    with scripted(answering(BODY | {"exit_status": None, "ended": None})) as server:
        found = get_recording(server.profile, "a/b")
    assert (found.exit_status, found.ended) == (None, None)
    assert paths(server) == [("GET", "/1.0/recordings/a%2Fb")]
    with scripted(answering(None, status=204)) as server:
        delete_recording(server.profile, "5f", reason="old & cold")
    assert paths(server) == [("DELETE", "/1.0/recordings/5f?reason=old+%26+cold")]


@pytest.mark.parametrize("body", [{}, {"recordings": 1}, {"recordings": [{}], "next": None}, {"recordings": []}])
def test_nonsense_is_not_understood(body: object) -> None:
    with scripted(answering(body)) as server, pytest.raises(ProtocolError):
        list_recordings(server.profile, {}, limit=1)
    with scripted(answering(body)) as server, pytest.raises(ProtocolError):
        get_recording(server.profile, "5f")


def sending(*chunks: bytes, whole: bool = True, kind: str = "application/x-asciicast") -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        peer.sock.sendall(head + body + (b"0\r\n\r\n" if whole else b""))

    return script


def lines_of(script: Script, **more: Any) -> list[bytes]:
    with scripted(script) as server, open_cast(server.profile, "5f", **more) as lines:
        return list(lines)


def test_lines_are_lines_however_they_come() -> None:
    assert lines_of(sending(b"one\nt", b"w", b"o\n\nthr", b"ee\n")) == [b"one", b"two", b"", b"three"]


def test_asks_for_what_was_wanted() -> None:
    with scripted(sending()) as server:
        with open_cast(server.profile, "5f", from_ms=90, follow=True, reason="a b") as lines:
            assert list(lines) == []
    assert paths(server) == [("GET", "/1.0/recordings/5f/events?from_ms=90&follow=true&reason=a+b")]


def test_what_breaks_off_is_an_error_behind_the_lines() -> None:
    said = b'#whale {"error":{"code":"access.withdrawn","message":"no more","hint":"ask"}}\n'
    with pytest.raises(AccessDenied) as withdrawn:
        lines_of(sending(b"one\n", said, whole=False))
    assert (withdrawn.value.code, withdrawn.value.hint) == ("access.withdrawn", "ask")
    with pytest.raises(TransportError):
        lines_of(sending(b"one\n", whole=False))
    with pytest.raises(TransportError):
        lines_of(sending(b"one\ntw"))
    with pytest.raises(ProtocolError):
        lines_of(sending(b'#whale {"error":1}\n', whole=False))


def test_a_line_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 10)
    assert lines_of(sending(b"0123456789\n")) == [b"0123456789"]
    with pytest.raises(ProtocolError):
        lines_of(sending(b"01234567890", b"1"))


def test_what_is_no_recording_is_not_read() -> None:
    with pytest.raises(ProtocolError):
        lines_of(sending(kind="text/html"))


def test_another_thread_can_end_it() -> None:
    def script(peer: Peer) -> None:
        sending(b"one\n", whole=False)(peer)
        assert peer.sock.recv(1) == b""

    with scripted(script) as server, open_cast(server.profile, "5f", follow=True) as lines:
        reading = iter(lines)
        assert next(reading) == b"one"
        lines.interrupt()
        with pytest.raises(TransportError):
            next(reading)


def test_chunks_are_copied_until_there_are_no_more(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        number = int(peer.receive_request().path.rpartition("/")[2])
        if number < 2:
            peer.answer(200, b"chunk %d" % number)
        else:
            peer.refuse(404, "recording.not_found", "no such part")

    with scripted(script) as server:
        assert fetch_chunks(server.profile, "5f", tmp_path) == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "000000.chunk": b"chunk 0",
        "000001.chunk": b"chunk 1",
    }

    def refuse(peer: Peer) -> None:
        peer.receive_request()
        peer.refuse(404, "recording.not_found", "no such recording")

    (tmp_path / "other").mkdir()
    with scripted(refuse) as server, pytest.raises(RecordingError):
        fetch_chunks(server.profile, "5f", tmp_path / "other")
