"""`whale audit`: a table for people, lines for programs."""

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
