"""A file of lines: appended, rotated, cut, full."""

import asyncio
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale.audit.file_sink import FileSink
from whale.model.errors import TransportError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


async def test_appends_lines_for_its_user_alone(file: Path) -> None:
    sink = FileSink(file)
    await sink.deliver(["a", "é"])
    await sink.deliver(["c"])
    await sink.aclose()
    await sink.aclose()
    assert file.read_text() == "a\né\nc\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("rotate", ["rename", "remove", "replace", "truncate"])
async def test_follows_who_rotates_it(file: Path, rotate: str) -> None:
    sink = FileSink(file)
    await sink.deliver(["a"])
    match rotate:
        case "rename":
            file.rename(file.with_suffix(".1"))
        case "remove":
            file.unlink()
        case "replace":
            file.rename(file.with_suffix(".1"))
            file.touch()
        case _:
            file.write_bytes(b"")
    await sink.deliver(["b"])
    await sink.aclose()
    assert file.read_text() == "b\n"


async def test_a_line_that_was_cut_does_not_run_into_the_next(file: Path) -> None:
    file.write_text('a\n{"half')
    sink = FileSink(file)
    await sink.deliver(["b"])
    await sink.aclose()
    assert file.read_text().splitlines() == ["a", '{"half', "b"]


async def test_what_can_not_be_written_is_said_and_comes_again(file: Path, tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "no" / "such" / "place")
    with pytest.raises(TransportError, match="can't be written"):
        await sink.deliver(["a"])
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(TransportError):
        await FileSink(tmp_path / "link").deliver(["a"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "whale-test", str(place)], check=True, timeout=10)
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=10)


async def test_a_full_disk_leaves_no_half_delivery(small_disk: Path) -> None:
    sink = FileSink(small_disk / "audit.jsonl")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(32 * 1024))
    await sink.deliver(["a"])
    with pytest.raises(TransportError):
        await sink.deliver(["x" * 1000] * 60)
    assert (small_disk / "audit.jsonl").read_text() == "a\n"
    filler.unlink()
    await sink.deliver(["b"])
    await sink.aclose()
    assert (small_disk / "audit.jsonl").read_text() == "a\nb\n"


async def test_one_that_is_closed_meanwhile_writes_whole_lines(file: Path) -> None:
    sink = FileSink(file)
    task = asyncio.get_running_loop().create_task(sink.deliver(["x" * 100_000] * 20))
    await asyncio.sleep(0)
    task.cancel()
    await sink.deliver(["last"])
    await sink.aclose()
    assert {len(line) for line in file.read_text().splitlines()} <= {100_000, 4}
    assert file.read_text().endswith("last\n") or "last\n" in file.read_text()
