"""A backup beside whoever writes, and its way back: refused wherever something would be lost by it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.postgres import PostgresServer
from tests.unit.server.settings import config_for
from tests.unit.store.conftest import fill, small_disk
from whale.audit.chain import TrailBroken
from whale.audit.event import Kind, decode_event
from whale.model.errors import ConfigError, UsageError, WhaleError
from whale.server import backup as room
from whale.server import state_lock, tokens
from whale.server.audit import audit_table, verify
from whale.server.backup import backup, backup_to_file, restore
from whale.server.config_model import Config
from whale.server.config_store import StoreSection
from whale.server.state_lock import hold_state_dir

__all__ = ["small_disk"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_for(tmp_path / "state")


@pytest.fixture
def elsewhere(postgres: PostgresServer, tmp_path: Path) -> Iterator[Config]:
    """Settings of a server with PostgreSQL."""
    with postgres.database(is_empty=True) as address:
        section = StoreSection(url=postgres.url(address.database))
        yield config_for(tmp_path / "elsewhere", store=section)


async def kinds(config: Config) -> list[Kind]:
    async with audit_table(config.store_place) as table:
        return [decode_event(row.body).kind for row in await table.after(0)]


async def test_it_moves_from_one_system_to_the_other_and_back(
    config: Config, elsewhere: Config, tmp_path: Path
) -> None:
    for name in ("alice", "bob"):
        await tokens.create(config.store_place, name, groups=["viewer"])
    file = tmp_path / "backup"
    before = os.umask(0)
    try:
        await backup_to_file(config, file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("backup")] == ["backup"]
    found = await restore(elsewhere, file, replace=False)
    assert (found.rows, found.head.seq) == (5, 2)  # two tokens, two events and the mark at the newest
    assert await tokens.list_all(elsewhere.store_place) == await tokens.list_all(config.store_place)
    assert await kinds(elsewhere) == [Kind.TOKEN_CREATED, Kind.TOKEN_CREATED, Kind.RESTORED]
    assert (await verify(elsewhere.store_place, expect=found.head))[1].seq == 3
    await tokens.revoke(elsewhere.store_place, "bob")
    await backup_to_file(elsewhere, file)
    with pytest.raises(UsageError, match="not empty"):
        await restore(config, file, replace=False)
    await restore(config, file, replace=True)
    assert [row.revoked is None for row in await tokens.list_all(config.store_place)] == [True, False]
    assert (await kinds(config))[-2:] == [Kind.TOKEN_REVOKED, Kind.RESTORED]


async def test_nothing_is_restored_under_a_server_that_runs(
    config: Config, elsewhere: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_lock, "PATIENCE", 0.05)
    await tokens.create(config.store_place, "alice")
    await backup_to_file(config, tmp_path / "backup")
    async with hold_state_dir(tmp_path / "state"):
        with pytest.raises(ConfigError, match="another whale-server runs"):
            await restore(config, tmp_path / "backup", replace=True)
    assert await kinds(config) == [Kind.TOKEN_CREATED]
    monkeypatch.setattr("whale.store.postgres_hold.PATIENCE", 0.05)
    async with room._opened(elsewhere) as database, database.held():
        with pytest.raises(ConfigError, match="another whale-server uses"):
            await restore(elsewhere, tmp_path / "backup", replace=True)
    assert await kinds(elsewhere) == []


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:10], lambda data: data.replace(b"alice", b"bobby")]
)
async def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    config: Config, tmp_path: Path, damage: object
) -> None:
    await tokens.create(config.store_place, "alice")
    await backup_to_file(config, tmp_path / "backup")
    data = (tmp_path / "backup").read_bytes()
    (tmp_path / "backup").write_bytes(damage(data))  # type: ignore[operator]
    empty = config_for(tmp_path / "empty")
    with pytest.raises(UsageError):
        await restore(empty, tmp_path / "backup", replace=True)
    assert not (tmp_path / "empty").exists()


async def test_a_file_that_changes_while_it_is_restored_changes_nothing(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tokens.create(config.store_place, "alice")
    file = tmp_path / "backup"
    await backup_to_file(config, file)
    await tokens.create(config.store_place, "bob")
    check = room._check

    def cut(lines: Iterator[bytes]) -> str:
        made = check(lines)
        file.write_bytes(file.read_bytes()[:-1])
        return made

    monkeypatch.setattr(room, "_check", cut)
    with pytest.raises(UsageError, match="cut short"):
        await restore(config, file, replace=True)
    assert len(await tokens.list_all(config.store_place)) == 2


async def test_a_trail_that_did_not_hold_is_said(config: Config, tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        await tokens.create(config.store_place, name)
    async with room._opened(config) as database, database.write() as connection:
        await connection.execute(text("UPDATE audit_events SET principal = 'mallory' WHERE seq = 2"))
    await backup_to_file(config, tmp_path / "backup")
    with pytest.raises(TrailBroken, match="event 2"):
        await restore(config_for(tmp_path / "new"), tmp_path / "backup", replace=False)
    assert len(await tokens.list_all(tmp_path / "new")) == 2, "but all is there"


async def test_a_backup_takes_the_place_of_an_earlier_one_when_it_is_whole(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    await backup_to_file(config, file)
    first = file.read_bytes()
    await tokens.create(config.store_place, "alice")

    async def fail(*_: object) -> None:
        raise OSError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(room, "backup", fail)
        with pytest.raises(WhaleError, match="can't be written"):
            await backup_to_file(config, file)
    assert file.read_bytes() == first
    await backup_to_file(config, file)
    assert len(file.read_bytes()) > len(first)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("backup")] == ["backup"]


async def test_a_full_disk_under_the_backup(config: Config, small_disk: Path) -> None:
    await tokens.create(config.store_place, "alice")
    filler = fill(small_disk)
    with pytest.raises(WhaleError, match="the backup can't be written"):
        await backup_to_file(config, small_disk / "backup")
    assert [path.name for path in small_disk.iterdir()] == [filler.name]


async def test_files_that_are_not_there(config: Config, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        await restore(config, tmp_path / "nothing", replace=False)
    with pytest.raises(WhaleError, match="can't be written"):
        await backup_to_file(config, tmp_path / "no" / "such")


async def test_it_can_go_anywhere(config: Config, tmp_path: Path) -> None:
    pieces: list[bytes] = []
    await backup(config, pieces.append)
    (tmp_path / "backup").write_bytes(b"".join(pieces))
    assert (await restore(config_for(tmp_path / "new"), tmp_path / "backup", replace=False)).rows == 0
