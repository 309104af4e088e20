"""`whale sessions`: a table for people, JSON and ids for programs."""

import json

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from whale.cli.sessions import HEADINGS, duration

EVIL = "evil\x1b[2J\n"


def session(**changes: object) -> dict[str, object]:
    return {
        "id": "ab" * 16, "name": "build", "container": {"id": "c" * 64, "name": EVIL}, "command": ["sh", "-c", EVIL],
        "user": "alice", "tty": True, "stdin": True, "size": None, "state": "running", "status": None, "reason": "",
        "started": 0.0, "idle": 3700.0, "attached": [],
    } | changes  # fmt: skip


def sessions(*found: dict[str, object]) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps({"sessions": found}).encode())

    return script


def attached(role: str, *, connected: bool = True) -> dict[str, object]:
    return {"user": "bob", "role": role, "since": 0.0, "connected": connected}


def test_a_table(whale: Whale) -> None:
    two = session(name="", command=[], attached=[attached("controller"), attached("viewer"), attached("viewer")])
    with scripted(sessions(session(), two, session(state="ended", status=3))) as server:
        whale.use(server)
        status, out, err = whale("sessions")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == list(HEADINGS)
    assert len(lines) == 3, "one that has ended is not shown"
    assert "ab" * 6 + " " in lines[1]
    assert " nobody " in lines[1]
    assert lines[1].endswith("1h")
    assert "(login shell)" in lines[2]
    assert "1 + 2 looking on" in lines[2]
    assert "\x1b" not in out


def test_those_that_have_ended(whale: Whale) -> None:
    lost = session(state="ended", reason="session.expired")
    with scripted(sessions(session(state="ended", status=3), lost)) as server:
        whale.use(server)
        out = whale("sessions", "--all").out
    assert "ended (3)" in out
    assert "ended (session.expired)" in out


def test_for_programs(whale: Whale) -> None:
    for form in ("json", "id"):
        with scripted(sessions(session(attached=[attached("viewer", connected=False)]))) as server:
            whale.use(server)
            out = whale("sessions", "--format", form).out
        assert "\x1b" not in out
        assert "ab" * 16 in out
        if form == "json":
            [one] = json.loads(out)
            assert one["attached"][0]["connected"] is False
            assert one["container"] == EVIL


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0s"), (59.9, "59s"), (60, "1m"), (7300, "2h"), (200_000, "2d")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_answer_that_is_not_understood(whale: Whale) -> None:
    with scripted(sessions({"id": 1})) as server:
        whale.use(server)
        status, _, err = whale("sessions")
    assert status == 125
    assert "not understood" in err
