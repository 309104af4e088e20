"""A database of each kind, and a file system small enough to fill."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from whale.store.database import Database
from whale.store.place import StorePlace


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorePlace]:
    """Where a database of the test's own is: every test that asks for it runs with both systems."""
    if request.param == "sqlite":
        yield tmp_path / "state"
        return
    with request.getfixturevalue("postgres").database() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorePlace]:
    """Where nothing is yet."""
    if request.param == "sqlite":
        yield tmp_path / "state"
        return
    with request.getfixturevalue("postgres").database(is_empty=True) as address:
        yield address


@pytest.fixture
async def database(place: StorePlace) -> AsyncIterator[Database]:
    opened = await Database.open(place)
    yield opened
    await opened.aclose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 512 KiB. Needs the right to mount: without it the test fails."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "whale-test", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if mounted.returncode != 0:
        pytest.fail(f"a full disk needs a file system to fill: {mounted.stderr}")
    yield place
    unmounted = subprocess.run(["umount", str(place)], capture_output=True, text=True, timeout=10, check=False)
    if unmounted.returncode != 0:
        subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=10)
        pytest.fail(f"something still has a file open there: {unmounted.stderr}")


def fill(place: Path) -> Path:
    """Write until nothing more fits; returns the file to delete to make room again."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (65536, 4096, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue
    return filler
