"""How long sessions wait."""

from whale.model.keep import Keep
from whale.model.limits import KEEP, KEEP_TERMINAL


def test_a_terminal_waits_longer_than_a_pipe_that_holds_its_command_up() -> None:
    assert Keep() == (KEEP, KEEP_TERMINAL)
    assert Keep().terminal > Keep().pipe
