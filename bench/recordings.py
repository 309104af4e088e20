"""A long recording: what it takes on the disk, what writing it costs, and how long a jump into it takes.

    python -m bench.recordings [--mib 1024] [--hours 8]

Ends with 1 when a bar is missed.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.provision.say import say
from whale.model.limits import RECORDING_CHUNK
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.header import About, make_header
from whale.recording.reader import RecordingReader
from whale.recording.writer import RecordingWriter

JUMP = 0.5
"""Seconds that a jump may take."""

SIZE = 0.15
"""Part of the recorded bytes that may be on the disk."""

_FLUSH = 8 * 1024
"""Recorded bytes between two writes."""

_ID = "0" * 32


def main() -> int:
    """Measure, and say whether the bars hold."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="whale-bench-") as name:
        directory = Path(name) / _ID
        took, raw, stored = _write(directory, size=options.mib << 20, length=int(options.hours * 3_600_000))
        jumps = _jumps(directory)
    part, median, worst = stored / raw, statistics.median(jumps), max(jumps)
    say(f"writing: {took * 1000 / (raw / 2**20):.2f} ms of processor time for a MiB, in pieces of {_FLUSH} bytes")
    say(f"on the disk: {part:.1%} of {raw >> 20} MiB (bar: {SIZE:.0%})")
    say(f"a jump: {median * 1000:.0f} ms, at most {worst * 1000:.0f} ms (bar: {JUMP * 1000:.0f} ms)")
    return int(part > SIZE or worst > JUMP)


def _write(directory: Path, *, size: int, length: int) -> tuple[float, int, int]:
    """Record so many bytes over so many milliseconds; return processor time, and bytes before and on the disk."""
    text = _shell_output()
    about = About(_ID, 0, "bench", True, "output", {"name": "bench"})
    began = time.thread_time()
    writer = RecordingWriter.create(directory, make_header(about, None))
    done = 0
    while done < size:
        at = done % (len(text) - _FLUSH)
        events = [RecordedEvent(done * length // size, Code.OUTPUT, text[at : at + _FLUSH])]
        writer.write(events, {"stdout": done})
        done += _FLUSH
        if writer.size_in_chunk >= RECORDING_CHUNK:
            writer.begin_chunk(KeyFrame(0, 80, 24, b"\x1b[2J" + text[at : at + 4000]))
    writer.finish()
    return time.thread_time() - began, writer.raw, writer.stored


def _shell_output() -> bytes:
    """What a shell shows of this machine's files: listings in colour, as long ones as there are."""
    script = "cd /; for i in usr/lib usr/share etc; do ls -laR --color=always $i; done 2>/dev/null | head -c 64000000"
    return subprocess.run(["sh", "-c", script], capture_output=True, check=False).stdout.replace(b"\n", b"\r\n")


def _jumps(directory: Path) -> list[float]:
    """Jump to moments of all kinds: find the frame, and read from there up to the moment."""
    some, found = random.Random(1), []
    length = RecordingReader(directory).duration()
    for _ in range(50):
        at = some.randrange(length)
        began = time.perf_counter()
        reader = RecordingReader(directory)
        reader.frame(at)
        for event in reader.events(at):
            if event.at > at:
                break
        found.append(time.perf_counter() - began)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="recorded bytes, in MiB (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=8.0, help="length of the recording (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
