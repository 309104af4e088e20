import json

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from whale.cli.ps import HEADINGS

EVIL = "evil\x1b[2J\n"


def containers(*names: str) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        found = [
            {
                "id": f"{index}" * 64,
                "name": name,
                "image": f"img{index}",
                "state": "running",
                "status": "Up 2 hours",
                "engine": "local",
                "created": 7,
                "labels": {"x": EVIL},
            }
            for index, name in enumerate(names)
        ]
        peer.answer(200, json.dumps({"containers": found}).encode())

    return script


def test_a_table_sorted_by_name(whale: Whale) -> None:
    with scripted(containers("web", "db")) as server:
        whale.use(server)
        status, out, err = whale("ps")
    assert (status, err) == (0, "")
    assert HEADINGS == ("ID", "NAME", "IMAGE", "STATE", "STATUS", "ENGINE")
    assert [line.split() for line in out.splitlines()] == [
        list(HEADINGS),
        ["1" * 12, "db", "img1", "running", "Up", "2", "hours", "local"],
        ["0" * 12, "web", "img0", "running", "Up", "2", "hours", "local"],
    ]
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/containers?all=false"


def test_all_is_asked_for(whale: Whale) -> None:
    with scripted(containers()) as server:
        whale.use(server)
        assert whale("ps", "--all").status == 0
    assert server.peers[0].request is not None
    assert server.peers[0].request.path.endswith("all=true")


def test_hostile_names_are_escaped_in_every_format(whale: Whale) -> None:
    with scripted(containers(EVIL)) as server:
        whale.use(server)
        for form in ("table", "name", "json"):
            out = whale("ps", "--format", form).out
            assert "\x1b" not in out
            assert "evil" in out
        assert json.loads(out)[0]["name"] == EVIL
        assert json.loads(out)[0]["labels"] == {"x": EVIL}


def test_names_can_be_filtered(whale: Whale) -> None:
    with scripted(containers("web-1", "web-2", "db")) as server:
        whale.use(server)
        assert whale("ps", "--name", "web", "--format", "name").out == "web-1\nweb-2\n"


def test_an_unknown_format_and_nobody_logged_in(whale: Whale) -> None:
    assert whale("ps", "--format", "xml").status == 125
    status, out, err = whale("ps")
    assert (status, out) == (125, "")
    assert "whale login" in err
