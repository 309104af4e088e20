import pytest

from whale.client.silence import (
    ANSWER_TIMEOUT,
    LONGEST_TRIP,
    NEVER,
    NEWS_TIMEOUT,
    NEWS_TRIPS,
    QUIET,
    TRIPS,
    Silence,
)


@pytest.fixture
def silence() -> Silence:
    return Silence(trip=0.25)


def test_silence_alone_means_nothing(silence: Silence) -> None:
    assert silence.due(sent=NEVER) == NEVER
    assert not silence.is_asked


def test_what_was_sent_has_one_round_trip_and_some(silence: Silence) -> None:
    assert silence.due(sent=10.0) == 10.0 + 0.25 + QUIET
    silence.asked(20.0)
    silence.heard(20.1)
    assert silence.due(sent=NEVER) == NEVER


def test_an_answer_has_three_of_the_longest_round_trips_and_some(silence: Silence) -> None:
    silence.asked(20.0)
    assert silence.is_asked
    assert silence.due(sent=1.0) == 20.0 + TRIPS * 0.25 + ANSWER_TIMEOUT
    silence.heard(21.0)
    assert silence.trip == 1.0
    silence.asked(30.0)
    silence.heard(30.1)
    assert silence.trip == 1.0, "it is the longest one that counts"
    silence.asked(40.0)
    assert silence.due(sent=1.0) == 40.0 + TRIPS * 1.0 + ANSWER_TIMEOUT


def test_one_stall_is_no_reason_to_wait_for_minutes(silence: Silence) -> None:
    silence.asked(0.0)
    silence.heard(40.0)
    assert silence.trip == LONGEST_TRIP == Silence(trip=99.0).trip


def test_after_a_change_of_the_network_it_is_soon_over(silence: Silence) -> None:
    silence.asked(20.0, is_news=True)
    assert silence.due(sent=1.0) == 20.0 + NEWS_TRIPS * 0.25 + NEWS_TIMEOUT


def test_a_kernel_that_acknowledges_gives_the_answer_more_time(silence: Silence) -> None:
    assert not silence.acknowledged(1.0), "nothing was asked"
    silence.asked(20.0, is_news=True)
    assert not silence.acknowledged(19.9), "that was before"
    assert silence.acknowledged(20.4)
    assert silence.due(sent=1.0) == 20.4 + TRIPS * 0.25 + ANSWER_TIMEOUT
    assert not silence.acknowledged(20.4)
