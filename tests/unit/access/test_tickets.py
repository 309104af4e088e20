"""Tickets: once, soon, for one thing, from one place."""

import re

import pytest

from whale.access import tickets as room
from whale.access.tickets import Purpose, Tickets
from whale.model.errors import AuthenticationError
from whale.model.ids import TokenId
from whale.model.limits import TICKET_LIFETIME
from whale.model.principal import Principal

ALICE = Principal("alice", TokenId("a"), ("team-x",), "192.0.2.1")
BOB = Principal("bob", TokenId("b"))
HERE, THERE = "https://whale.example", "https://evil.example"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(clock=clock)


def issue(tickets: Tickets, principal: Principal = ALICE, *, origin: str = HERE) -> str:
    return tickets.issue(principal, Purpose.SHELL, origin=origin).reveal()


def redeem(tickets: Tickets, text: str, *, origin: str = HERE) -> str:
    """Whose it was; nothing for one that is not good."""
    try:
        return tickets.redeem(text, Purpose.SHELL, origin=origin).name
    except AuthenticationError:
        return ""


def test_it_is_good_once(tickets: Tickets) -> None:
    text = issue(tickets)
    assert re.fullmatch(r"whale_[0-9A-Za-z]{43}", text)
    assert tickets.redeem(text, Purpose.SHELL, origin=HERE) == ALICE
    assert redeem(tickets, text) == ""
    assert len(tickets) == 0


def test_it_is_good_for_seconds(tickets: Tickets, clock: Clock) -> None:
    early, late = issue(tickets), issue(tickets)
    clock.now += TICKET_LIFETIME - 0.1
    assert redeem(tickets, early) == "alice"
    clock.now += 0.1
    assert redeem(tickets, late) == ""
    assert TICKET_LIFETIME <= 30


@pytest.mark.parametrize(("asked", "shown"), [(HERE, THERE), (HERE, ""), ("", HERE)])
def test_from_elsewhere_it_is_used_up_and_worth_nothing(tickets: Tickets, asked: str, shown: str) -> None:
    text = issue(tickets, origin=asked)
    assert redeem(tickets, text, origin=shown) == ""
    assert redeem(tickets, text, origin=asked) == ""


def test_for_something_else_too(tickets: Tickets) -> None:
    text = issue(tickets)
    with pytest.raises(AuthenticationError):
        tickets.redeem(text, "other", origin=HERE)  # type: ignore[arg-type]  # there is one purpose yet
    assert redeem(tickets, text) == ""


@pytest.mark.parametrize("text", ["", "whale_", "whale_" + "x" * 43, "\udcff", "x" * 100_000])
def test_what_is_none(tickets: Tickets, text: str) -> None:
    issue(tickets)
    assert redeem(tickets, text) == ""


def test_who_makes_many_loses_their_own(tickets: Tickets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_PRINCIPAL_TICKETS", 3)
    bobs = issue(tickets, BOB)
    texts = [issue(tickets) for _ in range(5)]
    assert [redeem(tickets, text) for text in texts] == ["", "", "alice", "alice", "alice"]
    assert redeem(tickets, bobs) == "bob"


def test_there_is_a_bound_for_all(tickets: Tickets, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_TICKETS", 5)
    for number in range(20):
        issue(tickets, ALICE._replace(name=f"user {number}"))
    assert len(tickets) == 5
    clock.now += TICKET_LIFETIME
    issue(tickets)
    assert len(tickets) == 1, "those that are too old are not kept"


def test_no_ticket_is_kept(tickets: Tickets) -> None:
    text = issue(tickets)
    assert text.removeprefix("whale_") not in repr(tickets._found)
