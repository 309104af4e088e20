"""Whatever plays a recording, the last screen is the same, cell by cell: whale, asciinema, and asciinema-player.

With WHALE_SOAK=1 a hundred recordings are compared, otherwise ten. Bytes that are no text are U+FFFD for all of them.
The browser's player has an emulator of its own, which has other widths for rare characters, and other ideas of noise,
than xterm.js; so what it shows is compared with what it shows of the output in one piece, and of programs with xterm.js
too.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.browser_player import Cells, play_in_browser, unlike
from tests.engines import docker_engine
from tests.recording_events import header, output
from tests.terminal_recordings import Recording, record
from tests.xterm_terminal import State, XtermTerminals, differences, xterm_terminals
from whale.client.export import FORMS, as_asciicast_v2
from whale.client.own_copy import CopiedLines
from whale.engine.open import open_engine
from whale.model.terminal import TerminalSize
from whale.recording.event import KeyFrame, RecordedEvent
from whale.recording.lines import unfinished
from whale.recording.writer import RecordingWriter

EACH = 20 if os.environ.get("WHALE_SOAK") else 2
PROGRAMS = ("vim", "htop", "bash")
NAMES = [(kind, seed) for kind in (*PROGRAMS, "unicode", "noise") for seed in range(EACH)]
CASTS = ("asciicast-v3", "asciicast-v2")
SIZE = TerminalSize(cols=80, rows=24)
AT_ONCE = 6
LIMIT = 60.0
"""Seconds that a player may take."""

WORDS = (
    *("naïve", "漢字", "ｆｕｌｌ", "👩\u200d🚀", "🏳️\u200d🌈", "e\u0301", "ก็", "नमस्ते", "مرحبا", "▁▂▃", "\u200b"),
    *("\u00a0", "﷽", "𝒳", "ｶﾞ"),
)
PLAY = """
import sys
from functools import partial
from pathlib import Path
from whale.client.own_copy import open_copy
from whale.client.play import play
sys.exit(play(partial(open_copy, Path(sys.argv[1]), []), speed=10000, idle_limit=0.001))
"""


@pytest.fixture(scope="module")
def terminals() -> Iterator[XtermTerminals]:
    with xterm_terminals() as running:
        yield running


@pytest.fixture(scope="module")
def in_browser(
    recordings: dict[tuple[str, int], Recording], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int, str], Cells | str]:
    """What asciinema-player shows of all of them, in both forms."""
    folder, casts = tmp_path_factory.mktemp("browser"), {}
    for (kind, seed), recording in recordings.items():
        _stored(recording, folder / f"{kind}-{seed}")
        head, text = {"version": 2, "width": recording.size.cols, "height": recording.size.rows}, recording.output
        whole = [head, [0.5, "o", text.decode(errors="replace")]]
        casts[kind, seed, "whole"] = b"\n".join(json.dumps(line).encode() for line in whole)
        for form in CASTS:
            casts[kind, seed, form] = b"".join(FORMS[form](CopiedLines(folder / f"{kind}-{seed}", [])))
    return dict(zip(casts, play_in_browser(list(casts.values()), folder), strict=True))


@pytest.fixture(scope="module")
def recordings() -> dict[tuple[str, int], Recording]:
    """All recordings, made at once in one container."""
    made = asyncio.run(_record_all()) + [_made(kind, seed) for kind, seed in NAMES if kind not in PROGRAMS]
    return {(each.kind, each.seed): each for each in made}


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
                running = [tasks.create_task(one(kind, seed)) for kind, seed in NAMES if kind in PROGRAMS]
            return [task.result() for task in running]
        finally:
            await engine.aclose()


def _made(kind: str, seed: int) -> Recording:
    chance = random.Random(f"{kind}:{seed}")
    if kind == "noise":
        return Recording(kind, seed, SIZE, chance.randbytes(3000))
    text = "".join(chance.choice((*WORDS, " ", "\r\n", "\x1b[7m", "\x1b[m", "\x1b[3C")) for _ in range(600))
    return Recording(kind, seed, SIZE, text.encode())


def _stored(recording: Recording, directory: Path) -> None:
    """Record it in pieces, cut anywhere, in characters and sequences, and in several files."""
    chance, at, place = random.Random(recording.name), 0, 0
    term = msgspec.structs.replace(header().term, cols=recording.size.cols, rows=recording.size.rows)
    writer = RecordingWriter.create(directory, msgspec.structs.replace(header(), term=term))
    while place < len(recording.output):
        events: list[RecordedEvent] = []
        for _ in range(chance.randint(1, 4)):
            piece = recording.output[place : place + chance.choice((1, 7, 100, 3000))]
            place, at = place + len(piece), at + chance.choice((0, 1, 40, 5000))
            events += [output(at, piece)] if piece else []
        while events and unfinished(b"".join(event.data for event in events[-4:])) and place < len(recording.output):
            events.append(output(at, recording.output[place : place + 1]))  # as a session's transcript does
            place += 1
        writer.write(events, {"stdout": place})
        if chance.random() < 0.1:
            writer.begin_chunk(chance.choice((None, KeyFrame(0, 80, 24, b"\x1b[2Jno part of what is played"))))
    writer.finish()


def _run(*command: str, folder: Path) -> bytes:
    environment = {**os.environ, "ASCIINEMA_CONFIG_HOME": str(folder), "LC_ALL": "C.UTF-8"}
    # Without a terminal, whose keys they would wait for.
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, stdin=subprocess.DEVNULL,
        start_new_session=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize(("kind", "seed"), NAMES)
def test_the_last_screens_are_equal(
    kind: str, seed: int, recordings: dict[tuple[str, int], Recording], terminals: XtermTerminals, tmp_path: Path
) -> None:
    recording = recordings[kind, seed]
    _stored(recording, tmp_path / "recording")
    cast = tmp_path / "it.cast"
    cast.write_bytes(b"".join(as_asciicast_v2(CopiedLines(tmp_path / "recording", []))))
    played = {
        "asciinema cat": _run("-m", "asciinema", "cat", str(cast), folder=tmp_path),
        "asciinema play": _run("-m", "asciinema", "play", "-s", "10000", "-i", "0.001", str(cast), folder=tmp_path),
        "whale play": _run("-c", PLAY, str(tmp_path / "recording"), folder=tmp_path),
    }
    before = _last(terminals, recording, recording.output.decode(errors="replace").encode())
    for name, shown in played.items():
        found = differences(before, _last(terminals, recording, shown))
        assert not found, f"{recording.name} by {name}: {len(found)} differences: {found[:10]}"


@pytest.mark.parametrize("form", CASTS)
@pytest.mark.parametrize(("kind", "seed"), NAMES)
def test_a_browser_shows_the_same(
    kind: str,
    seed: int,
    form: str,
    recordings: dict[tuple[str, int], Recording],
    in_browser: dict[tuple[str, int, str], Cells | str],
    terminals: XtermTerminals,
) -> None:
    shown, whole = in_browser[kind, seed, form], in_browser[kind, seed, "whole"]
    assert isinstance(shown, list), shown
    assert shown == whole
    if kind in PROGRAMS:
        recording = recordings[kind, seed]
        state = _last(terminals, recording, recording.output)
        found = list(unlike(state["screens"][state["shown"]]["rows"], shown))
        assert not found, f"{recording.name} as {form}: {len(found)} differences: {found[:10]}"


def _last(terminals: XtermTerminals, recording: Recording, shown: bytes) -> State:
    return terminals.run(recording.size, [shown])[-1]
