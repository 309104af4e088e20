"""The server's lines, or a copy that a key opens; and what to do where neither is enough."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY
from whale.cli import recording_source as module
from whale.cli.recording_source import identity_option, opened
from whale.client.followed_copy import FollowedCopy, FollowedLines
from whale.client.own_copy import CopiedLines
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


def test_what_is_encrypted_takes_a_key(tmp_path: Path) -> None:
    with scripted(serving(encrypted=True)) as server:
        with pytest.raises(RecordingError) as closed, opened(server.profile, "5f", identity="", reason=""):
            raise AssertionError
        assert (closed.value.code, "--identity" in closed.value.hint) == ("recording.encrypted", True)
        for follow in (True, False):
            with pytest.raises(UsageError, match="can't be read"):
                with opened(server.profile, "5f", identity=str(tmp_path / "none"), reason="", follow=follow):
                    raise AssertionError


@pytest.mark.parametrize("follow", [True, False])
def test_with_a_key_it_is_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: bool) -> None:
    keys = tmp_path / "keys"
    keys.write_text("AGE-SECRET-KEY-1X\n")
    made: list[tuple[str, str]] = []

    @contextmanager
    def copied(profile: object, id: str, *, reason: str) -> Iterator[object]:
        made.append((id, reason))
        yield FollowedCopy(server.profile, id, tmp_path) if follow else tmp_path

    monkeypatch.setattr(module, "followed_copy" if follow else "own_copy", copied)
    with scripted(serving(encrypted=True)) as server:
        with opened(server.profile, "5f", identity=str(keys), reason="why", follow=follow) as open_at:
            with open_at(5) as lines:
                assert isinstance(lines, FollowedLines if follow else CopiedLines)
    assert made == [(BODY["id"], "why")]


def test_the_option_says_that_the_key_stays_here(whale: Whale) -> None:
    assert "sent nowhere" in str(identity_option().help)
