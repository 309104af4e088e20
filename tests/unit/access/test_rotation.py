from typing import NamedTuple

import pytest

from whale.access.rotation import Verdict, judge
from whale.model.limits import REFRESH_GRACE

NOW = 1_800_000_000


class Shown(NamedTuple):
    last_used: int | None = None
    turn: int = 3
    newest: int = 3
    is_answer_used: bool = False


def test_the_newest_one_that_was_not_used_goes_on() -> None:
    assert judge(Shown(), now=NOW) is Verdict.ROTATE
    assert judge(Shown(is_answer_used=True), now=NOW) is Verdict.ROTATE, "its own access token was used, as it should"


@pytest.mark.parametrize("ago", [0, 1, REFRESH_GRACE])
def test_the_one_before_goes_on_while_its_answer_may_be_lost(ago: int) -> None:
    assert judge(Shown(NOW - ago, turn=2), now=NOW) is Verdict.REPEAT


@pytest.mark.parametrize(
    "shown",
    [
        Shown(NOW, turn=2, is_answer_used=True),
        Shown(NOW - REFRESH_GRACE - 1, turn=2),
        Shown(NOW + 1, turn=2),
        Shown(NOW, turn=1),
        Shown(NOW, turn=3),
        Shown(None, turn=2),
        Shown(0, turn=2),
    ],
)
def test_everything_else_is_reuse(shown: Shown) -> None:
    assert judge(shown, now=NOW) is Verdict.REUSED
