"""The picture, with an emulator that only remembers what it was told."""

from collections.abc import Callable

import pytest

from whale.model.limits import MAX_SNAPSHOT
from whale.model.terminal import TerminalSize
from whale.session.memory import Layout, SessionMemory
from whale.session.picture import PIECE, Picture
from whale.session.ring import RingLog

SMALL, LARGE = TerminalSize(cols=10, rows=5), TerminalSize(cols=20, rows=6)


class Remembering:
    """An emulator whose picture is everything it was fed."""

    lost = ""

    opened: list["Remembering"] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, size: TerminalSize, *, blame: Callable[[bool], None]) -> None:
        self.told: list[object] = [size]
        self.blame = blame
        self.is_gone = self.is_blamed = False
        self.opened.append(self)

    def feed(self, data: bytes) -> None:
        self.told.append(data)

    def resize(self, size: TerminalSize) -> None:
        self.told.append(size)

    def repaint(self) -> bytes:
        return b"<" + b"".join(one for one in self.told if isinstance(one, bytes)) + b">"

    def replies(self) -> bytes:
        return b"reply"

    def close(self) -> None:
        self.is_gone = True


@pytest.fixture(autouse=True)
def emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    Remembering.opened.clear()
    monkeypatch.setattr("whale.session.picture.open_screen", Remembering)


@pytest.fixture
def memory() -> SessionMemory:
    return SessionMemory.create(Layout((4 * PIECE, 4096), True), shared=False)


@pytest.fixture
def log(memory: SessionMemory) -> RingLog:
    return RingLog(memory.logs[0], window=PIECE, note=memory.starts[0])


def test_nothing_is_fed_before_somebody_looks(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"hello")
    assert not Remembering.opened
    assert picture._replies() == b""
    assert picture.repaint(log) == b"<hello>"
    log.append(b", world")
    assert picture.repaint(log) == b"<hello, world>"
    assert picture.answer(log) == b"reply"
    picture.close()
    assert Remembering.opened[0].is_gone


def test_sizes_come_where_they_came(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"one")
    picture.resized(3, LARGE)
    log.append(b"two")
    picture.resized(6, SMALL)
    picture.repaint(log)
    assert Remembering.opened[0].told == [SMALL, b"", b"one", LARGE, b"two", SMALL]


def test_catches_up_to_where_it_should_and_no_further(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"0123456789")
    picture.catch_up(log, to=4)
    picture.catch_up(log, to=2)
    assert Remembering.opened[0].told[2:] == [b"0123"]
    picture.catch_up(log, to=10)
    assert Remembering.opened[0].told[2:] == [b"0123", b"456789"]


def test_answers_what_was_asked_since_and_nothing_before(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"asked of others")
    picture.answered_until(5)
    picture.answered_until(3)
    taken: list[object] = []
    answers = picture._replies

    def replies() -> bytes:
        taken.append(Remembering.opened[0].told[-1])
        return answers()

    picture._replies = replies  # type: ignore[method-assign]
    assert picture.answer(log) == b"reply"
    assert taken == [b"asked", b" of others"], "of the first nothing is said"


def test_what_was_saved_is_where_a_later_process_begins(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    picture.resized(0, LARGE)
    log.append(b"before")
    assert picture.save(log, to=log.end)
    log.trim(offset=log.end)
    log.append(b"after")
    picture.resized(8, SMALL)
    assert (picture.saved_size, list(picture.changes)) == (LARGE, [(8, SMALL)])
    later = Picture(picture.saved_size, memory, changes=picture.changes)
    later.repaint(log)
    assert Remembering.opened[1].told == [LARGE, b"<before>", b"af", SMALL, b"ter"]


def test_a_platform_without_an_emulator(memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale.session.picture.open_screen", lambda _size, blame: None)
    picture = Picture(None, memory)
    log.append(b"hello")
    picture.resized(2, LARGE)
    assert picture.save(log, to=log.end)
    assert picture.repaint(log) == picture.answer(log) == b""
    picture.close()


def test_it_is_known_whether_there_is_a_picture(memory: SessionMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(SMALL, memory)
    known = [picture.is_known]
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("whale.session.picture.is_possible", lambda: False)
        known.append(picture.is_known)
    known.append(picture.is_known)
    memory.blame_picture(is_fault=True)
    known.append(picture.is_known)
    assert known == [True, False, True, False]


def test_a_change_of_size_before_the_snapshot_is_its_size(memory: SessionMemory, log: RingLog) -> None:
    log.append(b"before")
    Picture(LARGE, memory).save(log, to=log.end)
    later = Picture(SMALL, memory, changes=[(2, SMALL), (4, LARGE), (8, SMALL)])
    assert (later.saved_size, list(later.changes)) == (LARGE, [(8, SMALL)])


def test_it_is_saved_no_further_than_it_must(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"before")
    log.append(b"after")
    assert picture.save(log, to=6)
    assert (picture.offset, memory.read_snapshot()) == (6, (6, b"<before>"))
    picture.save(log, to=3)
    assert memory.read_snapshot() == (6, b"<before>"), "it does not go back"


def test_a_picture_that_is_too_large_is_not_saved(
    memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Remembering, "repaint", lambda _self: bytes(MAX_SNAPSHOT + 1))
    log.append(b"hello")
    assert not Picture(SMALL, memory).save(log, to=log.end)
    assert memory.read_snapshot() == (5, b"")


def test_a_folded_picture_is_the_same_without_an_emulator(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    picture.resized(0, LARGE)
    log.append(b"hello")
    picture.save(log, to=log.end)
    folded = picture.folded()
    assert Remembering.opened[0].is_gone
    assert not folded.is_emulated
    folded.resized(5, SMALL)
    assert folded.repaint(log) == b"<<hello>>"
    assert Remembering.opened[1].told == [LARGE, b"<hello>", SMALL]


def test_a_picture_whose_emulator_is_gone_is_made_again_from_the_memory(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"before")
    picture.save(log, to=log.end)
    log.trim(offset=log.end)
    picture.resized(6, LARGE)
    log.append(b"after")
    picture.catch_up(log, to=8)
    Remembering.opened[0].is_gone = True
    assert not picture.is_emulated
    log.append(b"more")
    assert picture.repaint(log) == b"<<before>aftermore>"
    assert Remembering.opened[1].told == [SMALL, b"<before>", LARGE, b"aftermore"]
    assert picture.offset == log.end


class Going(Remembering):
    """The first one is gone when it is asked."""

    def repaint(self) -> bytes:
        if self is self.opened[0]:
            self.is_gone = True
            return b""
        return super().repaint()


def test_so_is_one_that_goes_while_it_is_asked(
    memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whale.session.picture.open_screen", Going)
    log.append(b"hello")
    assert Picture(SMALL, memory).repaint(log) == b"<hello>"
    Remembering.opened.clear()
    assert Picture(SMALL, memory).save(log, to=log.end)
    assert memory.read_snapshot() == (5, b"<hello>")


def test_nothing_is_answered_twice_when_the_emulator_goes(
    memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answering(Remembering):
        """Answers with what it was fed since it was asked, unless it goes just then."""

        goes = False

        def feed(self, data: bytes) -> None:
            super().feed(data)
            self.is_gone = type(self).goes and data == b"new"
            type(self).goes = type(self).goes and not self.is_gone
            if self.is_gone:
                self.told.clear()

        def replies(self) -> bytes:
            fed = b"".join(one for one in self.told if isinstance(one, bytes))
            self.told.clear()
            return b"" if self.is_gone else fed

    monkeypatch.setattr("whale.session.picture.open_screen", Answering)
    picture = Picture(SMALL, memory)
    log.append(b"old")
    assert picture.answer(log) == b"old"
    log.append(b"new")
    Answering.goes = True
    assert picture.answer(log) == b"new"
    assert len(Remembering.opened) == 2
    Remembering.opened[-1].is_gone = True
    assert picture.answer(log) == b""
    log.append(b"newer")
    assert picture.answer(log) == b"newer"


def test_nor_when_it_goes_before_that(memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answering(Remembering):
        """Answers with what it was fed since it was asked; the second one goes when it is asked."""

        def replies(self) -> bytes:
            fed = b"".join(one for one in self.told if isinstance(one, bytes))
            self.told.clear()
            self.is_gone = self.is_gone or len(self.opened) == 2
            return b"" if self.is_gone else fed

    monkeypatch.setattr("whale.session.picture.open_screen", Answering)
    picture = Picture(SMALL, memory)
    log.append(b"old")
    assert picture.answer(log) == b"old"
    Remembering.opened[0].is_gone = True
    log.append(b"new")
    assert picture.answer(log) == b"new"


def test_one_that_goes_at_its_own_output_is_not_tried_again_at_once(
    memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whale.session.picture.open_screen", Going)
    picture = Picture(SMALL, memory)
    log.append(b"hello")
    picture.catch_up(log, to=log.end)
    Remembering.opened[0].is_blamed = True
    assert picture.repaint(log) == b""
    assert len(Remembering.opened) == 1
    assert picture.repaint(log) == b"<hello>"


def test_a_picture_that_is_given_up_is_none_for_later_servers_too(memory: SessionMemory, log: RingLog) -> None:
    picture = Picture(SMALL, memory)
    log.append(b"hello")
    picture.catch_up(log, to=log.end)
    Remembering.opened[0].is_gone = True
    Remembering.opened[0].blame(True)
    for same in (picture, Picture(SMALL, memory)):
        assert same.repaint(log) == same.answer(log) == b""
        assert same.save(log, to=log.end)
    assert len(Remembering.opened) == 1
    assert memory.read_snapshot() == (5, b"")


def test_while_there_are_no_emulators_the_log_is_what_the_picture_is_made_of(
    memory: SessionMemory, log: RingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_there = False

    def opened(size: TerminalSize, *, blame: Callable[[bool], None]) -> Remembering | None:
        return Remembering(size, blame=blame) if is_there else None

    monkeypatch.setattr("whale.session.picture.open_screen", opened)
    picture = Picture(SMALL, memory)
    log.append(b"one")
    picture.resized(3, LARGE)
    log.append(b"two")
    assert picture.repaint(log) == b""
    assert picture.offset == log.end
    is_there = True
    assert picture.repaint(log) == b"<onetwo>"
    assert Remembering.opened[0].told == [SMALL, b"", b"one", LARGE, b"two"]
