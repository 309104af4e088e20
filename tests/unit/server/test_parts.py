from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.access.attempts import Attempts
from whale.audit.event import Kind
from whale.model.errors import ConfigError, WhaleError
from whale.server.config_model import PolicySection
from whale.server.parts import opened_parts
from whale.server.tokens import create
from whale.store.audit import AuditTable
from whale.store.database import Database


async def test_all_parts_know_each_other(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    made = await create(config.store_place, "alice")
    async with opened_parts(config, Attempts()) as parts:
        alice = await parts.broker.authenticate(f"Bearer {made.text.reveal()}")
        assert [container.name for container in await parts.broker.containers(alice, all=True)] == ["web"]
        assert await parts.approvals.list(alice) == []
        parts.audit.trail.server(Kind.STARTED)
    async with opened_parts(config, Attempts()) as parts:
        assert (await parts.audit.table.newest()).seq > 0


async def test_two_servers_never_have_the_same_parts(tmp_path: Path) -> None:
    async with opened_parts(config_for(tmp_path), Attempts()):
        with pytest.raises(WhaleError):
            async with opened_parts(config_for(tmp_path), Attempts()):
                pass


async def test_what_was_noted_is_written_before_the_database_closes(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    async with opened_parts(config, Attempts()) as parts:
        parts.audit.trail.server(Kind.STARTED)
    database = await Database.open(config.store_place)
    newest = await AuditTable(database).newest()
    await database.aclose()
    assert newest.seq == 1


async def test_policies_that_are_wrong_come_before_anything_is_made(tmp_path: Path) -> None:
    broken = tmp_path / "policies"
    broken.mkdir()
    (broken / "a.cedar").write_text("permit(")
    with pytest.raises(ConfigError):
        async with opened_parts(config_for(tmp_path / "state", policy=PolicySection(dir=str(broken))), Attempts()):
            pass
    assert not (tmp_path / "state").exists()
