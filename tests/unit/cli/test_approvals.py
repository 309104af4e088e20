"""`whale approvals`: a table for people, JSON for programs, and a word for each."""

import json
import time

import click
import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_approvals import BODY
from whale.cli.app import cli
from whale.cli.approvals import HEADINGS, allow


def serving(*found: dict[str, object]) -> Script:
    def script(peer: Peer) -> None:
        request = peer.receive_request()
        if request.path.endswith("/approvals"):
            peer.answer(200, json.dumps({"approvals": found}).encode())
        elif "/allow" in request.path:
            # Half a minute more than is said, which a slow machine may take to say it.
            peer.answer(200, json.dumps(found[0] | {"until": time.time() + 1830}).encode())
        else:
            peer.answer(204, b"")

    return script


def test_a_table(whale: Whale) -> None:
    evil = BODY | {"command": ["sh", "-c", "\x1b[2J; rm -rf /"], "reason": "\x1b]0;x", "until": time.time() + 890}
    mine = BODY | {"mine": True, "approver": "bob", "command": [], "env": [], "privileged": True, "reason": ""}
    with scripted(serving(evil, mine)) as server:
        whale.use(server)
        status, out, err = whale("approvals")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == list(HEADINGS)
    assert "\x1b" not in out
    assert "A=1 sh -c '\\x1b[2J; rm -rf /' (in /srv)" in lines[1]
    assert lines[1].endswith("14m")
    assert "allowed by bob" in lines[2]
    assert " you " in lines[2]
    assert "exec privileged" in lines[2]
    assert "(login shell)" in lines[2]


def test_json_for_programs(whale: Whale) -> None:
    with scripted(serving(BODY)) as server:
        whale.use(server)
        [one] = json.loads(whale("approvals", "--format", "json").out)
    assert (one["id"], one["container_id"], one["command"]) == ("5f3a", "c0ffee", ["ls", "-l"])


def test_says_yes_and_no(whale: Whale) -> None:
    with scripted(serving(BODY)) as server:
        whale.use(server)
        said = whale("approvals", "allow", "5f3a", "--for", "30m", "--reason", "fine")
        assert said == (0, "alice may exec in web for 30m\n", "")
        assert whale("approvals", "deny", "--reason", "not now", "5f3a") == (0, "", "")
    asked = [peer.request.path for peer in server.peers if peer.request is not None]
    assert asked == ["/1.0/approvals/5f3a/allow?reason=fine&seconds=1800", "/1.0/approvals/5f3a/deny?reason=not+now"]


@pytest.mark.parametrize("args", [("allow",), ("deny",), ("allow", "x", "--for", "1y"), ("other", "x")])
def test_what_makes_no_sense_is_refused(whale: Whale, args: tuple[str, ...]) -> None:
    assert whale("approvals", *args).status == 125


def test_ids_are_completed(whale: Whale) -> None:
    with scripted(serving(BODY)) as server:
        whale.use(server)
        context = click.Context(cli)
        context.params = {"context": "", "insecure_http": False}
        assert [item.value for item in allow.params[-1].shell_complete(context, "5")] == ["5f3a"]
