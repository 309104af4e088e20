import json
import time

import click
import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY
from whale.cli import names as names_module
from whale.cli.app import cli
from whale.cli.names import container_argument, recording_argument, session_argument


def listing(*names: str) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        found = [{"id": n, "name": n, "image": "i", "state": "running", "engine": "local"} for n in names]
        peer.answer(200, json.dumps({"containers": found}).encode())

    return script


def completed(incomplete: str, **options: object) -> list[str]:
    context = click.Context(cli)
    context.params = {"context": "", "insecure_http": False, **options}
    return [item.value for item in container_argument().shell_complete(context, incomplete)]


def test_names_of_live_containers_are_completed(whale: Whale) -> None:
    with scripted(listing("web", "worker", "db", "w\x1b")) as server:
        whale.use(server)
        assert completed("w") == ["web", "worker"]
        assert completed("") == ["db", "web", "worker"]
    request = server.peers[0].request
    assert request is not None
    assert request.path.endswith("all=false")


def test_any_failure_is_silence(whale: Whale, capfd: pytest.CaptureFixture[str]) -> None:
    assert completed("") == [], "nobody is logged in"
    with scripted(lambda peer: peer.cut()) as server:
        whale.use(server)
        assert completed("") == []
        assert completed("", context="unknown") == []
    assert capfd.readouterr() == ("", "")


def test_a_slow_server_is_not_waited_for(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "COMPLETION_TIMEOUT", 0.2)

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.recv(1)

    with scripted(script) as server:
        whale.use(server)
        start = time.monotonic()
        assert completed("") == []
        assert time.monotonic() - start < 5


def test_sessions_are_completed_by_name_or_else_by_id(whale: Whale) -> None:
    found = [
        {
            "id": id, "name": name, "container": {"id": "c" * 64, "name": "web"}, "command": ["sh"], "user": "alice",
            "tty": True, "stdin": True, "size": None, "state": "running", "status": None, "reason": "", "started": 0.0,
            "idle": 0.0, "attached": [],
        }
        for id, name in (("ab" * 16, "build"), ("be" * 16, ""), ("cd" * 16, "other"))
    ]  # fmt: skip

    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps({"sessions": found}).encode())

    context = click.Context(cli)
    context.params = {"context": "", "insecure_http": False}
    with scripted(script) as server:
        whale.use(server)
        items = session_argument(nargs=-1).shell_complete(context, "b")
    assert [item.value for item in items] == ["be" * 16, "build"]


def test_recordings_are_completed_by_id(whale: Whale) -> None:
    def script(peer: Peer) -> None:
        assert peer.receive_request().path == "/1.0/recordings?limit=1000"
        found = [BODY | {"id": "ab" * 16}, BODY | {"id": "cd" * 16}]
        peer.answer(200, json.dumps({"recordings": found, "next": None}).encode())

    found = []
    for argument in (recording_argument(), recording_argument(nargs=-1)):
        with scripted(script) as server:
            whale.use(server)
            context = click.Context(cli)
            context.params = {"context": "", "insecure_http": False}
            found.append([item.value for item in argument.shell_complete(context, "a")])
    assert found == [["ab" * 16]] * 2
