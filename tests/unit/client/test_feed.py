"""A thread reads ahead, so far and no further, and is gone when nobody wants it any more."""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.unit.client.scripted import wait_until
from whale.client import feed as module
from whale.client.cast import CastEvent
from whale.client.feed import Feed
from whale.model.errors import RecordingError

HEADER = b'{"version": 3, "term": {"cols": 80, "rows": 24}}'


class Given:
    """Lines of a test, of which the last ones may have to be waited for."""

    def __init__(self, *lines: bytes, goes_on: bool = False, error: BaseException | None = None) -> None:
        self._lines = lines
        self._goes_on = goes_on
        self._error = error
        self.given = 0
        self.interrupted = threading.Event()
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.given += 1
            yield line
        if self._error is not None:
            raise self._error
        if self._goes_on:
            assert self.interrupted.wait(20)

    def interrupt(self) -> None:
        self.interrupted.set()

    @contextmanager
    def open(self) -> Iterator["Given"]:
        try:
            yield self
        finally:
            self.is_closed = True


def everything(feed: Feed) -> list[CastEvent]:
    found: list[CastEvent] = []
    while True:
        assert select.select([feed.descriptor], [], [], 20)[0]
        events, is_last = feed.take(2)
        assert len(events) <= 2
        found += events
        if is_last:
            return found


def events(count: int) -> list[bytes]:
    return [b'[0.001, "o", "%d"]' % number for number in range(count)]


def test_everything_comes_in_order() -> None:
    lines = Given(HEADER, *events(100))
    feed = Feed(lines.open)
    assert [event.data for event in everything(feed)] == [b"%d" % number for number in range(100)]
    assert feed.reader.size == (80, 24)
    feed.stop()
    assert lines.is_closed


def test_what_waits_for_a_comment_comes_at_the_end() -> None:
    feed = Feed(Given(HEADER, '[0, "o", "\ufffd"]'.encode()).open)
    assert [event.data for event in everything(feed)] == ["\ufffd".encode()]
    feed.stop()


def test_only_so_much_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_AHEAD", 1000)
    lines = Given(HEADER, *[b'[0, "o", "%s"]' % (b"x" * 100)] * 100)
    feed = Feed(lines.open)
    wait_until(lambda: lines.given > 10)
    assert lines.given <= 14
    assert len(everything(feed)) == 100
    feed.stop()


@pytest.mark.parametrize("is_full", [False, True])
def test_is_stopped_wherever_it_is(is_full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_AHEAD", 0 if is_full else 10**9)
    lines = Given(HEADER, *events(10), goes_on=True)
    feed = Feed(lines.open)
    wait_until(lambda: lines.given > 1)
    before = len(os.listdir("/proc/self/fd"))
    feed.stop()
    assert lines.is_closed
    assert len(os.listdir("/proc/self/fd")) == before - 2


def test_an_error_comes_behind_what_was_there() -> None:
    feed = Feed(Given(HEADER, *events(3), error=RecordingError("cut")).open)
    seen: list[CastEvent] = []

    def read() -> None:
        while True:
            assert select.select([feed.descriptor], [], [], 20)[0]
            events, is_last = feed.take(2)
            assert not is_last, "it has not ended as it should"
            seen.extend(events)

    with pytest.raises(RecordingError):
        read()
    assert len(seen) == 3
    feed.stop()


@pytest.mark.parametrize("error", [RecordingError("no"), ZeroDivisionError()])
def test_what_can_not_be_opened_is_an_error(error: Exception) -> None:
    @contextmanager
    def fails() -> Iterator[Given]:
        if error:
            raise error
        yield Given()

    feed = Feed(fails)
    with pytest.raises(type(error)):
        everything(feed)
    feed.stop()


def test_a_fault_in_the_thread_is_not_lost() -> None:
    feed = Feed(Given(b"[").open)
    with pytest.raises(Exception, match=r"none|v3"):
        everything(feed)
    feed.stop()
