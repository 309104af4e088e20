"""`whale recordings`: a table for people, JSON for programs, and files."""

import json
import os
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY, PROOF
from whale.cli import recordings as module
from whale.cli.recordings import HEADINGS, length, size
from whale.model.recording_proof import RecordingProof

LINES = b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n[0.5, "o", "hi\\u001b[m\\r\\n"]\n'


def serving(*found: dict[str, object], whole: bool = True, proof: dict[str, object] = PROOF) -> Script:
    def script(peer: Peer) -> None:
        request = peer.receive_request()
        if request.method == "DELETE":
            peer.answer(204, b"")
        elif "/events" in request.path:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-asciicast\r\nTransfer-Encoding: chunked\r\n\r\n"
            peer.sock.sendall(head + b"%x\r\n%s\r\n" % (len(LINES), LINES) + (b"0\r\n\r\n" if whole else b""))
        elif request.path.endswith("/proof"):
            peer.answer(200, json.dumps(proof).encode())
        elif request.path.startswith("/1.0/recordings?"):
            peer.answer(200, json.dumps({"recordings": found, "next": None}).encode())
        else:
            peer.answer(200, json.dumps(found[0]).encode())

    return script


def test_a_table(whale: Whale) -> None:
    evil = BODY | {"command": ["sh", "-c", "\x1b[2J" + "x" * 50], "person": "a\x1b", "encrypted": True, "held": True}
    live = BODY | {"command": [], "status": "recording", "exit_status": None}
    with scripted(serving(evil, live)) as server:
        whale.use(server)
        status, out, err = whale("recordings")
    lines = out.splitlines()
    assert (status, err, lines[0].split()) == (0, "", list(HEADINGS))
    assert "\x1b" not in out
    assert lines[1].split()[:3] == ["5f5f5f5f5f5f", "a\\x1b", "web"]
    assert "2027-01-15 08:00:00Z   1:00     900 B   finished (3), encrypted, held" in lines[1]
    assert "…" in lines[1]
    assert "(login shell)" in lines[2]
    assert lines[2].endswith("900 B   recording")


def test_json_and_ids(whale: Whale) -> None:
    with scripted(serving(BODY)) as server:
        whale.use(server)
        [one] = json.loads(whale("recordings", "--format", "json").out)
        assert (one["id"], one["container_id"], one["command"]) == (BODY["id"], "c0ffee", ["psql", "-c", "x"])
        assert whale("recordings", "--format", "id", "--all").out == BODY["id"] + "\n"


def test_asks_for_what_was_said(whale: Whale) -> None:
    words = ("--person", "alice", "--container", "web", "--text", "a b", "--since", "7d", "--until", "1d", "-n", "7")
    with scripted(serving()) as server:
        whale.use(server)
        whale("recordings", *words)
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == (
        "/1.0/recordings?person=alice&container=web&text=a+b&since=7d&until=1d&limit=7"
    )


@pytest.mark.parametrize(
    ("form", "expected"),
    [("asciicast-v3", LINES), ("raw", b"hi\x1b[m\r\n"), ("text", b"hi\n")],
)
def test_exports(whale: Whale, tmp_path: Path, form: str, expected: bytes) -> None:
    with scripted(serving(BODY)) as server:
        whale.use(server)
        assert whale("recordings", "export", "5f", "--format", form).out.encode() == expected
        file = tmp_path / "out"
        file.write_bytes(b"before")
        assert whale("recordings", "export", "5f", "--format", form, "-o", str(file)) == (0, "", "")
    assert file.read_bytes() == expected
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_not_whole_has_no_name(whale: Whale, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_bytes(b"before")
    with scripted(serving(BODY, whole=False)) as server:
        whale.use(server)
        assert whale("recordings", "export", "5f", "-o", str(file)).status == 125
        assert whale("recordings", "export", "5f", "-o", str(tmp_path / "no" / "file")).status == 125
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir() if path.is_file()] == [("out", b"before")]


def test_raw_bytes_do_not_act_on_a_terminal(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_terminal", lambda descriptor: True)
    with scripted(serving(BODY)) as server:
        whale.use(server)
        status, out, err = whale("recordings", "export", "5f", "--format", "raw")
        assert (status, out) == (125, "")
        assert "whale play" in err
        assert whale("recordings", "export", "5f", "--format", "text").status == 0


def test_a_reader_that_leaves_and_a_full_disk(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    write = os.write
    with scripted(serving(BODY)) as server:
        whale.use(server)
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(writer, data))
        assert whale("recordings", "export", "5f").status == 141
        os.close(writer)
        full = os.open("/dev/full", os.O_WRONLY)
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(full, data))
        status, _, err = whale("recordings", "export", "5f")
        os.close(full)
    assert status == 125
    assert "can't be written" in err


def test_deletes_several(whale: Whale) -> None:
    with scripted(serving()) as server:
        whale.use(server)
        assert whale("recordings", "delete", "--reason", "old", "5f", "6e") == (0, "", "")
        assert whale("recordings", "delete").status == 125
    asked = [(peer.request.method, peer.request.path) for peer in server.peers if peer.request is not None]
    assert asked == [("DELETE", "/1.0/recordings/5f?reason=old"), ("DELETE", "/1.0/recordings/6e?reason=old")]


def test_verify_says_what_is_wrong(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[RecordingProof, str | None]] = []
    problems = ["000000.chunk is not whole\x1b"]

    def check(directory: Path, *, id: str, proof: RecordingProof, noted: str | None) -> list[str]:
        asked.append((proof, noted))
        return problems

    def fetch(profile: object, id: str, directory: Path, *, reason: str) -> int:
        (directory / "000000.chunk").touch()
        return 1

    monkeypatch.setattr("whale.client.own_copy.check_copy", check)
    monkeypatch.setattr("whale.client.own_copy.fetch_chunks", fetch)
    with scripted(serving(BODY)) as server:
        whale.use(server)
        assert whale("recordings", "verify", "5f") == (1, f"{BODY['id']}: 000000.chunk is not whole\\x1b\n", "")
        status, out, _ = whale("recordings", "verify", "--format", "json", "5f")
        trail = {"event": 9, "seq": 12, "hash": "c" * 64}
        assert (status, json.loads(out)) == (1, {"id": BODY["id"], "parts": 1, "problems": problems, "trail": trail})
    problems.clear()
    holds = f"the audit trail holds from the session on: 12:{'c' * 64}\n"
    with scripted(serving(BODY)) as server:
        whale.use(server)
        assert whale("recordings", "verify", "5f") == (0, f"{BODY['id']}: 1 part, as written\n{holds}", "")
    going_on = PROOF | {"finished": []}
    with scripted(serving(BODY | {"status": "recording"}, proof=going_on)) as server:
        whale.use(server)
        out = whale("recordings", "verify", "5f").out
        assert out == f"{BODY['id']}: 1 part, as written, and is still made\n{holds}"
        assert json.loads(whale("recordings", "verify", "--format", "json", "5f").out)["trail"]["event"] is None
    assert [noted for _, noted in asked] == [BODY["head"]] * 3 + [None] * 2
    assert asked[0][0].finished[0].hash == "f" * 64


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00"), (36_061, "10:01:01")]
)
def test_lengths(seconds: float, said: str) -> None:
    assert length(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_500_000, "1.4 MiB"),
        (2**31, "2.0 GiB"),
        (2**52, "4096.0 TiB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert size(count) == said
