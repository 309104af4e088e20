"""Limits that depend on each other."""

from whale.model import limits


def test_what_whale_sends_fits_what_it_accepts() -> None:
    assert limits.MAX_PAYLOAD < limits.MAX_MESSAGE
    assert limits.MAX_CONTROL < limits.MAX_MESSAGE


def test_two_texts_of_escaped_characters_fit_a_control_message() -> None:
    escaped = len(r"\u0001")
    assert 2 * escaped * limits.MAX_TEXT < limits.MAX_CONTROL // 2


def test_a_quarter_of_each_window_holds_a_payload_or_the_window_is_a_terminals() -> None:
    assert limits.WINDOW_PIPE // 4 >= limits.MAX_PAYLOAD
    assert limits.WINDOW_STDIN // 4 >= limits.MAX_PAYLOAD
    assert limits.MAX_PAYLOAD <= limits.WINDOW_TTY <= limits.WINDOW_PIPE


def test_a_client_waits_for_two_heartbeats_and_more() -> None:
    assert limits.PEER_TIMEOUT > 2 * limits.HEARTBEAT_INTERVAL


def test_every_limit_is_a_positive_number() -> None:
    named = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert len(named) >= 18
    assert all(value > 0 for value in named.values())
