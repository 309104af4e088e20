"""`whale recordings search`: lines for people, JSON for programs, and how each is opened."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY, FOUND
from whale.cli.recording_search import HEADINGS, position
from whale.client.recordings import FoundHit, FoundRecording, _recording
from whale.model.secret import Secret


def answering(body: object) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps(body).encode())

    return script


def test_a_table_of_lines_and_how_to_see_them(whale: Whale) -> None:
    hits = [
        {"at_ms": 90_500, "kind": "screen", "line": "drop\x1b[2J table"},
        {"at_ms": 0, "kind": "typed", "line": "x"},
    ]
    with scripted(answering(FOUND | {"found": [{"recording": BODY, "hits": hits}], "encrypted": 1})) as server:
        whale.use(server)
        status, out, err = whale("recordings", "search", "drop", "table", "--person", "alice", "-n", "7")
    lines = out.splitlines()
    assert (status, lines[0].split()) == (0, list(HEADINGS))
    assert "\x1b" not in out + err
    assert lines[1].split()[:3] == ["5f5f5f5f5f5f", "alice", "web"]
    assert "1:30" in lines[1]
    assert "screen" in lines[1]
    assert len(lines) == 3
    assert "whale play --from 1:30 5f5f5f5f5f5f\n" in err
    assert "there may be more" in err
    assert "1 encrypted recording was not searched; --identity" in err
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/recordings/search?q=drop+table&person=alice&limit=7"


def test_json_has_what_opens_each(whale: Whale) -> None:
    with scripted(answering(FOUND)) as server:
        whale.use(server)
        _, out, err = whale("recordings", "search", "drop", "--format", "json")
    assert json.loads(out) == [
        {
            "recording": BODY["id"], "person": "alice", "container": "web", "started": 1_800_000_000.5,
            "at_ms": 90_500, "kind": "screen", "line": "drop table",
            "play": f"whale play --from 1:30 {BODY['id']}",
        }
    ]  # fmt: skip
    assert "2 encrypted recordings were not searched" in err


def test_nothing_is_found(whale: Whale) -> None:
    with scripted(answering({"found": [], "whole": True, "encrypted": 0})) as server:
        whale.use(server)
        status, _, err = whale("recordings", "search", "nowhere")
        assert (status, err) == (0, "")
    assert whale("recordings", "search").status == 125


@pytest.mark.parametrize(("at", "said"), [(0, "0:00"), (59_999, "0:59"), (90_000, "1:30"), (3_723_000, "1:02:03")])
def test_a_moment_is_said_as_play_takes_it(at: int, said: str) -> None:
    assert position(at) == said


def test_a_key_searches_what_the_server_can_not(whale: Whale, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[object] = []
    older = _recording(BODY | {"id": "e" * 32, "started": 1.0})

    def here(profile: object, text: str, query: object, identities: list[Secret], **more: object) -> object:
        asked.append((text, query, [each.reveal() for each in identities], more))
        return [FoundRecording(older, (FoundHit(0, "screen", "drop here"), FoundHit(1, "screen", "drop too")))]

    monkeypatch.setattr("whale.client.encrypted_search.search_encrypted", here)
    key = tmp_path / "key"
    key.write_text("AGE-SECRET-KEY-1X\n")
    with scripted(answering(FOUND | {"whole": True})) as server:
        whale.use(server)
        words = ("drop", "--identity", str(key), "--format", "json", "--reason", "why", "-n", "2")
        _, out, err = whale("recordings", "search", *words)
    assert [one["line"] for one in json.loads(out)] == ["drop table", "drop here"]
    query = {"person": "", "container": "", "since": "", "until": ""}
    assert asked == [("drop", query, ["AGE-SECRET-KEY-1X"], {"limit": 2, "reason": "why"})]
    assert "not searched" not in err
    assert "there may be more" in err
