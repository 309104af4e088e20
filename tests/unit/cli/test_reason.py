"""Why something is asked for."""

import pytest

from tests.unit.cli.clicked import Whale
from whale.cli.reason import ask_reason, can_ask, read_reason
from whale.model.errors import UsageError


def test_what_was_said_goes_before_the_environment() -> None:
    assert read_reason("said", {"WHALE_REASON": "other"}) == "said"
    assert read_reason("", {"WHALE_REASON": "other"}) == "other"
    assert read_reason("", {}) == ""


@pytest.mark.parametrize("text", ["two\nlines", "x" * 201])
def test_is_one_line(text: str) -> None:
    with pytest.raises(UsageError):
        read_reason(text, {})
    with pytest.raises(UsageError):
        read_reason("", {"WHALE_REASON": text})


def test_is_asked_for(whale: Whale, capfd: pytest.CaptureFixture[str]) -> None:
    whale.type("  ticket 42 \n")
    assert ask_reason() == "ticket 42"
    assert "wants a reason" in capfd.readouterr().err


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_ask()
    monkeypatch.setattr("os.isatty", lambda descriptor: descriptor == 0)
    assert not can_ask()
    monkeypatch.setattr("os.isatty", lambda descriptor: True)
    assert can_ask()
