"""Strategies and tools of the property tests."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.limits import MAX_WINDOW
from whale.model.purpose import MAX_PURPOSE
from whale.model.role import Role
from whale.model.terminal import MAX_CELLS, TerminalSize
from whale.wire.fields import MAX_OFFSET
from whale.wire.messages import (
    Failure,
    Gap,
    InputAck,
    Notice,
    Opened,
    OutputAck,
    RoleChange,
    SignalRequest,
    Status,
    WaitingForApproval,
)
from whale.wire.requests import Attach, Join, Open, Progress

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
WINDOWS = st.integers(min_value=0, max_value=MAX_WINDOW)
OFFSETS = st.integers(min_value=0, max_value=MAX_OFFSET)
SIZES = st.builds(
    TerminalSize, cols=st.integers(min_value=1, max_value=MAX_CELLS), rows=st.integers(min_value=1, max_value=MAX_CELLS)
)
SPECS = st.builds(
    ExecSpec,
    command=st.lists(TEXT, max_size=5).map(tuple),
    tty=st.booleans(),
    stdin=st.booleans(),
    user=TEXT,
    env=st.dictionaries(TEXT, TEXT, max_size=5).map(lambda env: tuple(env.items())),
    workdir=TEXT,
    privileged=st.booleans(),
    size=st.none() | SIZES,
)
ATTACHMENTS = st.text("0123456789abcdef", min_size=32, max_size=32)
NAMES = st.text("abzAZ059_.-", min_size=1, max_size=64)
ROLES = st.sampled_from(Role)
REASONS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=MAX_PURPOSE)
OPENS = st.builds(
    Open,
    container=TEXT.filter(bool),
    spec=SPECS,
    stdout_window=WINDOWS,
    stderr_window=WINDOWS,
    attachment=st.just("") | ATTACHMENTS,
    name=st.just("") | NAMES,
    reason=REASONS,
)
JOINS = st.builds(
    Join,
    session=NAMES,
    role=ROLES,
    attachment=ATTACHMENTS,
    stdout_window=WINDOWS,
    stderr_window=WINDOWS,
    size=st.none() | SIZES,
    reason=REASONS,
)
PROGRESSES = st.tuples(OFFSETS, OFFSETS).map(lambda pair: Progress(max(pair), min(pair)))
ATTACHES = st.builds(
    Attach,
    attachment=ATTACHMENTS,
    stdout=PROGRESSES,
    stderr=PROGRESSES,
    stdout_window=WINDOWS,
    stderr_window=WINDOWS,
    size=st.none() | SIZES,
    screen=st.booleans(),
)
PLAIN_OPENEDS = st.tuples(TEXT, TEXT, TEXT, OFFSETS).map(lambda values: Opened(*values))
KEPT_OPENEDS = st.tuples(
    TEXT, TEXT, TEXT, OFFSETS, st.integers(1, 10**6), PROGRESSES, st.booleans(), OFFSETS, OFFSETS
).map(lambda values: Opened(*values))
JOINED_OPENEDS = st.builds(
    lambda opened, role, answers, replay, screen: opened._replace(
        role=role, answers=answers, joined=True, replay=replay, screen=screen
    ),
    KEPT_OPENEDS, ROLES, st.booleans(), OFFSETS, st.booleans(),
)  # fmt: skip
OPENEDS = PLAIN_OPENEDS | KEPT_OPENEDS | JOINED_OPENEDS
WAITINGS = st.builds(WaitingForApproval, approval=TEXT, seconds=OFFSETS)
GAPS = st.builds(Gap, stdout=OFFSETS, stderr=OFFSETS)
ROLE_CHANGES = st.builds(RoleChange, role=ROLES, answers=st.booleans())
OUTPUT_ACKS = st.builds(OutputAck, stdout=OFFSETS, stderr=OFFSETS, status=st.booleans())
INPUT_ACKS = st.builds(InputAck, stdin=OFFSETS)
SIGNALS = st.builds(SignalRequest, signal=st.sampled_from(Signal))
FAILURES = st.builds(Failure, code=TEXT, message=TEXT, hint=TEXT)
NOTICES = st.builds(Notice, code=TEXT, message=TEXT)
REAL = st.builds(
    Status, st.builds(ExitStatus, st.integers(0, 255), st.just("")), st.just(""), stdout=OFFSETS, stderr=OFFSETS
)
LOST = st.builds(Status, st.builds(ExitStatus, st.none(), TEXT), TEXT, stdout=OFFSETS, stderr=OFFSETS)
STATUSES = REAL | LOST


@st.composite
def pieces_of(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Cut data into pieces at any places; some may be empty."""
    cuts = draw(st.lists(st.integers(min_value=0, max_value=len(data)), max_size=12).map(sorted))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


T = TypeVar("T")


def outcome(feed: Callable[[bytes], list[T]], pieces: Sequence[bytes], error: type[Exception]) -> tuple[list[T], str]:
    """Feed pieces until the end or an error; return what came out, and the error. One feed of nothing is added."""
    found: list[T] = []
    try:
        for piece in [*pieces, b""]:
            found += feed(piece)
    except error as caught:
        return found, str(caught)
    return found, ""
