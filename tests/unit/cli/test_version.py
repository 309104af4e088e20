import json

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted
from whale import __version__
from whale.cli.version import version

BODY = {"version": "9.9\x1b", "api": "1.0", "engines": [{"name": "local", "kind": "docker", "version": "20"}]}


def answer(peer: Peer) -> None:
    peer.receive_request()
    peer.answer(200, json.dumps(BODY).encode())


def test_both_versions_and_the_engine(whale: Whale) -> None:
    with scripted(answer) as server:
        whale.use(server)
        status, out, _ = whale("version")
    assert status == 0
    assert out == f"client  {__version__}\nserver  9.9\\x1b (API 1.0)\nengine  local: docker 20\n"


def test_json(whale: Whale) -> None:
    with scripted(answer) as server:
        whale.use(server)
        out = whale("version", "--format", "json").out
    assert json.loads(out) == {"client": {"version": __version__}, "server": BODY}
    assert "\x1b" not in out


def test_the_own_version_is_said_although_the_server_is_away(whale: Whale) -> None:
    status, out, err = whale("version")
    assert (status, out) == (125, f"client  {__version__}\n")
    assert err.startswith("whale: ")
    status, out, _ = whale("version", "--format", "json")
    assert (status, json.loads(out)["server"]) == (125, None)


def test_its_help_is_one_line_in_the_list() -> None:
    assert version.get_short_help_str() == "Show versions."


def test_the_client_alone(whale: Whale) -> None:
    assert whale("version", "--client") == (0, f"client  {__version__}\n", "")
