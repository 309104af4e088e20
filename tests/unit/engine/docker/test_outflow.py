import mmap
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.engine.docker.notes import Notes, OutputState
from whale.engine.docker.outflow import Outflow, Words
from whale.engine.docker.start import StartPlan, plan_start
from whale.engine.seam import NOTES_SIZE
from whale.model.errors import EngineError
from whale.model.exec import ExecSpec, Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR
FAILED = b"OCI runtime exec failed: exec failed: no\r\n"
PODMAN_FAILED = b"Error: runc: exec failed: no\n"
TRAILER = b"Error: write unixpacket @->/proc/self/fd/16/attach: write: broken pipe\n"
PLAN = plan_start(ExecSpec(command=("x",)), api=(1, 41), kind="docker")
PODMAN = PLAN._replace(kind="podman")
WRAPPED = PLAN._replace(mark=b"mark:")


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


class Rig:
    """An outflow, what came out of it, and what its notes say."""

    def __init__(self, plan: StartPlan = PLAN, *, tty: bool = False, rig: "Rig | None" = None) -> None:
        self.got: dict[Stream, bytes] = rig.got if rig else {OUT: b"", ERR: b""}
        self.memory: memoryview = rig.memory if rig else memoryview(mmap.mmap(-1, NOTES_SIZE))
        self.notes = Notes.read(self.memory) if rig else Notes(self.memory)
        self.flow = Outflow(
            plan, tty=tty, receive=self.receive, notes=self.notes, state=self.notes.output() if rig else None
        )

    def receive(self, stream: Stream, data: bytes) -> None:
        assert data
        self.got[stream] += data

    def feed(self, data: bytes) -> None:
        self.flow.feed(memoryview(data))

    @property
    def noted(self) -> OutputState:
        return Notes.read(self.memory).output()


def test_frames_come_apart_and_are_noted() -> None:
    rig = Rig()
    rig.feed(frame(1, b"out") + frame(2, b"err") + frame(1, b"more")[:10])
    assert rig.got == {OUT: b"outmo", ERR: b"err"}
    assert (rig.flow.total(OUT), rig.flow.total(ERR)) == (5, 3)
    assert rig.noted[:2] == (5, 3)
    assert rig.noted.demux.left == 2
    assert not Notes.read(rig.memory).is_taken
    assert isinstance(rig.flow.fault(), ConnectionResetError)
    rig.feed(b"re")
    assert rig.flow.fault() is None


def test_a_terminal_has_no_frames() -> None:
    rig = Rig(tty=True)
    rig.feed(b"\x01\0\0\0 raw")
    assert rig.got[OUT] == b"\x01\0\0\0 raw"
    assert rig.flow.fault() is None


def test_a_broken_stream_stays_broken() -> None:
    rig = Rig()
    rig.feed(frame(1, b"good") + b"\xff" * 8)
    for one in (rig, Rig(rig=rig)):
        assert one.flow.is_broken
        assert isinstance(one.flow.fault(), EngineError)
        one.feed(frame(1, b"after"))
    assert rig.got[OUT] == b"good"


def test_an_engines_words_are_held_back_until_somebody_decides() -> None:
    rig = Rig()
    rig.feed(frame(1, FAILED))
    assert (rig.got[OUT], rig.flow.held, rig.flow.is_match) == (b"", FAILED, True)
    assert rig.noted.held == FAILED
    successor = Rig(rig=rig)
    assert (successor.flow.held, successor.flow.is_match, successor.flow.is_guarding) == (FAILED, True, True)
    successor.flow.release()
    assert successor.got[OUT] == FAILED
    assert successor.noted == OutputState(stdout=len(FAILED))
    assert Notes.read(rig.memory).is_taken
    assert not successor.flow.is_guarding


def test_what_is_no_output_is_taken_out_and_found_again_by_a_successor() -> None:
    rig = Rig()
    rig.feed(frame(1, FAILED))
    assert rig.flow.take_held() == FAILED
    assert (rig.flow.held, rig.got[OUT]) == (b"", b"")
    assert Rig(rig=rig).flow.held == FAILED


def test_standard_error_proves_that_the_command_runs() -> None:
    rig = Rig()
    rig.feed(frame(1, FAILED) + frame(2, b"e"))
    assert rig.got == {OUT: FAILED, ERR: b"e"}
    assert not rig.flow.is_guarding


def test_podman_says_it_on_standard_error() -> None:
    rig = Rig(PODMAN)
    rig.feed(frame(2, PODMAN_FAILED))
    assert (rig.got[ERR], rig.flow.held) == (b"", PODMAN_FAILED)
    on_terminal = Rig(PODMAN, tty=True)
    on_terminal.feed(PODMAN_FAILED)
    assert on_terminal.flow.held == PODMAN_FAILED


def test_podmans_trailer_is_a_fault_and_noted() -> None:
    rig = Rig(PODMAN)
    rig.feed(frame(1, b"some") + frame(2, b"e\n" + TRAILER))
    successor = Rig(PODMAN, rig=rig)
    for one in (rig, successor):
        assert isinstance(one.flow.fault(), EngineError)
    successor.feed(frame(2, b"!"))
    assert successor.flow.fault() is None
    assert successor.got[ERR] == b"e\n" + TRAILER + b"!"


def test_a_wrappers_words_come_behind_the_echo() -> None:
    rig = Rig(WRAPPED, tty=True)
    rig.flow.await_wrapper()
    assert (rig.noted.words, rig.noted.awaits_echo) == (Words.WRAPPERS, True)
    rig.feed(b"\r")
    successor = Rig(WRAPPED, tty=True, rig=rig)
    successor.feed(b"\nmark:")
    assert (successor.got[OUT], successor.flow.held, successor.flow.is_match) == (b"", b"mark:", True)


def test_what_came_while_the_wrapper_waited_is_looked_at_again() -> None:
    rig = Rig(WRAPPED, tty=True)
    rig.feed(b"OCI")
    rig.flow.await_wrapper()
    assert rig.got[OUT] == b"OCI"


def test_a_login_shell_says_nothing_behind_the_echo() -> None:
    rig = Rig(tty=True)
    rig.flow.await_wrapper()
    rig.feed(b"\r\n$ ")
    assert rig.got[OUT] == b"$ "
    assert rig.noted.words == Words.NOBODYS


def test_after_closing_nothing_is_handed_on_or_noted() -> None:
    rig = Rig()
    rig.feed(frame(1, b"1"))
    before = bytes(rig.memory)
    rig.flow.close()
    rig.feed(frame(1, b"2"))
    assert (rig.got[OUT], bytes(rig.memory)) == (b"1", before)


def test_words_that_nobody_knows_are_refused() -> None:
    with pytest.raises(EngineError):
        Outflow(PLAN, tty=True, receive=lambda stream, data: None, notes=Notes(), state=OutputState(words=3))


def run(plan: StartPlan, tty: bool, pieces: list[bytes], *, is_handed_over: bool) -> tuple[dict[Stream, bytes], bytes]:
    """Feed pieces, each to a successor of the one before."""
    rig = Rig(plan, tty=tty)
    if plan.mark:
        rig.flow.await_wrapper()
    for piece in pieces:
        if is_handed_over:
            rig = Rig(plan, tty=tty, rig=rig)
        if piece:
            rig.feed(piece)
    return rig.got, rig.flow.held


DATA = (
    (PLAN, False, frame(1, b"out") + frame(2, b"err") + frame(1, b"OCI runtime")),
    (PLAN, False, frame(1, FAILED) + frame(2, b"e") + frame(1, b"more")),
    (PLAN, False, frame(1, FAILED)),
    (PODMAN, False, frame(1, b"out") + frame(2, b"e\n" + TRAILER) + frame(2, b"more\n" + TRAILER)),
    (PODMAN, False, frame(2, PODMAN_FAILED)),
    (PLAN, True, FAILED + b"more"),
    (WRAPPED, True, b"\r\nmark:not_found"),
    (WRAPPED, True, b"\r\nhello"),
)


@given(data=st.sampled_from(DATA), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_successors_do_what_one_would_have_done(data: tuple[StartPlan, bool, bytes], cuts: list[int]) -> None:
    plan, tty, said = data
    edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    pieces = [said[start:end] for start, end in pairwise(edges)]
    assert run(plan, tty, pieces, is_handed_over=True) == run(plan, tty, pieces, is_handed_over=False)
