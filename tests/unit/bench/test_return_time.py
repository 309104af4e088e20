from typing import Any

import pytest

from bench import return_time
from bench.return_time import IDLE, MOVED, TYPED, Outages, User
from bench.wire import ELSEWHERE, NEAR


class Line:
    """Stands for a wire, and notes what becomes of it."""

    delay = 0.0

    def __init__(self) -> None:
        self.noted: list[Any] = []

    def pull(self) -> None:
        self.noted.append("pull")

    def plug(self) -> float:
        self.noted.append("plug")
        return 10.0

    def renumber(self, before: str, after: str) -> None:
        self.noted.append((before, after))


class Clock:
    """Sleeps in no time."""

    def sleep(self, seconds: float) -> None: ...

    def monotonic(self) -> float:
        return 10.25


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(return_time, "time", Clock())
    return Line()


def outages(line: Line) -> Outages:
    user = User(lambda key: line.noted.append(key), lambda key: line.noted.append(key.lower()))
    return Outages(line, user)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("way", "noted"),
    [
        (IDLE, ["pull", "plug", b"A", b"a"]),
        (TYPED, ["pull", b"A", "plug", b"a"]),
        (MOVED, ["pull", (NEAR, ELSEWHERE), "plug", b"A", b"a"]),
    ],
)
def test_an_outage_lasts_from_the_plug_to_the_echo(line: Line, way: str, noted: list[Any]) -> None:
    assert outages(line).one(way, seconds=1.0) == 0.25
    assert line.noted == noted


def test_each_outage_has_another_key_and_each_move_another_address(line: Line) -> None:
    several = outages(line)
    for _ in range(2):
        several.one(MOVED, seconds=1.0)
    assert line.noted == [
        *("pull", (NEAR, ELSEWHERE), "plug", b"A", b"a"),
        *("pull", (ELSEWHERE, NEAR), "plug", b"B", b"b"),
    ]
