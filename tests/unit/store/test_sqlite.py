"""SQLite on real files: modes, locks, damage, full disks."""

import asyncio
import os
import sqlite3
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from tests.unit.store.conftest import fill
from whale.model.errors import WhaleError
from whale.store import sqlite as room
from whale.store.database import Database
from whale.store.files import FILE_NAME
from whale.store.schema import tokens

ROW = {"id": "a" * 12, "name": "alice", "digest": b"d" * 32, "created": 1}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_files(place: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [name for name in found if name.startswith(str(place))]


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(tokens.c.name))).scalars())


async def test_others_are_kept_out_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = await Database.open(tmp_path / "a" / "state")
        async with database.write() as connection:
            await connection.execute(insert(tokens).values(ROW))
        state = tmp_path / "a" / "state"
        modes = {path.name: mode_of(path) for path in state.iterdir()}
        await database.aclose()
    finally:
        os.umask(before)
    assert mode_of(state) == 0o700
    assert modes == {FILE_NAME: 0o600, f"{FILE_NAME}-wal": 0o600, f"{FILE_NAME}-shm": 0o600}


async def test_a_lock_that_lasts_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PRAGMAS", ("PRAGMA busy_timeout = 50", *room._PRAGMAS[1:]))
    database = await Database.open(tmp_path / "state")
    holder = sqlite3.connect(tmp_path / "state" / FILE_NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(WhaleError, match="in use") as caught:
        async with database.write():
            pass
    assert caught.value.code == "server.database"
    await database.ping()
    holder.execute("ROLLBACK")
    holder.close()
    async with database.write() as connection:
        await connection.execute(insert(tokens).values(ROW))
    await database.aclose()


async def test_a_cancelled_query_gives_its_connection_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PRAGMAS", ("PRAGMA busy_timeout = 500", *room._PRAGMAS[1:]))
    database = await Database.open(tmp_path / "state")
    holder = sqlite3.connect(tmp_path / "state" / FILE_NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with asyncio.timeout(0.02), database.write() as connection:
            await connection.execute(insert(tokens).values(ROW))

    for _ in range(2 * room.POOL_SIZE):
        with pytest.raises(TimeoutError):
            await write()
    holder.execute("ROLLBACK")
    holder.close()
    async with asyncio.timeout(5):
        async with database.write() as connection:
            await connection.execute(insert(tokens).values(ROW))
        assert await names(database) == ["alice"]
    await database.aclose()


async def test_a_full_disk_is_said_and_outlived(small_disk: Path) -> None:
    state = small_disk / "state"
    database = await Database.open(state)
    async with database.write() as connection:
        await connection.execute(insert(tokens).values(ROW))
    filler = fill(small_disk)

    async def write_on() -> None:
        for number in range(100):  # what is left in the log file may take some rows more
            async with database.write() as connection:
                row = {**ROW, "id": str(number), "name": str(number), "digest": bytes(4000)}
                await connection.execute(insert(tokens).values(row))

    with pytest.raises(WhaleError, match="can't write") as caught:
        await write_on()
    assert caught.value.code == "server.disk_full"
    assert str(small_disk) not in caught.value.message + caught.value.hint
    assert "alice" in await names(database)
    filler.unlink()
    async with database.write() as connection:
        await connection.execute(insert(tokens).values({**ROW, "id": "later", "name": "later"}))
    assert "later" in await names(database)
    await database.aclose()


async def test_a_full_disk_at_the_first_start(small_disk: Path) -> None:
    fill(small_disk)
    for _ in range(2):
        with pytest.raises(WhaleError) as caught:
            await Database.open(small_disk / "state")
        assert caught.value.code == "server.disk_full"
        assert caught.value.hint
    (small_disk / "filler").unlink()
    await (await Database.open(small_disk / "state")).aclose()


async def test_a_full_disk_at_a_later_start(small_disk: Path) -> None:
    await (await Database.open(small_disk / "state")).aclose()
    filler = fill(small_disk)
    with pytest.raises(WhaleError) as caught:
        await Database.open(small_disk / "state")
    assert caught.value.code == "server.disk_full"
    assert open_files(small_disk) == []
    filler.unlink()
    await (await Database.open(small_disk / "state")).aclose()


async def test_a_full_disk_under_an_empty_file(small_disk: Path) -> None:
    state = small_disk / "state"
    state.mkdir(mode=0o700)
    (state / FILE_NAME).touch(mode=0o600)
    fill(small_disk)
    with pytest.raises(WhaleError) as caught:
        await Database.open(state)
    assert caught.value.code == "server.disk_full"
    assert open_files(small_disk) == []


async def test_a_database_that_can_not_be_opened_is_let_go_of(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert open_files(tmp_path)
    await database.aclose()
    with pytest.raises(WhaleError, match="newer version"):
        await Database.open(tmp_path)
    assert open_files(tmp_path) == []


async def test_a_file_system_that_turned_read_only(small_disk: Path) -> None:
    database = await Database.open(small_disk / "state")
    await database.aclose()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True, timeout=10)
    with pytest.raises(WhaleError) as caught:
        await Database.open(small_disk / "state")
    assert caught.value.code == "server.disk_full"


async def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(WhaleError, match="damaged") as caught:
        await Database.open(tmp_path)
    assert caught.value.code == "server.database"
    assert "backup" in caught.value.hint
    assert open_files(tmp_path) == []


async def test_too_many_readers_wait_and_then_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "POOL_SIZE", 1)
    monkeypatch.setattr(room, "POOL_TIMEOUT", 0.05)
    database = await Database.open(tmp_path / "state")
    async with database.read():
        with pytest.raises(WhaleError) as caught:
            await database.ping()
    assert caught.value.code == "server.database"
    await database.ping()
    await database.aclose()
