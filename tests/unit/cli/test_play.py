"""`whale play` hands on what was said."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, scripted
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
            "from_ms": 90_000,
        },
        {
            "reference": "5f", "identity": "", "reason": "", "follow": False, "speed": 1.0, "idle_limit": 2.0,
            "from_ms": 0,
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
