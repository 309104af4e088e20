"""The trail beside a server: what operators do is in it, and whether it holds."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.engines import eventually
from tests.unit.server.settings import config_for
from tests.unit.session.conftest import ALLOWED
from whale.audit.chain import TrailBroken
from whale.audit.event import AuditEvent, Kind, decode_event, timestamp
from whale.audit.recorder import Recorder
from whale.broker.trail import Trail
from whale.engine.fake import FakeEngine
from whale.model.audit import NO_EVENT, AuditMark, AuditQuery
from whale.model.exec import ExecSpec
from whale.server import audit as module
from whale.server import tokens
from whale.server.audit import audit_table, follow, note_operator, note_unseen, search, trail_of, verify
from whale.session.registry import Registry


async def written(state_dir: Path) -> list[AuditEvent]:
    async with audit_table(state_dir) as table:
        return [decode_event(row.body) for row in await table.after(0)]


async def test_what_operators_do_with_tokens_is_in_it(tmp_path: Path) -> None:
    made = await tokens.create(tmp_path, "alice", groups=["viewer"])
    await tokens.set_groups(tmp_path, "alice", ["team-x", "developer"])
    await tokens.revoke(tmp_path, "alice")
    created, moved, revoked = await written(tmp_path)
    assert (created.kind, created.name, created.token) == (Kind.TOKEN_CREATED, "alice", made.row.id)
    assert created.groups == ("viewer",)
    assert (moved.kind, moved.name, moved.groups) == (Kind.TOKEN_GROUPS, "alice", ("developer", "team-x"))
    assert (revoked.kind, revoked.name) == (Kind.TOKEN_REVOKED, "alice")
    assert created.source.startswith("local uid ")


async def test_a_trail_can_be_written_without_a_server(tmp_path: Path) -> None:
    async with trail_of(config_for(tmp_path)) as trail:
        trail.server(Kind.STARTED)
    assert [event.kind for event in await written(tmp_path)] == [Kind.STARTED]


async def test_says_that_a_trail_holds_and_where_it_ends(tmp_path: Path) -> None:
    assert await verify(tmp_path) == (NO_EVENT, NO_EVENT)
    for name in ("a", "b", "c"):
        await note_operator(tmp_path, Kind.TOKEN_CREATED, name=name)
    anchor, head = await verify(tmp_path)
    assert (anchor, head.seq) == (NO_EVENT, 3)
    assert await verify(tmp_path, expect=head) == (anchor, head)
    with pytest.raises(TrailBroken, match="event 2 is not the one"):
        await verify(tmp_path, expect=AuditMark(2, "f" * 64))


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE audit_events SET body = replace(body, 'name2', 'name9') WHERE seq = 2", 3),
        ("UPDATE audit_events SET principal = 'x' WHERE seq = 2", 2),
        ("UPDATE audit_events SET at = at + 1 WHERE seq = 4", 4),
        ("DELETE FROM audit_events WHERE seq = 3", 3),
        ("DELETE FROM audit_events WHERE seq >= 4", 4),
        ("DELETE FROM audit_events", 1),
        ("INSERT INTO audit_events SELECT 6, at, kind, principal, action, container, container_id, session, body "
         "FROM audit_events WHERE seq = 5", 6),
        ("UPDATE audit_events SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)", 1),
        ("UPDATE audit_marks SET seq = 4", 5),
        ("DELETE FROM audit_marks", 1),
        ("INSERT INTO audit_marks VALUES ('anchor', 2, 'x')", 3),
    ],
)  # fmt: skip
async def test_what_was_done_to_it_in_the_database_is_found(tmp_path: Path, statement: str, seq: int) -> None:
    for number in range(1, 6):
        await note_operator(tmp_path, Kind.TOKEN_CREATED, name=f"name{number}")
    async with audit_table(tmp_path) as table, table._database.write() as connection:
        await connection.execute(text(statement))
    with pytest.raises(TrailBroken) as broken:
        await verify(tmp_path)
    assert broken.value.seq == seq


async def test_holds_while_it_grows(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(10):
            tasks.create_task(note_operator(tmp_path, Kind.TOKEN_CREATED, name=str(number)))
            tasks.create_task(verify(tmp_path))
    assert (await verify(tmp_path))[1].seq == 10
    assert timestamp(0) < (await written(tmp_path))[0].time


async def test_is_searched_by_what_stands_in_its_lines(tmp_path: Path) -> None:
    for name in ('a"b', "c\\d", "é"):
        await note_operator(tmp_path, Kind.TOKEN_CREATED, name=name)
    for text_, found in (('a"B', 'a"b'), ("c\\d", "c\\d"), ("é", "é")):
        lines = await search(tmp_path, AuditQuery(text=text_))
        assert [decode_event(line).name for line in lines] == [found]
    assert await search(tmp_path, AuditQuery(text="\ud800")) == []


async def test_follows_what_others_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLLOW_INTERVAL", 0.01)
    await note_operator(tmp_path, Kind.TOKEN_CREATED, name="a")
    seen: list[str] = []
    async with asyncio.timeout(20), contextlib.aclosing(follow(tmp_path, after=())) as coming:  # type: ignore[type-var]
        async for lines in coming:
            seen += [decode_event(line).name for line in lines]
            if seen == ["a"]:
                await note_operator(tmp_path, Kind.TOKEN_CREATED, name="b")
            else:
                break
    assert seen == ["a", "b"]


async def test_the_end_that_no_server_saw_is_noted_by_the_next_once(tmp_path: Path) -> None:
    async with audit_table(tmp_path) as table:
        recorder = Recorder(table)
        trail = Trail(recorder)
        async with recorder.running():
            for kind, session in (
                (Kind.OPENED, "over"), (Kind.ENDED, "over"), (Kind.OPENED, "killed"), (Kind.OPENED, "adopted"),
                (Kind.OPENED, "new"),
            ):  # fmt: skip
                await recorder.commit(AuditEvent(time=timestamp(0), kind=kind, session=session, principal="alice"))
            for _ in range(2):
                await note_unseen(table, trail, left={"adopted": None}, through=4)
                await recorder.commit(AuditEvent(time=timestamp(0), kind=Kind.STARTED))
    ends = [event for event in (await written(tmp_path))[5:] if event.kind is Kind.ENDED]
    assert [(event.session, event.principal, event.code) for event in ends] == [("killed", "alice", "session.gone")]


async def test_an_end_that_was_seen_and_not_written_is_noted_as_it_was(tmp_path: Path) -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    async with audit_table(tmp_path) as table, Registry() as registry:
        recorder = Recorder(table)
        trail = Trail(recorder)
        session = registry.create(engine, await engine.container("web"), ExecSpec(("true",)), decision=ALLOWED).session
        await eventually(lambda: session.is_over, "over")
        async with recorder.running():
            await recorder.commit(AuditEvent(time=timestamp(0), kind=Kind.OPENED, session=session.id))
            await note_unseen(table, trail, left={session.id: session}, through=1)
    ended = (await written(tmp_path))[1]
    assert (ended.kind, ended.session, ended.status, ended.code) == (Kind.ENDED, session.id, 0, "")
    await engine.aclose()
