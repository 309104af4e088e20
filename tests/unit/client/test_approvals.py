"""What a client asks about approvals, and what it makes of the answers."""

import json
from typing import Any

import pytest

from tests.unit.client.scripted import Peer, Script, scripted
from whale.client.approvals import allow_approval, deny_approval, list_approvals
from whale.model.errors import ProtocolError

BODY: dict[str, Any] = {
    "id": "5f3a", "state": "waiting", "asker": "alice", "mine": False, "action": "exec",
    "container": {"id": "c0ffee", "name": "web"}, "command": ["ls", "-l"], "user": "app", "workdir": "/srv",
    "env": ["A=1"], "tty": True, "privileged": False, "reason": "ticket 42", "asked": 1, "until": 901, "approver": "",
}  # fmt: skip


def answering(body: object, status: int = 200) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(status, json.dumps(body).encode() if status == 200 else b"")

    return script


def test_lists_them() -> None:
    with scripted(answering({"approvals": [BODY]})) as server:
        [one] = list_approvals(server.profile)
    assert one._asdict() == BODY | {
        "container": "web", "container_id": "c0ffee", "command": ("ls", "-l"), "env": ("A=1",)
    }  # fmt: skip


def test_allows_one() -> None:
    with scripted(answering(BODY | {"approver": "bob"})) as server:
        assert allow_approval(server.profile, "a/b", seconds=60, reason="fine").approver == "bob"
        assert allow_approval(server.profile, "5f3a", seconds=None).approver == "bob"
    asked = [(peer.request.method, peer.request.path) for peer in server.peers if peer.request is not None]
    assert asked == [
        ("POST", "/1.0/approvals/a%2Fb/allow?reason=fine&seconds=60"),
        ("POST", "/1.0/approvals/5f3a/allow"),
    ]


def test_denies_one() -> None:
    with scripted(answering(None, 204)) as server:
        deny_approval(server.profile, "5f3a", reason="not now")
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/approvals/5f3a/deny?reason=not+now"


@pytest.mark.parametrize("body", [{}, {"approvals": 1}, {"approvals": [{}]}, {"approvals": [BODY | {"asked": "x"}]}])
def test_an_answer_that_is_not_understood(body: object) -> None:
    with scripted(answering(body)) as server:
        with pytest.raises(ProtocolError):
            list_approvals(server.profile)
        with pytest.raises(ProtocolError):
            allow_approval(server.profile, "5f3a", seconds=None)
