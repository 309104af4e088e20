"""One table for every door."""

import re

import pytest

from whale.model.outcomes import EXIT_WHALE_FAILED, OUTCOMES, Outcome, outcome_of


@pytest.mark.parametrize(("code", "outcome"), OUTCOMES.items())
def test_every_row_is_sound(code: str, outcome: Outcome) -> None:
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code)
    assert 400 <= outcome.http < 600
    assert outcome.close in {1001, 1009} or outcome.close == 4000 + outcome.http or code == "transport.lost"
    assert outcome.exit in {EXIT_WHALE_FAILED, 126, 127}
    assert outcome.meaning
    assert not outcome.meaning.endswith(".")


def test_no_failure_looks_like_success_or_like_a_command() -> None:
    assert EXIT_WHALE_FAILED == 125
    assert all(outcome.exit >= 125 for outcome in OUTCOMES.values())
    assert all(outcome.close != 1000 for outcome in OUTCOMES.values())


def test_a_code_is_looked_up() -> None:
    assert outcome_of("exec.not_found").exit == 127


def test_a_code_of_a_later_version_is_a_fault() -> None:
    assert outcome_of("something.new") is OUTCOMES["internal"]
    assert outcome_of("") is OUTCOMES["internal"]
