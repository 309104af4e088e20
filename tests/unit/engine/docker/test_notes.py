import mmap
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from whale.engine.demux import DemuxState
from whale.engine.docker import notes as room
from whale.engine.docker.guard import MAX_HELD, MAX_TRAILER
from whale.engine.docker.notes import Ending, Notes, OutputState
from whale.engine.seam import NOTES_SIZE, SOURCES
from whale.model.errors import EngineError
from whale.model.exec import Stream

STATE = OutputState(
    stdout=2**40 + 1,
    stderr=7,
    demux=DemuxState(b"\x01\0\0", 2**32 - 1, Stream.STDERR, True),
    words=2,
    awaits_echo=True,
    held=b"h" * MAX_HELD,
    trailer=b"t" * MAX_TRAILER,
)


@pytest.fixture
def memory() -> Iterator[memoryview]:
    """Memory that must be let go of at the end, as a session's must."""
    with mmap.mmap(-1, NOTES_SIZE) as made:
        view = memoryview(made)
        yield view
        view.release()


def commit(notes: Notes, state: OutputState, *, is_taken: bool = True) -> None:
    notes.commit(**state._asdict(), is_taken=is_taken)


def test_new_notes_say_that_nothing_happened(memory: memoryview) -> None:
    memory[:] = b"\xff" * NOTES_SIZE
    Notes(memory).close()
    found = Notes.read(memory)
    assert found.output() == OutputState()
    assert (found.is_taken, found.ending) == (True, Ending.OPEN)
    assert [found.delivered(source) for source in range(SOURCES)] == [0] * SOURCES
    found.close()


def test_totals_alone_leave_nothing_of_what_stood_in_their_place(memory: memoryview) -> None:
    notes = Notes(memory)
    for number, before in enumerate((STATE, OutputState(stdout=1, words=1), OutputState(), None, None)):
        if before is not None:
            commit(notes, before)
            commit(notes, before)
        notes.commit_plain(stdout=2**40 + number, stderr=7)
        found = Notes.read(memory)
        assert found.output() == OutputState(stdout=2**40 + number, stderr=7)
        assert not found.is_taken
        found.close()
    notes.close()


def test_the_last_state_counts(memory: memoryview) -> None:
    notes = Notes(memory)
    for state in (STATE, OutputState(stdout=1), STATE._replace(held=b"", trailer=b"x"), STATE, OutputState(stderr=5)):
        commit(notes, state)
        found = Notes.read(memory)
        assert found.output() == state
        found.close()
    notes.close()


def test_committed_is_not_taken(memory: memoryview) -> None:
    notes = Notes(memory)
    commit(notes, STATE, is_taken=False)
    found = Notes.read(memory)
    assert not found.is_taken
    notes.taken()
    assert Notes.read(memory).is_taken
    assert found.output() == STATE
    # Whoever goes on commits where the other one would have.
    commit(found, OutputState(stdout=9), is_taken=False)
    assert not Notes.read(memory).is_taken
    found.close()
    notes.close()


def at_every_instruction(work: Callable[[], None], look: Callable[[], None]) -> int:
    """Do some work with notes, and look between any two instructions of it."""
    count = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != room.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            look()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_between_any_two_instructions_one_state_counts(memory: memoryview) -> None:
    notes = Notes(memory)
    older, newer = STATE, OutputState(stdout=3, held=b"other", demux=DemuxState(b"", 9))
    commit(notes, older)
    seen: list[tuple[OutputState, bool]] = []

    def look() -> None:
        found = Notes.read(memory)
        seen.append((found.output(), found.is_taken))
        found.close()

    steps = at_every_instruction(lambda: commit(notes, newer, is_taken=False), look)
    assert steps > 50
    assert set(seen) == {(older, True), (newer, False)}
    assert seen == sorted(seen, key=lambda entry: entry[1], reverse=True)
    notes.close()


def test_between_any_two_instructions_a_piece_was_written_or_was_not(memory: memoryview) -> None:
    notes = Notes(memory)
    notes.dropped(3, 100)
    in_pipe = 0
    kept = b""

    def look() -> None:
        for _ in range(2):  # a successor may be killed and followed as well
            found = Notes.read(memory)
            found.settle_input(in_pipe)
            assert (found.delivered(3), found.delivered(4)) == (100 + in_pipe, 0)
            found.close()
        memory[:] = kept

    def work() -> None:
        nonlocal in_pipe
        notes.intend(3)
        in_pipe = 40
        notes.written(3, 40)

    def keep_and_look() -> None:
        nonlocal kept
        kept = bytes(memory)
        look()

    assert at_every_instruction(work, keep_and_look) > 30
    assert notes.delivered(3) == 140
    notes.close()


def test_a_piece_that_was_not_written(memory: memoryview) -> None:
    notes = Notes(memory)
    notes.intend(15)
    found = Notes.read(memory)
    found.settle_input(0)
    assert found.delivered(15) == 0
    found.settle_input(9)
    assert found.delivered(15) == 0, "it is settled once"
    found.close()
    notes.close()


def test_how_the_input_ends(memory: memoryview) -> None:
    notes = Notes(memory)
    notes.note_ending(Ending.WANTED)
    found = Notes.read(memory)
    assert found.ending == Ending.WANTED
    found.close()
    notes.close()


def test_after_closing_the_memory_is_left_alone(memory: memoryview) -> None:
    notes = Notes(memory)
    notes.close()
    before = bytes(memory)
    commit(notes, STATE)
    notes.intend(1)
    notes.written(1, 5)
    notes.dropped(1, 5)
    notes.note_ending(Ending.DONE)
    assert bytes(memory) == before
    assert notes.delivered(1) == 10
    notes.close()


def test_without_memory_they_are_for_nobody_and_count_all_the_same() -> None:
    one, two = Notes(), Notes()
    one.intend(0)
    one.written(0, 5)
    commit(one, STATE)
    assert (one.delivered(0), two.delivered(0)) == (5, 0)


@pytest.mark.parametrize(("at", "value"), [(0, 0), (8, 4), (10, 3), (8, 255)])
def test_what_are_no_notes_is_refused(memory: memoryview, at: int, value: int) -> None:
    Notes(memory).close()
    memory[at] = value
    with pytest.raises(EngineError):
        Notes.read(memory)


@pytest.mark.parametrize(
    ("field", "value"),
    [(20, 0), (20, 3), (22, 8), (32, 0xFF), (34, 0xFF)],
    ids=["zero", "three", "header", "held", "end"],
)
def test_a_state_that_can_t_be_is_refused(memory: memoryview, field: int, value: int) -> None:
    Notes(memory).close()
    found = Notes.read(memory)
    slot = room._SLOTS_AT[memory[8] & 1]
    memory[slot + field] = value
    memory[slot + field + 1] = value
    with pytest.raises(EngineError):
        found.output()
    found.close()


def test_a_source_that_can_t_be_is_refused(memory: memoryview) -> None:
    notes = Notes(memory)
    notes.intend(3)
    memory[16] = SOURCES
    with pytest.raises(EngineError):
        notes.settle_input(5)
    notes.close()


def test_too_little_memory_is_refused() -> None:
    for use in (Notes, Notes.read):
        with pytest.raises(EngineError):
            use(memoryview(bytearray(NOTES_SIZE - 1)))
