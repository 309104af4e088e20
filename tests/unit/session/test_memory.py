"""What one process writes another one reads, whenever the first one died."""

import mmap
import os
from collections.abc import Iterator

import pytest

from whale.engine.seam import NOTES_SIZE
from whale.model.errors import SessionError
from whale.model.limits import MAX_PIECE, MAX_RECORD, MAX_SNAPSHOT, MIN_LOG
from whale.session.journal import Kind
from whale.session.memory import Layout, SessionMemory, Snapshot, layout

SIZES = (8192, 4096)


@pytest.fixture
def memory() -> Iterator[SessionMemory]:
    made = SessionMemory.create(Layout(SIZES, True), shared=True)
    yield made
    made.close()


def test_another_process_has_all_of_it(memory: SessionMemory) -> None:
    memory.logs[0][:5] = b"hello"
    memory.logs[1][-5:] = b"error"
    memory.starts[1][0] = 77
    memory.notes[-1] = 9
    memory.write_record(b"record")
    memory.write_snapshot(Snapshot(123, b"picture"))
    other = SessionMemory.adopt(os.dup(memory.descriptor))
    assert [len(log) for log in other.logs] == list(SIZES)
    assert (bytes(other.logs[0][:5]), bytes(other.logs[1][-5:])) == (b"hello", b"error")
    assert (other.starts[0][0], other.starts[1][0]) == (0, 77)
    assert (len(other.notes), other.notes[-1]) == (NOTES_SIZE, 9)
    assert other.read_record() == b"record"
    assert other.read_snapshot() == (123, b"picture")
    other.close()


def test_of_a_session_that_is_recorded_there_is_a_journal(memory: SessionMemory) -> None:
    assert memory.journal is None
    made = SessionMemory.create(Layout(SIZES, True, True), shared=True)
    assert made.journal is not None
    made.journal.note(Kind.MARKER, b"x")
    made.logs[0][:5] = b"hello"
    made.write_snapshot(Snapshot(123, b"picture"))
    other = SessionMemory.adopt(os.dup(made.descriptor))
    assert other.journal is not None
    assert [entry.data for _, entry in other.journal.entries(0)] == [b"x"]
    assert (bytes(other.logs[0][:5]), other.read_snapshot()) == (b"hello", (123, b"picture"))
    assert other.read_snapshot_offset() == 123
    other.close()
    made.close()


def test_fresh_memory_says_nothing(memory: SessionMemory) -> None:
    assert memory.read_record() == b""
    assert memory.read_snapshot() == (0, b"")
    assert bytes(memory.notes) == bytes(NOTES_SIZE)


def test_a_record_is_the_old_or_the_new_one(memory: SessionMemory) -> None:
    memory.write_record(b"old")
    other = SessionMemory.adopt(os.dup(memory.descriptor))
    before = bytes(memory._view[:4096])
    memory.write_record(b"the new one")
    after = bytes(memory._view[:4096])
    # The header is written byte by byte: whatever of it was written when the process died, one record counts.
    for done in range(4096):
        at = 4096 - done
        memory._view[:4096] = before[:at] + after[at:]
        assert other.read_record() == b"old" if before[128] == memory._view[128] else b"the new one"
    other.close()


@pytest.mark.parametrize("size", [MAX_RECORD + 1, 2 * MAX_RECORD])
def test_what_is_too_long_changes_nothing(memory: SessionMemory, size: int) -> None:
    assert memory.write_record(b"fits")
    assert not memory.write_record(b"x" * size)
    assert memory.read_record() == b"fits"
    assert not memory.write_snapshot(Snapshot(1, b"x" * (MAX_SNAPSHOT + 1)))
    assert memory.read_snapshot() == (0, b"")


def test_nothing_else_is_taken_for_it(memory: SessionMemory) -> None:
    for text in (b"", b"short", b"x" * 100_000):
        descriptor = os.memfd_create("else")
        os.write(descriptor, text)
        with pytest.raises(SessionError):
            SessionMemory.adopt(descriptor)
        os.close(descriptor)
    os.ftruncate(memory.descriptor, 100_000)
    with pytest.raises(SessionError, match="whole"):
        SessionMemory.adopt(memory.descriptor)


def test_memory_of_this_process_alone_has_no_descriptor() -> None:
    alone = SessionMemory.create(Layout(SIZES, False), shared=False)
    assert alone.descriptor == -1
    alone.logs[0][:1] = b"x"
    alone.close()
    alone.close()


def test_logs_have_room_for_what_comes_after_they_are_full() -> None:
    out, err = layout(100, tty=False).logs
    assert out == err == MIN_LOG + 2 * MAX_PIECE
    out, err = layout(1_000_000, tty=True).logs
    assert out >= 2 * (1_000_000 + MAX_PIECE)
    assert err <= 4096


def resident(memory: SessionMemory) -> int:
    """Bytes of the file that there are pages for."""
    return os.fstat(memory.descriptor).st_blocks * 512


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 9), (40_000, 50_000), (60_000, 70_000), (65_536, 131_072)])
def test_pages_without_output_are_given_back(number: int, start: int, end: int) -> None:
    made = SessionMemory.create(Layout((65_536, 65_536), False), shared=True)
    for log in made.logs:
        log[:] = bytes(range(256)) * 256
    before, whole = resident(made), bytes(made.logs[number])
    made.give_back(number, start=start, end=end)
    kept = {at % 65_536 for at in range(start, end)}
    assert all(made.logs[number][at] == whole[at] for at in kept)
    assert bytes(made.logs[1 - number]) == whole, "the other log is left alone"
    assert before - resident(made) >= 65_536 - len(kept) - 3 * mmap.PAGESIZE
    made.logs[number][:] = whole
    assert resident(made) == before, "and they are there again when they are written to"
    made.close()


def test_that_a_picture_is_given_up_is_known_to_later_servers(memory: SessionMemory) -> None:
    found = []
    for happens in ("late", "saved", "late", "late", "saved"):
        if happens == "late":
            memory.blame_picture(False)
        else:
            memory.write_snapshot(Snapshot(1, b""))
        other = SessionMemory.adopt(os.dup(memory.descriptor))
        found.append(other.is_picture_given_up)
        other.close()
    # Late once is the machine; late again at other output, too; at the same output it is the output.
    assert found == [False, False, False, True, True]


def test_one_fault_is_enough(memory: SessionMemory) -> None:
    memory.blame_picture(True)
    memory.blame_picture(True)
    assert memory.is_picture_given_up
