"""The server's lines, or a copy that a key opens; and what to do where neither is enough."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY
from whale.cli.recording_source import identity_option, opened
from whale.model.errors import RecordingError, UsageError


def serving(*, encrypted: bool) -> Script:
    def script(peer: Peer) -> None:
        path = peer.receive_request().path
        if "/events" in path:
            peer.answer(200, path.encode() + b"\n", Content_Type="application/x-asciicast")
        else:
            peer.answer(200, json.dumps(BODY | {"encrypted": encrypted}).encode())

    return script


def test_the_server_has_the_lines() -> None:
    with scripted(serving(encrypted=False)) as server:
        with opened(server.profile, "5f", identity="", reason="why", follow=True) as open_at, open_at(90) as lines:
            assert list(lines) == [f"/1.0/recordings/{BODY['id']}/events?from_ms=90&follow=true&reason=why".encode()]


def test_what_is_encrypted_takes_a_key_and_is_not_followed(tmp_path: Path) -> None:
    with scripted(serving(encrypted=True)) as server:
        with pytest.raises(RecordingError) as closed, opened(server.profile, "5f", identity="", reason=""):
            raise AssertionError
        assert (closed.value.code, "--identity" in closed.value.hint) == ("recording.encrypted", True)
        for more, problem in (({"follow": True}, "followed"), ({}, "can't be read")):
            with pytest.raises(UsageError, match=problem):
                with opened(server.profile, "5f", identity=str(tmp_path / "none"), reason="", **more):
                    raise AssertionError


def test_the_option_says_that_the_key_stays_here(whale: Whale) -> None:
    assert "sent nowhere" in str(identity_option().help)
