"""What is done about silence and about changes of the network, with a link and a search that only note it."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from whale.client import lookout as room
from whale.client import watch as watch_module
from whale.client.lookout import CALM, GRACE, PATIENT, Lookout
from whale.client.silence import ANSWER_TIMEOUT, NEVER, NEWS_TIMEOUT, NEWS_TRIPS, QUIET, TRIPS

TRIP = 0.2


class StubLink:
    """Stands for a link; the test says what it hears."""

    def __init__(self) -> None:
        self.trip = TRIP
        self.heard = 0.0
        self.awaiting = NEVER
        self.peer: Any = (socket.AF_INET, ("192.0.2.1", 7))
        self.near: Any = (socket.AF_INET, "192.0.2.2")
        self.pings = 0
        self.acknowledged: float | None = None

    def send_ping(self) -> None:
        self.pings += 1

    def acknowledged_ago(self) -> float | None:
        return self.acknowledged


class StubSearch:
    """Stands for a search."""

    def __init__(self) -> None:
        self.descriptor = 77
        self.is_connected = False
        self.is_over = False
        self.is_discarded = False

    def is_done(self) -> bool:
        return self.is_over

    def discard(self) -> None:
        self.is_discarded = True


class Rig:
    """A lookout, and a clock and a network that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.way, self.has_address = "192.0.2.2", True
        self._reader, self._news = os.pipe()
        monkeypatch.setattr(room, "time", self)  # its only clock
        monkeypatch.setattr(watch_module, "NetworkWatch", lambda: self)
        monkeypatch.setattr(watch_module, "way_to", lambda *_: self.way)
        monkeypatch.setattr(watch_module, "has_address", lambda *_: self.has_address)
        self.descriptor = self._reader
        self.has_news = False
        self.searches: list[Any] = []
        self.told = 0
        self.link = StubLink()
        self.lookout = Lookout(self.link, begin=self._begin, tell=self._tell)  # type: ignore[arg-type]

    def _begin(self) -> Any:
        self.searches.append(StubSearch())
        return self.searches[-1]

    def _tell(self) -> None:
        self.told += 1

    # -- the clock and the watch

    def monotonic(self) -> float:
        return self.now

    def has_changed(self) -> bool:
        had, self.has_news = self.has_news, False
        return had

    def close(self) -> None:
        if self.descriptor >= 0:
            self.descriptor = -1
            os.close(self._reader)
            os.close(self._news)

    # -- what happens

    def calm(self) -> "Rig":
        """Let the first second go by."""
        assert self.lookout.due <= self.now + CALM
        self.now += CALM
        assert not self.lookout.look()
        assert self.lookout.descriptors == (self._reader,)
        return self

    def change(self, *, way: str = "192.0.2.2", has_address: bool = True) -> bool:
        self.way, self.has_address, self.has_news = way, has_address, True
        return self.lookout.look()

    def type(self) -> None:
        self.link.awaiting = min(self.link.awaiting, self.now)

    def hear(self) -> bool:
        self.link.heard, self.link.awaiting = self.now, NEVER
        return self.lookout.heard()

    def until_due(self) -> bool:
        self.now = self.lookout.due
        return self.lookout.look()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(monkeypatch)
    yield made
    made.lookout.close()
    made.close()


def test_who_only_runs_a_short_command_pays_for_nothing(rig: Rig) -> None:
    rig.type()
    assert rig.hear() is False
    assert rig.lookout.descriptors == ()
    assert rig.lookout.due == 1000.0 + CALM


def test_keys_without_an_answer_lead_to_a_ping_and_then_to_another_connection(rig: Rig) -> None:
    rig.calm().type()
    assert rig.lookout.due == pytest.approx(rig.now + QUIET + TRIP)
    assert not rig.until_due()
    assert (rig.link.pings, rig.searches) == (1, [])
    rig.type()
    assert rig.lookout.due == pytest.approx(rig.now + TRIPS * TRIP + ANSWER_TIMEOUT)
    assert not rig.until_due()
    assert rig.link.pings == 1
    assert rig.lookout.beside == rig.searches[0]
    assert 77 in rig.lookout.descriptors


def test_an_answer_ends_it(rig: Rig) -> None:
    rig.calm().type()
    rig.until_due()
    rig.now += 1
    assert rig.hear() is False
    assert rig.lookout.due > rig.now + 1e9
    rig.type()
    assert rig.lookout.due == pytest.approx(rig.now + QUIET + 1), "the longest round trip was one second"


def searching(rig: Rig) -> Any:
    rig.calm().type()
    rig.until_due()
    rig.until_due()
    return rig.searches[0]


def test_the_other_connection_is_taken_a_moment_after_it_is_there(rig: Rig) -> None:
    search = searching(rig)
    search.is_connected = True
    assert not rig.lookout.look(), "the answer may be as near"
    assert 77 not in rig.lookout.descriptors
    assert rig.lookout.due == pytest.approx(rig.now + GRACE)
    assert rig.until_due()
    assert rig.lookout.let_go() == search
    assert not search.is_discarded
    assert not rig.lookout.look()


def test_what_comes_on_the_former_one_in_time_makes_the_other_needless(rig: Rig) -> None:
    search = searching(rig)
    search.is_connected = True
    rig.lookout.look()
    rig.hear()
    assert search.is_discarded
    assert rig.lookout.beside is None
    rig.now += GRACE
    assert not rig.lookout.look()
    assert rig.lookout.heard() is False, "nothing new"


def test_what_came_while_nothing_was_the_matter_is_no_answer(rig: Rig) -> None:
    rig.calm().link.heard = rig.now - 0.5  # which nobody told it of
    rig.type()
    rig.until_due()
    rig.lookout.heard()
    assert rig.lookout.is_alert, "that was before it asked"
    rig.until_due()
    rig.searches[0].is_connected = True
    rig.lookout.look()
    rig.lookout.heard()
    assert rig.lookout.beside is rig.searches[0]
    assert rig.until_due()


def test_the_user_hears_of_it_when_it_takes_long_and_when_it_is_over(rig: Rig) -> None:
    searching(rig)
    assert rig.told == 0
    assert rig.lookout.due == pytest.approx(rig.now + PATIENT)
    rig.until_due()
    assert rig.told == 1
    rig.now += 60
    rig.lookout.look()
    assert rig.told == 1
    assert rig.hear() is True


def test_a_search_in_vain_is_not_the_end(rig: Rig) -> None:
    search = searching(rig)
    search.is_over = True
    rig.lookout.look()
    assert search.is_discarded
    assert rig.link.pings == 2
    rig.until_due()
    assert len(rig.searches) == 2


def test_a_slow_line_that_is_full_of_input_is_not_taken_for_a_dead_one(rig: Rig) -> None:
    rig.calm().type()
    rig.until_due()
    for _ in range(3):
        rig.link.acknowledged = 0.1  # its kernel takes one piece after the other; the ping is behind them
        rig.until_due()
        assert rig.searches == []
    rig.link.acknowledged = 60.0
    rig.until_due()
    assert len(rig.searches) == 1


def test_a_change_that_may_concern_others_is_only_a_ping(rig: Rig) -> None:
    rig.calm().change()
    assert (rig.link.pings, rig.searches) == (1, [])
    rig.change()
    assert rig.link.pings == 1, "it is on its way"
    assert rig.lookout.due == pytest.approx(rig.now + NEWS_TRIPS * TRIP + NEWS_TIMEOUT)
    rig.hear()
    rig.now += 60
    rig.lookout.look()
    assert rig.searches == []


def test_a_change_without_an_answer_leads_to_another_connection_soon(rig: Rig) -> None:
    rig.calm().change()
    rig.until_due()
    assert len(rig.searches) == 1


def test_a_way_that_comes_back_is_tried_both_ways_at_once(rig: Rig) -> None:
    rig.calm().type()
    rig.until_due()
    rig.change(way="")
    assert (rig.link.pings, rig.searches) == (1, []), "there is nobody to ask"
    rig.change()
    assert (rig.link.pings, len(rig.searches)) == (2, 1), "a new ping takes along what waits in the socket"
    rig.searches[0].is_connected = True
    assert not rig.lookout.look()
    assert rig.until_due()


def test_a_connection_from_an_address_that_is_gone_is_not_waited_for(rig: Rig) -> None:
    rig.calm().change(way="198.51.100.1", has_address=False)
    rig.searches[0].is_connected = True
    assert rig.lookout.look()


def test_the_next_connection_is_looked_after_like_the_first(rig: Rig) -> None:
    searching(rig)
    rig.lookout.let_go()
    link = StubLink()
    link.trip = 2 * TRIP
    rig.lookout.follow(link)  # type: ignore[arg-type]
    rig.lookout._silence.heard(rig.now)
    link.awaiting = rig.now
    rig.until_due()
    assert (rig.link.pings, link.pings) == (1, 1)
    assert rig.lookout.due == pytest.approx(rig.now + TRIPS * 2 * TRIP + ANSWER_TIMEOUT)


def test_an_end_without_addresses_is_left_alone(rig: Rig) -> None:
    rig.calm().link.peer = None
    rig.change()
    assert rig.link.pings == 0


def test_at_the_end_nothing_is_left(rig: Rig) -> None:
    search = searching(rig)
    rig.lookout.close()
    assert search.is_discarded
    assert rig.descriptor == -1
