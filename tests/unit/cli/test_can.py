"""`whale can` asks, prints, and says it with its exit status."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from whale.cli.can import ACTIONS
from whale.model.principal import Action

YES: dict[str, object] = {
    "action": "shell",
    "allowed": True,
    "reason": "fine\x1b",
    "policies": ["a", "b"],
    "missing": [],
    "recording": {"mode": "all", "failure": "end"},
}
NO: dict[str, object] = {
    "action": "shell",
    "allowed": False,
    "reason": "no",
    "policies": [],
    "missing": ["this\x1b", "that"],
    "recording": None,
}
RECORDED = "recorded: output and input; without a recording the session ends\n"


def answering(body: dict[str, object]) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps(body).encode())

    return script


def test_knows_the_actions() -> None:
    assert sorted(set(Action) - {Action.AUDIT_READ}) == sorted(ACTIONS)  # that one is about no container


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [(YES, 0, "yes: fine\\x1b\nby: a, b\n" + RECORDED), (NO, 1, "no: no\nmissing: this\\x1b\nmissing: that\n")],
)
def test_says_it(whale: Whale, body: dict[str, object], status: int, text: str) -> None:
    with scripted(answering(body)) as server:
        whale.use(server)
        assert whale("can", "shell", "web") == (status, text, "")
    with scripted(answering(body)) as server:
        whale.use(server)
        found = whale("can", "--format", "json", "shell", "web")
    assert (found.status, json.loads(found.out)) == (status, body)


@pytest.mark.parametrize(
    ("args", "query"),
    [
        (("shell", "web"), {"action": ["shell"], "name": ["web"], "tty": ["true"]}),
        (("attach", "a&b"), {"action": ["attach"], "name": ["a&b"]}),
        (
            ("-u", "0", "-w", "/x", "--privileged", "exec", "web", "sh", "-c", "a b"),
            {
                "action": ["exec"], "name": ["web"], "command": ["sh", "-c", "a b"], "user": ["0"], "workdir": ["/x"],
                "privileged": ["true"],
            },
        ),
    ],
)  # fmt: skip
def test_asks_for_what_was_said(whale: Whale, args: tuple[str, ...], query: dict[str, list[str]]) -> None:
    with scripted(answering(YES)) as server:
        whale.use(server)
        assert whale("can", *args).status == 0
    assert server.peers[0].request is not None
    url = urlsplit(server.peers[0].request.path)
    assert url.path == "/1.0/can"
    assert parse_qs(url.query) == query


def test_nonsense_is_a_failure(whale: Whale) -> None:
    with scripted(answering({"allowed": True})) as server:
        whale.use(server)
        assert whale("can", "shell", "web").status == 125
    assert whale("can", "sell", "web").status == 125
