"""`whale recordings hold`, `release` and `label`: what is asked of the server."""

import json

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted
from tests.unit.client.test_recordings import BODY


def test_each_is_asked_for(whale: Whale) -> None:
    asked: list[tuple[str, str]] = []

    def script(peer: Peer) -> None:
        request = peer.receive_request()
        asked.append((request.method, request.path))
        peer.answer(200, json.dumps(BODY).encode())

    with scripted(script) as server:
        whale.use(server)
        assert whale("recordings", "hold", "--reason", "case 7", "5f", "6f").status == 0
        assert whale("recordings", "release", "5f").status == 0
        assert whale("recordings", "label", "incident", "5f").status == 0
        assert whale("recordings", "label", "", "5f").status == 0
        assert whale("recordings", "--held", "--label", "incident").status != 0, "this server's answer is no list"
    assert asked == [
        ("PUT", "/1.0/recordings/5f/hold?reason=case+7"),
        ("PUT", "/1.0/recordings/6f/hold?reason=case+7"),
        ("DELETE", "/1.0/recordings/5f/hold"),
        ("PUT", "/1.0/recordings/5f/label?name=incident"),
        ("PUT", "/1.0/recordings/5f/label?name="),
        ("GET", "/1.0/recordings?held=true&label=incident&limit=50"),
    ]


def test_the_list_says_it(whale: Whale) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        kept = BODY | {"held": True, "label": "incident"}
        peer.answer(200, json.dumps({"recordings": [kept], "next": None}).encode())

    with scripted(script) as server:
        whale.use(server)
        assert "finished (3), held, label incident" in whale("recordings").out
