"""`whale attach`: what it asks for, as what the session is."""

import json
from typing import Any

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted
from whale.cli import attach
from whale.client.profile import Profile
from whale.client.session import JoinRequest
from whale.model.role import Role

EVIL = "web"


def session(**changes: object) -> dict[str, object]:
    return {
        "id": "ab" * 16, "name": "build", "container": {"id": "c" * 64, "name": EVIL}, "command": ["sh", "-c", EVIL],
        "user": "alice", "tty": True, "stdin": True, "size": None, "state": "running", "status": None, "reason": "",
        "started": 0.0, "idle": 3700.0, "attached": [],
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "found", "expected"),
    [
        ((), {}, JoinRequest("ab" * 16, Role.CONTROLLER, True, True)),
        (("--view",), {}, JoinRequest("ab" * 16, Role.VIEWER, True, True)),
        (("--no-escape", "--no-stdin"), {}, JoinRequest("ab" * 16, Role.CONTROLLER, True, True, listens=False)),
        ((), {"tty": False}, JoinRequest("ab" * 16, Role.CONTROLLER, False, True)),
        (("--no-stdin",), {"tty": False}, JoinRequest("ab" * 16, Role.CONTROLLER, False, False)),
        (("--view",), {"tty": False}, JoinRequest("ab" * 16, Role.VIEWER, False, False)),
        ((), {"stdin": False, "tty": False}, JoinRequest("ab" * 16, Role.CONTROLLER, False, False)),
    ],
)
def test_joins_as_what_it_is(
    whale: Whale,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...],
    found: dict[str, Any],
    expected: JoinRequest,
) -> None:
    asked: list[JoinRequest] = []

    def join(_: Profile, request: JoinRequest) -> int:
        asked.append(request)
        return 7

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps(session(**found)).encode())

    monkeypatch.setattr(attach, "join_session", join)
    with scripted(script) as server:
        whale.use(server)
        assert whale("attach", *flags, "build").status == 7
    assert asked == [expected]
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/sessions/build"
