"""Searching a server's trail: what is asked, and the lines as the server wrote them."""

import json

import pytest

from tests.unit.client.scripted import Peer, scripted
from whale.audit.event import AuditEvent, Kind, encode_event, timestamp
from whale.client.audit import search_audit
from whale.model.errors import ProtocolError


def test_lines_come_back_as_they_were_hashed() -> None:
    event = AuditEvent(
        time=timestamp(0), kind=Kind.ENDED, name='é\x1b\x7f\u2028"\\/\b\U0001f40b', seconds=0.001, status=0
    )
    line = encode_event(event)
    asked = []

    def script(peer: Peer) -> None:
        asked.append(peer.receive_request())
        peer.answer(200, f'{{"events":[{line}]}}'.encode())

    with scripted(script) as server:
        assert search_audit(server.profile, {"text": "a b&c", "principal": "", "limit": "5"}) == [line]
    assert [request.path for request in asked] == ["/1.0/audit?text=a+b%26c&limit=5"]


@pytest.mark.parametrize("body", [[], {}, {"events": 5}, {"events": [5]}, {"events": [{"kind": "x"}]}, "x"])
def test_what_makes_no_sense_is_said(body: object) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps(body).encode())

    with scripted(script) as server, pytest.raises(ProtocolError, match="not understood"):
        search_audit(server.profile, {})
