"""`whale play` hands on what was said."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted
from tests.unit.client.test_recordings import BODY
from whale.cli import play as module


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was played, and how."""
    found: list[dict[str, Any]] = []

    @contextmanager
    def opened(profile: object, reference: str, **more: Any) -> Iterator[str]:
        found.append({"reference": reference, **more})
        yield "open"

    def play(open_at: str, **more: Any) -> int:
        assert open_at == "open"
        found[-1] |= more
        return 3

    monkeypatch.setattr(module, "opened", opened)
    monkeypatch.setattr("whale.client.play.play", play)
    return found


def test_hands_on_what_was_said(whale: Whale, played: list[dict[str, Any]]) -> None:
    words = ("-s", "2", "-i", "0.5", "--from", "1:30", "--follow", "--identity", "key", "--reason", "why")
    with scripted(lambda peer: None) as server:
        whale.use(server)
        assert whale("play", *words, "5f").status == 3
        assert whale("play", "5f").status == 3
    assert played == [
        {
            "reference": "5f", "identity": "key", "reason": "why", "follow": True, "speed": 2.0, "idle_limit": 0.5,
            "from_ms": 90_000, "hits": [],
        },
        {
            "reference": "5f", "identity": "", "reason": "", "follow": False, "speed": 1.0, "idle_limit": 2.0,
            "from_ms": 0, "hits": [],
        },
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("--speed", "0"), ("--idle-limit", "-1"), ("--from", "x"), ("--speed", "nan"), ()])
def test_nonsense_is_refused(whale: Whale, played: list[dict[str, Any]], words: tuple[str, ...]) -> None:
    def script(peer: Peer) -> None:
        raise AssertionError("nobody was to be asked")

    with scripted(script) as server:
        whale.use(server)
        assert whale("play", *words, *(["5f"] if words else [])).status == 125
    assert played == []


def test_help_has_the_keys(whale: Whale) -> None:
    said = whale("play", "--help").out
    assert "space" in said
    assert "next marker" in said


def finding(*found: dict[str, Any]) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        assert "recording=5f" in peer.receive_request().path
        peer.answer(200, json.dumps({"found": found, "whole": True, "encrypted": 0}).encode())

    return script


def test_begins_where_something_is(whale: Whale, played: list[dict[str, Any]]) -> None:
    hits = [{"at_ms": at, "kind": "screen", "line": "drop"} for at in (5000, 2000, 5000)]
    with scripted(finding({"recording": BODY, "hits": hits})) as server:
        whale.use(server)
        assert whale("play", "--find", "drop table", "5f").status == 3
        assert whale("play", "--find", "drop table", "--from", "9", "5f").status == 3
    assert [(one["from_ms"], one["hits"]) for one in played] == [(2000, [2000, 5000]), (9000, [2000, 5000])]


def test_what_is_nowhere_is_said(whale: Whale, played: list[dict[str, Any]]) -> None:
    with scripted(finding()) as server:
        whale.use(server)
        done = whale("play", "--find", "drop table", "5f")
    assert done.status == 125
    assert "nothing like that is in the recording" in done.err


def test_what_the_server_can_not_read_is_searched_here(
    whale: Whale, played: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b'{"version": 3}', b'[1.5, "o", "drop table\\r\\n"]', b'[9, "x", "0"]']

    @contextmanager
    def opened(profile: object, reference: str, **more: Any) -> Iterator[object]:
        played.append({})
        yield lambda from_ms: nullcontext(lines)

    monkeypatch.setattr(module, "opened", opened)
    monkeypatch.setattr("whale.client.play.play", lambda open_at, **more: played[-1].update(more) or 0)
    with scripted(lambda peer: None) as server:
        whale.use(server)
        assert whale("play", "--find", "drop", "--identity", "key", "5f").status == 0
    assert (played[-1]["from_ms"], played[-1]["hits"]) == (1500, [1500])
