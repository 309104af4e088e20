"""A repaint shows what a terminal shows that was never away.

xterm.js, which shares no code with the emulator, is fed a recording in full. Another one, left in some other state,
gets a repaint in the midst of it and then the rest. Both must be the same cell by cell, cursor, modes and all, right
after the repaint and at the end. With WHALE_SOAK=1 a hundred recordings are compared, otherwise twenty.
"""

import asyncio
import os
import random
from collections.abc import Iterator

import pytest

from scripts.provision.paths import CACHE
from tests.engines import docker_engine
from tests.random_output import random_output
from tests.terminal_recordings import KINDS, Recording, record
from tests.xterm_terminal import State, XtermTerminals, differences, xterm_terminals
from whale.engine.open import open_engine
from whale.model.terminal import TerminalSize
from whale.screen.screens import open_screen

EACH = 20 if os.environ.get("WHALE_SOAK") else 4
NAMES = [(kind, seed) for kind in KINDS for seed in range(EACH)]
AT_ONCE = 6
KEPT = CACHE / "recordings"


@pytest.fixture(scope="module")
def terminals() -> Iterator[XtermTerminals]:
    with xterm_terminals() as running:
        yield running


@pytest.fixture(scope="module")
def recordings() -> dict[tuple[str, int], Recording]:
    """All recordings, made at once in one container."""
    return {(made.kind, made.seed): made for made in asyncio.run(_record_all())}


async def _record_all() -> list[Recording]:
    real = await asyncio.to_thread(docker_engine)
    few = asyncio.Semaphore(AT_ONCE)
    with real.container("whale/dev") as box:
        engine = open_engine(real.url, name="docker")
        try:
            found = await engine.container(box)

            async def one(kind: str, seed: int) -> Recording:
                async with few:
                    return await record(engine, found, kind, seed)

            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(one(kind, seed)) for kind, seed in NAMES]
            return [task.result() for task in running]
        finally:
            await engine.aclose()


@pytest.mark.parametrize(("kind", "seed"), NAMES)
def test_a_repaint_equals_never_having_been_away(
    kind: str, seed: int, recordings: dict[tuple[str, int], Recording], terminals: XtermTerminals
) -> None:
    recording = recordings[kind, seed]
    chance = random.Random(f"cut {recording.name}")
    cut = chance.randrange(len(recording.output) + 1)
    head, rest = recording.output[:cut], recording.output[cut:]
    away = terminals.run(recording.size, [head, rest])
    back = terminals.run(recording.size, [_left_behind(chance, recording.size), repaint_of(recording.size, head), rest])
    for moment, one, other in zip(("at the cut", "at the end"), away, back[1:], strict=True):
        found = differences(compared(one), compared(other))
        if found:
            KEPT.mkdir(parents=True, exist_ok=True)
            kept = KEPT / f"{kind}-{seed}.bin"
            kept.write_bytes(recording.output)
            shown = "\n  ".join(found[:10])
            pytest.fail(
                f"{recording.name}, {recording.size}, cut at {cut}, {moment}: {len(found)} differences; recording kept"
                f" in {kept}\n  {shown}"
            )


def repaint_of(size: TerminalSize, output: bytes) -> bytes:
    """What a screen that was fed with output sends to who comes back."""
    faults: list[str] = []
    screen = open_screen(size, blame=lambda _fault: faults.append("the emulator ended at this"))
    assert screen is not None
    try:
        screen.feed(output)
        return screen.repaint()
    finally:
        screen.close()
        assert not faults


def _left_behind(chance: random.Random, size: TerminalSize) -> bytes:
    """Output that leaves a terminal in any state, in the midst of a sequence."""
    modes = b"".join(b"\x1b[?%dh" % number for number in (1, 5, 6, 9, 45, 1003, 1004, 1006, 2004, 2026))
    state = (
        b"\x1b[4h\x1b=\x1b[3;7r\x1b[?7l\x1b[?25l\x1b)0\x0e\x1b[5 q\x1b[1;4;31;42m\x1b[20Gx\x1bH\x1b]2;left behind\x07"
    )
    unfinished = chance.choice(
        (b"\x1b", b"\x1b[3", b"\x1b[38;5;", b"\x1b]2;titl", b"\x1bP+q", b"\xe6\xbc", b"\x1b_Gx", b"")
    )
    return b"".join(random_output(chance, size)) + chance.choice((b"", b"\x1b[?1049h")) + modes + state + unfinished


def compared(state: State) -> State:
    """Everything but which rows are one line: when one is written over, terminals go different ways."""
    for screen in state["screens"].values():
        screen.pop("wrapped", None)
    return state
