"""A search in many recordings: how long the first hits take, how large the index is, what making it costs.

    python -m bench.recordings_search [--recordings 10000] [--kib 1024] [--keep DIRECTORY]

With a directory that has an index of it already, that is searched. Ends with 1 when the bar is missed; what is not
found within the time that a server takes for a search is only said.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.search_corpus import Corpus
from scripts.provision.say import say
from whale.broker.recording_search import PATIENCE
from whale.recording.index import FULL, IndexSearch, shard_files
from whale.recording.search_query import SearchQuery
from whale.recording.shard import Part, Shard
from whale.recording.text import OUTPUT, RecordingText, SpokenLine, spoken_lines
from whale.recording.text_block import in_blocks, lines_of

FIRST = 1.0
"""Seconds that the first hits may take."""

HITS = 50
_FLUSH = 8 * 1024
_TICK = 0.005
_BESIDE = 5.0
_SPACE = 100
"""Seeds of the files of one process stand apart from those of another by their numbers."""


def main() -> int:
    """Measure, and say whether the bar holds."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="whale-bench-") as name:
        directory = Path(options.keep or name)
        directory.mkdir(exist_ok=True)
        if not shard_files(directory):
            _make(directory, recordings=options.recordings, size=options.kib * 1024)
        files = shard_files(directory)
        stored = sum(path.stat().st_size for path in files)
        raw = options.recordings * options.kib * 1024
        say(f"the index: {stored / 1e6:.0f} MB in {len(files)} files, {stored / raw:.1%} of {raw / 1e9:.1f} GB")
        worst = max(_search(directory, text) for text in _queries(files))
    for what, text in (("nothing", ""), ("a search that finds little", "author trace")):
        median, late = asyncio.run(_lateness(directory, text))
        say(f"a timer beside {what} is late by {median * 1000:.1f} ms, p99 {late * 1000:.1f} ms")
    say(f"the slowest first hits: {worst * 1000:.0f} ms (bar: {FIRST * 1000:.0f} ms)")
    return int(worst > FIRST)


def _make(directory: Path, *, recordings: int, size: int) -> None:
    """Make the files of the index with as many processes as there are processors."""
    count = os.cpu_count() or 1
    began = time.perf_counter()
    with multiprocessing.Pool(count) as pool:
        work = [(directory, number, count, recordings, size) for number in range(count)]
        spent = pool.starmap(_make_some, work)
    raw = recordings * size
    say(f"made in {time.perf_counter() - began:.0f} s with {count} processes")
    for what, seconds in zip(("reading as text", "indexing"), map(sum, zip(*spent, strict=True)), strict=True):
        say(f"{what}: {seconds:.0f} s of processor time, {raw / 1e6 / seconds:.1f} MB/s")


def _make_some(directory: Path, number: int, count: int, recordings: int, size: int) -> tuple[float, float]:
    reading = indexing = 0.0
    shard: Shard | None = None
    made = 0
    for seed in range(number, recordings, count):
        output = list(Corpus(seed).output(size))
        began = time.thread_time()
        blocks = list(in_blocks(_text(output)))
        between = time.thread_time()
        if shard is None or shard.blocks() >= FULL:
            made += 1
            shard = Shard(directory / f"{made * _SPACE + number:06}.db", is_writing=True)
        shard.add(Part(f"{seed:032x}", 0, is_last=True), blocks)
        reading, indexing = reading + between - began, indexing + time.thread_time() - between
    return reading, indexing


def _text(output: list[bytes]) -> Iterator[SpokenLine]:
    data = b"".join(output)
    events = ((at // 8, OUTPUT, data[at : at + _FLUSH]) for at in range(0, len(data), _FLUSH))
    return spoken_lines(RecordingText(), events)


def _queries(files: list[Path]) -> list[str]:
    """Words that are everywhere, rare, together in a line, in one block but not in one line, and nowhere."""
    oldest = Shard(files[0])
    lines = [line.text for line in lines_of(oldest.rows(1))]
    oldest.close()
    commit = next((line.split()[1] for line in lines if line.startswith("commit")), "nothing")
    longest = max((word for line in lines for word in line.split() if word.isalpha()), key=len)
    return [
        *("info", commit, commit[:12], f'"{lines[0]}"', "warning unused", '"building cxx"', "commit warning", longest),
        *("ba", "zzzzqqqq", "info took 777ms", "author trace", f"{longest} {commit[:8]}"),
    ]


def _search(directory: Path, text: str) -> float:
    """Search as a server does, up to a page of hits; return the seconds up to the first ones."""
    began = time.perf_counter()
    search = IndexSearch(directory, SearchQuery(text), deadline=time.monotonic() + PATIENCE)
    found, first = 0, 0.0
    while found < HITS and (candidates := search.candidates()):
        for recording in candidates:
            hits = search.hits(recording, limit=10)
            found += len(hits)
            first = first or (time.perf_counter() - began if hits else 0.0)
            if found >= HITS:
                break
    search.close()
    took, cut = time.perf_counter() - began, ", and cut off" if search.is_late else ""
    say(f"{text[:60]!r}: {found} hits, the first after {first * 1000:.0f} ms, all after {took * 1000:.0f} ms{cut}")
    return first


async def _lateness(directory: Path, text: str) -> tuple[float, float]:
    """How late the event loop is that a search is made beside, in a thread."""

    def search() -> None:
        if not text:
            time.sleep(_BESIDE)
            return
        search = IndexSearch(directory, SearchQuery(text), deadline=time.monotonic() + _BESIDE)
        while candidates := search.candidates():
            for recording in candidates:
                search.hits(recording, limit=10)
        search.close()

    late: list[float] = []
    task = asyncio.get_running_loop().run_in_executor(None, search)
    while not task.done():
        began = time.perf_counter()
        await asyncio.sleep(_TICK)
        late.append(time.perf_counter() - began - _TICK)
    await task
    late.sort()
    return statistics.median(late), late[len(late) * 99 // 100]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--kib", type=int, default=1024)
    parser.add_argument("--keep", default="", help="where the index is, or is to be left")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
