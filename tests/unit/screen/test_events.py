from whale.model.limits import MAX_REPLIES
from whale.screen.emulator import Emulator
from whale.screen.events import Events, callbacks
from whale.screen.library import Library


def test_answers_are_taken_once() -> None:
    events = Events()
    events.answered(b"one")
    events.answered(b"two")
    assert events.take() == b"onetwo"
    assert events.take() == b""


def test_what_nobody_takes_is_bounded_and_never_halved() -> None:
    events = Events()
    for _ in range(MAX_REPLIES):
        events.answered(b"12345678901")
    taken = events.take()
    assert MAX_REPLIES - 11 < len(taken) <= MAX_REPLIES
    assert len(taken) % 11 == 0


def test_the_callbacks_are_made_once(library: Library) -> None:
    assert callbacks(library) is callbacks(library)


def test_a_terminal_says_what_it_is(emulator: Emulator) -> None:
    events = Events()
    emulator.connect(events)
    emulator.write(b"\x1b[c\x1b[>c\x1b[=c")
    assert events.take() == b"\x1b[?62;22c\x1b[>1;0;0c\x1bP!|00000000\x1b\\"


def test_a_title_is_noticed_an_empty_one_too(emulator: Emulator) -> None:
    events = Events()
    emulator.connect(events)
    emulator.write(b"text")
    assert not events.has_title
    emulator.write(b"\x1b]2;\x07")
    assert events.has_title
