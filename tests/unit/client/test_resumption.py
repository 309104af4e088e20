import socket
from typing import Any

import pytest

from whale.client.link import Link
from whale.client.resumption import OPENING_PATIENCE, Resumption
from whale.client.status_line import StatusLine
from whale.model.errors import TransportError, WhaleError


class Search:
    """Stands for the search for a new connection."""

    def __init__(self, found: Link | WhaleError) -> None:
        self._found = found
        self.hurries = 0
        self.asked = b"attach"

    def ask(self, attach: bytes) -> None:
        self.asked = attach

    def hurry(self) -> None:
        self.hurries += 1

    def is_done(self) -> bool:
        return True

    def result(self) -> Link | WhaleError:
        return self._found


@pytest.fixture
def links() -> Any:
    pairs = [socket.socketpair() for _ in range(2)]
    yield [Link(ours) for ours, _ in pairs]
    for pair in pairs:
        for sock in pair:
            sock.close()


@pytest.mark.parametrize(("keep", "seconds"), [(77, 77), (None, OPENING_PATIENCE)])
def test_it_is_looked_for_as_long_as_the_session_is_kept(links: list[Link], keep: int | None, seconds: float) -> None:
    asked: list[tuple[float, bytes | None, object]] = []
    search = Search(links[1])

    def begin(seconds: float, attach: bytes | None, known: object) -> Any:
        asked.append((seconds, attach, known))
        return search

    way = Resumption(links[0], begin=begin)
    assert way.is_possible
    way.is_lost = True
    way.begin(keep, attach=b"attach")
    assert asked == [(seconds, b"attach", links[0].peer)]
    way.hurry()
    assert search.hurries == 1
    assert links[0].descriptor == -1, "the former one is given up"
    way.ask(b"another")
    assert way.take() is None
    assert way.asked == b"another"
    way.ask(b"nobody looks")
    assert (way.link, way.is_lost, way.search) == (links[1], False, None)


def test_a_search_in_vain_says_why(links: list[Link], capfd: pytest.CaptureFixture[str]) -> None:
    error = TransportError("gone")
    way = Resumption(links[0], begin=lambda *_: Search(error), status=StatusLine(raw=False, term=""))  # type: ignore[arg-type]
    way.is_lost = True
    way.begin(1, attach=b"")
    assert way.take() is error
    assert way.is_lost
    way.note("something", otherwise=print)
    way.clear_status()
    assert capfd.readouterr().err == (
        "whale: the connection broke; trying to get it back\nwhale: something\nwhale: it is back\n"
    )


class Beside(Search):
    """Stands for the search beside a connection."""

    attach = b""

    def go(self, attach: bytes) -> None:
        self.attach = attach

    def discard(self) -> None: ...


def test_a_search_beside_the_connection_goes_on_when_that_breaks(
    links: list[Link], capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def begin(*args: Any) -> Any:
        asked.append(args)
        return Beside(links[1])

    way = Resumption(links[0], begin=begin, status=StatusLine(raw=False, term=""))
    way.heard()
    way.look_out(300)
    lookout = way.lookout
    assert lookout is not None
    beside: Any = lookout._begin()
    lookout.beside = beside
    lookout._tell()
    way.hurry()
    assert asked == [(300, None, links[0].peer)]
    way.begin(300, attach=b"attach")
    assert way.search == beside
    assert len(asked) == 1
    assert (beside.attach, beside.hurries) == (b"attach", 1)
    assert way.is_found
    assert way.take() is None
    way.look_out(300)
    assert way.lookout is lookout
    assert lookout.link is links[1]
    lookout._is_told = True
    lookout._silence.asked(0.0)
    links[1].heard += 1
    way.heard()
    way.close()
    assert capfd.readouterr().err == (
        "whale: the server does not answer; looking for another way\n"
        "whale: the connection broke; trying to get it back\n"
        "whale: it is back\n"
    )


def test_what_nobody_would_look_for_is_not_looked_after(links: list[Link]) -> None:
    way = Resumption(links[0])
    way.look_out(300)
    assert way.lookout is None
    way.close()


def test_without_a_status_line_remarks_go_elsewhere(links: list[Link]) -> None:
    said: list[str] = []
    way = Resumption(links[0])
    assert not way.is_possible
    way.clear_status()
    way.note("something", otherwise=said.append)
    assert said == ["something"]
