"""`whale audit`: a table for people, lines for programs."""

import importlib

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted

LINE = '{"seq":1,"time":"2027-01-15T08:00:00.250000Z","kind":"access.denied","previous":"0","principal":"ali\\u001bce"}'


def script(peer: Peer) -> None:
    peer.receive_request()
    peer.answer(200, f'{{"events":[{LINE}]}}'.encode())


def test_a_table(whale: Whale) -> None:
    with scripted(script) as server:
        whale.use(server)
        status, out, err = whale("audit", "--by", "alice")
    assert (status, err) == (0, "")
    assert out.splitlines()[1].split() == ["1", "2027-01-15T08:00:00Z", "access.denied", "ali\\x1bce", "-", "-"]


def test_for_programs(whale: Whale) -> None:
    with scripted(script) as server:
        whale.use(server)
        assert whale("audit", "--format", "json").out == LINE + "\n"


def test_it_takes_what_one_searches_by() -> None:
    # Loaded anew: commands are loaded when they are first asked for, which may have been for another test.
    made = importlib.reload(importlib.import_module("whale.cli.audit")).audit
    assert made.name == "audit"
    assert {"container", "action", "kind", "session", "text", "since", "until", "limit"} <= {
        p.name for p in made.params
    }
