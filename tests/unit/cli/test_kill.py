"""`whale kill`: each on its own, and what failed is said."""

import json

import click

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted
from whale.cli.app import cli
from whale.cli.kill import kill

GONE = b'{"error": {"code": "session.not_found", "message": "no such session", "hint": "list them"}}'


def test_prints_what_it_ended(whale: Whale) -> None:
    def script(peer: Peer) -> None:
        request = peer.receive_request()
        assert request.method == "DELETE"
        peer.answer(204, b"")

    with scripted(script) as server:
        whale.use(server)
        assert whale("kill", "build") == (0, "build\n", "")
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/sessions/build"


def test_says_what_it_could_not_end_and_goes_on(whale: Whale) -> None:
    def script(peer: Peer) -> None:
        request = peer.receive_request()
        peer.answer(404, GONE) if request.path.endswith("one") else peer.answer(204, b"")

    with scripted(script) as server:
        whale.use(server)
        status, out, err = whale("kill", "one", "two/../x")
    assert (status, out) == (125, "two/../x\n")
    assert err == "whale: one: no such session (list them)\n"
    assert server.peers[1].request is not None
    assert server.peers[1].request.path == "/1.0/sessions/two%2F..%2Fx"


def test_needs_a_session(whale: Whale) -> None:
    assert whale("kill").status == 125


def test_sessions_are_completed(whale: Whale) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps({"sessions": []}).encode())

    with scripted(script) as server:
        whale.use(server)
        context = click.Context(cli)
        context.params = {"context": "", "insecure_http": False}
        assert kill.params[-1].shell_complete(context, "") == []
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/sessions"


def test_says_why(whale: Whale) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(204, b"")

    with scripted(script) as server:
        whale.use(server)
        assert whale("kill", "--reason", "ticket 42", "build").status == 0
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/sessions/build?reason=ticket+42"
