"""The sinks that the settings name, fed by a real trail."""

from pathlib import Path

import pytest
from sqlalchemy import text

from whale.audit.chain import TrailBroken
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.audit.recorder import Recorder
from whale.server.audit import audit_table, verify
from whale.server.audit_sinks import finish, let_go_of_files, make_pumps, make_retention, pumping
from whale.server.config_audit import AuditSection


async def test_every_sink_that_is_set_is_made(tmp_path: Path) -> None:
    async with audit_table(tmp_path) as table:
        recorder = Recorder(table)
        assert make_pumps(AuditSection(), table, recorder) == []
        config = AuditSection(file=str(tmp_path / "a"), syslog="udp://127.0.0.1:1", url="https://x.example/")
        assert [pump.name for pump in make_pumps(config, table, recorder)] == ["file", "syslog", "url"]


async def test_what_is_written_last_is_delivered_too(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    async with audit_table(tmp_path / "state") as table:
        recorder = Recorder(table)
        pumps = make_pumps(AuditSection(file=str(file)), table, recorder)
        async with recorder.running():
            async with pumping(pumps):
                await recorder.commit(AuditEvent(time=timestamp(0), kind=Kind.STARTED))
            recorder.note(AuditEvent(time=timestamp(0), kind=Kind.STOPPED))
        await finish(pumps)
        lines = [row.body for row in await table.after(0)]
        assert (await table.mark("sink:file")).seq == 2
    # What was under way when the pump was stopped may come twice.
    assert list(dict.fromkeys(file.read_text().splitlines())) == lines


async def test_a_file_that_was_renamed_is_let_go_of_and_made_anew(tmp_path: Path) -> None:
    file, old = tmp_path / "audit.jsonl", tmp_path / "audit.1"
    async with audit_table(tmp_path / "state") as table:
        recorder = Recorder(table)
        [pump] = pumps = make_pumps(AuditSection(file=str(file)), table, recorder)
        await pump.sink.deliver(["one"])
        file.rename(old)
        held = [link for link in Path("/proc/self/fd").iterdir() if link.exists() and link.samefile(old)]
        assert len(held) == 1
        await let_go_of_files(pumps)
        assert not held[0].exists() or not held[0].samefile(old)
        await pump.sink.deliver(["two"])
        await pump.sink.aclose()
    assert (old.read_text(), file.read_text()) == ("one\n", "two\n")


async def test_the_error_of_the_block_stays_its_own() -> None:
    with pytest.raises(ZeroDivisionError):
        async with pumping([]):
            raise ZeroDivisionError


async def test_what_is_too_old_goes_when_it_was_sent_and_the_trail_holds(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    config = AuditSection(file=str(file), keep=1)
    async with audit_table(tmp_path / "state") as table:
        recorder = Recorder(table)
        pumps = make_pumps(config, table, recorder)
        retention = make_retention(config, table, pumps)
        assert retention is not None
        assert make_retention(AuditSection(), table, pumps) is None
        async with recorder.running():
            for _ in range(5):
                await recorder.commit(AuditEvent(time=timestamp(0), kind=Kind.STARTED))
            assert await retention.prune() == 0
            async with pumping(pumps, retention):
                pass
        await finish(pumps)
        assert await retention.prune() == 5
    assert len(set(file.read_text().splitlines())) == 5
    anchor, head = await verify(tmp_path / "state")
    assert (anchor.seq, head.seq) == (5, 6)
    async with audit_table(tmp_path / "state") as table, table._database.write() as connection:
        await connection.execute(text("DELETE FROM audit_events WHERE kind = 'audit.pruned'"))
    with pytest.raises(TrailBroken):
        await verify(tmp_path / "state")
