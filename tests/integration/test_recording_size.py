"""What recordings of shells take on the disk, written as servers write them, flush by flush.

Six in every run; with WHALE_SOAK=1 forty, which may not take more than 15 % of what was recorded. Of few and short ones
it varies by a few hundredths.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.engines import docker_engine
from tests.recording_events import header, output
from tests.shell_recordings import ShellRecording, record_shells
from whale.engine.open import open_engine
from whale.model.limits import RECORDING_CHUNK, RECORDING_DELAY
from whale.recording.event import KeyFrame
from whale.recording.reader import RecordingReader
from whale.recording.writer import RecordingWriter
from whale.screen.screens import open_screen

SOAK = bool(os.environ.get("WHALE_SOAK"))
COUNT = 40 if SOAK else 6
BAR = 0.15 if SOAK else 0.18


async def _shells() -> list[ShellRecording]:
    real = await asyncio.to_thread(docker_engine)
    with real.container("whale/dev") as box:
        engine = open_engine(real.url, name="docker")
        try:
            return await record_shells(engine, await engine.container(box), COUNT)
        finally:
            await engine.aclose()


def _write(directory: Path, shell: ShellRecording) -> RecordingWriter:
    writer = RecordingWriter.create(directory, header())
    screen = open_screen(shell.size, blame=lambda _fault: None)
    assert screen is not None
    for flush in shell.flushes(int(RECORDING_DELAY * 1000)):
        writer.write(
            [output(at, data) for at, data in flush], {"stdout": writer.raw, "stderr": 0, "journal": writer.raw}
        )
        screen.feed(b"".join(data for _, data in flush))
        if writer.size_in_chunk >= RECORDING_CHUNK:
            writer.begin_chunk(KeyFrame(0, shell.size.cols, shell.size.rows, screen.repaint()))
    screen.close()
    writer.finish()
    return writer


@pytest.mark.timeout(600)
def test_a_seventh_of_what_was_recorded_is_on_the_disk(tmp_path: Path) -> None:
    raw: dict[str, int] = {}
    stored: dict[str, int] = {}
    for number, shell in enumerate(asyncio.run(_shells())):
        directory = tmp_path / str(number)
        writer = _write(directory, shell)
        data = b"".join(data for _, data in shell.pieces)
        assert b"".join(event.data for event in RecordingReader(directory).events()) == data
        assert sum(path.stat().st_size for path in directory.iterdir()) == writer.stored
        raw[shell.kind] = raw.get(shell.kind, 0) + writer.raw
        stored[shell.kind] = stored.get(shell.kind, 0) + writer.stored
    parts = ", ".join(f"{kind} {stored[kind] / raw[kind]:.1%} of {raw[kind]}" for kind in raw)
    print(f"{sum(stored.values()) / sum(raw.values()):.1%} of {sum(raw.values())} bytes: {parts}")
    assert sum(stored.values()) <= BAR * sum(raw.values()), parts
