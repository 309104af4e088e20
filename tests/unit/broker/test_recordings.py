"""Who may read what, and what is left of it in the trail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from tests.recordings import FINISHED, MemoryShelf, recording
from tests.unit.broker.conftest import ALICE, BOB
from tests.unit.policy.worlds import rules
from whale.audit.event import AuditEvent, Kind
from whale.audit.recorder import Recorder
from whale.broker import recordings as module
from whale.broker.readers import Readers
from whale.broker.recordings import MAX_NOTED, NOTED_FOR, Recordings
from whale.broker.removal import Removal
from whale.broker.trail import Trail
from whale.model import turns
from whale.model.audit import NO_EVENT, AuditMark, AuditQuery, AuditRow
from whale.model.errors import AccessDenied, RecordingError, UsageError, WhaleError
from whale.model.ids import SessionId
from whale.model.principal import Action, Scope
from whale.model.recording_proof import RecordingProof
from whale.model.recordings import Recording, RecordingQuery, RecordingState
from whale.policy.live import LivePolicy

ADMIN = BOB._replace(name="root", groups=("admin",))
POLICIES = """
@id("admin") permit(principal in Group::"admin", action, resource);
@id("own") permit(principal, action == Action::"record.read", resource)
when { resource in principal && resource.container.hasTag("stage") && resource.container.getTag("stage") == "live" };
"""


class Table:
    """As the real one, for few rows."""

    def __init__(self) -> None:
        self.rows: dict[str, Recording] = {}
        self.claimed: dict[str, Recording] = {}
        self.searches = 0

    async def search(self, query: RecordingQuery) -> Sequence[Recording]:
        self.searches += 1
        fits = [
            row
            for row in self.rows.values()
            if row.id.startswith(query.id)
            and query.principal in ("", row.principal)
            and (not query.ids or row.id in query.ids)
            and query.is_encrypted in (None, row.is_encrypted)
            and (query.before is None or (row.started, row.id) < query.before)
        ]
        return sorted(fits, key=lambda row: (row.started, row.id), reverse=True)[: query.limit]

    async def find(self, id: str) -> Recording | None:
        return self.rows.get(id)

    async def claim_deletion(self, id: str) -> bool:
        if id in self.rows and not self.rows[id].is_held:
            self.claimed[id] = self.rows.pop(id)
        return id in self.claimed

    async def release_deletion(self, id: str) -> bool:
        self.rows[id] = self.claimed.pop(id)
        return True

    async def being_deleted(self, *, after: tuple[int, str], limit: int) -> Sequence[Recording]:
        return []

    async def delete(self, id: str) -> bool:
        return self.claimed.pop(id, None) is not None

    async def set_held(self, id: str, is_held: bool) -> bool:
        return self._change(id, is_held=is_held)

    async def set_label(self, id: str, label: str) -> bool:
        return self._change(id, label=label)

    def _change(self, id: str, **values: object) -> bool:
        if id in self.rows:
            self.rows[id] = self.rows[id]._replace(**values)  # type: ignore[arg-type]
        return id in self.rows


class NoTrail:
    """A trail that has nothing, and notes that it was asked."""

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["NoTrail"]:
        yield self

    async def mark(self, name: str) -> AuditMark:
        return NO_EVENT

    async def search(self, query: AuditQuery) -> Sequence[AuditRow]:
        return []

    async def rows(self, *, after: int) -> AsyncIterator[AuditRow]:
        rows: list[AuditRow] = []
        for row in rows:
            yield row


class House(NamedTuple):
    broker: Recordings
    table: Table
    shelf: MemoryShelf
    readers: Readers
    policy: LivePolicy
    recorder: Recorder
    log: Memory
    clock: list[float]

    def put(self, *made: Recording) -> None:
        for each in made:
            self.table.rows[each.id] = each
            self.shelf.lines[each.id] = [b"head\n", b"line\n"]

    async def events(self) -> list[AuditEvent]:
        await eventually(lambda: not self.recorder.queued, "written")
        return self.log.events


@pytest.fixture
async def house() -> AsyncIterator[House]:
    log = Memory()
    recorder = Recorder(log)
    table, shelf, readers, policy, clock = Table(), MemoryShelf(), Readers(), LivePolicy(rules(POLICIES)), [0.0]
    async with recorder.running():
        broker = Recordings(
            table,
            shelf,
            policy=policy,
            readers=readers,
            proofs=NoTrail(),
            removal=Removal(table, shelf),
            trail=Trail(recorder),
            clock=lambda: clock[0],
        )
        yield House(broker, table, shelf, readers, policy, recorder, log, clock)


def ids(found: Sequence[Recording]) -> list[int]:
    return [int(each.id, 16) for each in found]


OF_BOB = recording(2)._replace(principal="bob")
ON_TEST = recording(3, labels={"stage": "test"})


async def test_what_may_not_be_read_is_not_there(house: House) -> None:
    house.put(recording(1), OF_BOB, ON_TEST)
    assert ids(await house.broker.list(ADMIN, RecordingQuery())) == [3, 2, 1]
    assert ids(await house.broker.list(ALICE, RecordingQuery())) == [1]
    assert ids(await house.broker.list(BOB, RecordingQuery())) == [2]
    assert await house.broker.list(BOB, RecordingQuery(principal="alice")) == []
    events = await house.events()
    assert [(e.kind, e.action, e.principal, e.count) for e in events] == [
        (Kind.ALLOWED, "record.read", who, count) for who, count in (("root", 3), ("alice", 1), ("bob", 1), ("bob", 0))
    ]


async def test_a_scope_takes_away(house: House) -> None:
    house.put(recording(1), recording(2, name="db"))
    assert await house.broker.list(ADMIN._replace(scope=Scope((Action.EXEC,))), RecordingQuery()) == []
    on_db = ADMIN._replace(scope=Scope((Action.RECORD_READ,), ("name:db",)))
    assert ids(await house.broker.list(on_db, RecordingQuery())) == [2]


async def test_a_page_is_full_although_others_hide_between(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(turns, "SLICE", -1.0)
    house.put(*(recording(n)._replace(principal="bob" if n % 3 else "alice") for n in range(1, 31)))
    first = await house.broker.list(ALICE, RecordingQuery(limit=4))
    assert ids(first) == [30, 27, 24, 21]
    more = await house.broker.list(ALICE, RecordingQuery(limit=4, before=(first[-1].started, first[-1].id)))
    assert ids(more) == [18, 15, 12, 9]


async def test_one_is_found_by_the_beginning_of_its_id(house: House) -> None:
    mine = recording(1)._replace(id=SessionId("ab" * 16))
    other = OF_BOB._replace(id=SessionId("ac" * 16))
    house.put(mine, other)
    assert await house.broker.find(ALICE, "a") == mine, "of what one may read nothing else begins so"
    assert await house.broker.find(ADMIN, "ac") == other
    with pytest.raises(RecordingError) as two:
        await house.broker.find(ADMIN, "a")
    assert two.value.code == "recording.ambiguous"
    errors = []
    for reference in (other.id, "ad" * 16, "ac"):
        with pytest.raises(RecordingError) as hidden:
            await house.broker.find(ALICE, reference)
        errors.append((hidden.value.code, hidden.value.message, hidden.value.hint))
    assert {(code, message) for code, message, _ in errors} == {("recording.not_found", "no such recording")}
    assert len(set(errors)) == 1


@pytest.mark.parametrize("reference", ["", "g", "A", "a" * 33, "../a", "%", "\0"])
async def test_what_is_no_id_is_looked_for_nowhere(house: House, reference: str) -> None:
    with pytest.raises(RecordingError) as none:
        await house.broker.find(ADMIN, reference)
    assert none.value.code == "recording.not_found"
    assert house.table.searches == 0


async def test_can_says_what_would_be_decided(house: House) -> None:
    house.put(recording(1))
    assert (await house.broker.can(ALICE, Action.RECORD_READ, "0"))[0].policies == ("own",)
    decision, missing = await house.broker.can(ALICE, Action.RECORD_DELETE, "0")
    assert not decision.allowed
    assert missing == ("admin permits it to the group admin, which alice is not in",)
    with pytest.raises(RecordingError):
        await house.broker.can(BOB, Action.RECORD_READ, "0")


async def test_who_reads_leaves_an_event(house: House) -> None:
    house.put(recording(1))
    opened = await house.broker.read(ADMIN._replace(purpose="why"), "0", from_ms=7, follow=False)
    assert [piece async for piece in opened.pieces] == [b"head\nline\n"]
    assert house.shelf.asked == [(recording(1).id, 7)]
    [event] = await house.events()
    assert (event.kind, event.principal, event.owner, event.purpose) == (Kind.RECORDING_READ, "root", "alice", "why")
    assert (event.session, event.policies, event.action) == (recording(1).id, ("admin",), "record.read")
    assert event.container is not None
    assert event.container.name == "web"


async def test_only_who_may_read_is_told_what_the_trail_has(house: House) -> None:
    house.put(recording(1))
    assert await house.broker.prove(ALICE, "0") == (recording(1), RecordingProof())
    with pytest.raises(RecordingError) as hidden:
        await house.broker.prove(BOB, "0")
    assert hidden.value.code == "recording.not_found"


async def test_many_chunks_are_one_event(house: House) -> None:
    house.put(recording(1), recording(2))
    for number in (0, 1):
        opened = await house.broker.chunk(ALICE, recording(1).id, number)
        assert [piece async for piece in opened.pieces] == [(b"head\n", b"line\n")[number]]
    assert len(await house.events()) == 1
    await house.broker.chunk(ALICE, recording(2).id, 0)
    await house.broker.chunk(ADMIN, recording(1).id, 0)
    assert len(await house.events()) == 3, "another recording, or another reader"
    house.clock[0] = NOTED_FOR
    await house.broker.chunk(ALICE, recording(1).id, 1)
    assert len(await house.events()) == 4


async def test_what_is_noted_has_a_bound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NOTED", 2)
    assert MAX_NOTED > 2
    house.put(*(recording(n) for n in range(1, 5)))
    for n in range(1, 5):
        await house.broker.chunk(ALICE, recording(n).id, 0)
    assert len(house.broker._noted) == 2


async def test_one_that_goes_on_is_followed(house: House) -> None:
    going_on = recording(1)._replace(state=RecordingState())
    house.put(going_on)
    opened = await house.broker.read(ALICE, "0", from_ms=0, follow=True)
    assert await anext(opened.pieces) == b"head\nline\n"
    house.shelf.lines[going_on.id].append(b"more\n")
    house.broker.flushes.flushed(going_on.id)
    assert await anext(opened.pieces) == b"more\n"
    house.table.rows[going_on.id] = recording(1)
    house.shelf.lines[going_on.id].append(b"end\n")
    house.broker.flushes.flushed(going_on.id)
    assert [piece async for piece in opened.pieces] == [b"end\n"]


async def test_one_that_is_deleted_is_followed_no_more(house: House) -> None:
    going_on = recording(1)._replace(state=RecordingState())
    house.put(going_on)
    opened = await house.broker.read(ALICE, "0", from_ms=0, follow=True)
    assert await anext(opened.pieces) == b"head\nline\n"
    del house.table.rows[going_on.id]
    house.broker.flushes.flushed(going_on.id)
    assert [piece async for piece in opened.pieces] == []


async def test_a_reader_has_a_right_that_can_be_taken_away(house: House) -> None:
    house.put(recording(1))
    opened = await house.broker.read(ADMIN, "0", from_ms=0, follow=False)
    ends: list[WhaleError] = []
    with house.broker.reading(opened, ends.append):
        [(key, right)] = house.readers.rights()
        assert (right.action, right.owner, right.container) == (Action.RECORD_READ, "alice", recording(1).container)
        house.readers.end(key, AccessDenied("no"))
    assert len(ends) == 1


async def test_a_hold_and_a_label_are_in_the_trail_before_they_are_set(house: House) -> None:
    house.put(recording(1))
    house.log.open.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(house.broker.hold(ADMIN._replace(purpose="case 7"), "0", True))
        await eventually(lambda: house.recorder.queued > 0, "noted")
        assert not house.table.rows[recording(1).id].is_held
        house.log.open.set()
    held = await house.broker.hold(ADMIN, "0", True)
    assert held == house.table.rows[recording(1).id] == recording(1)._replace(is_held=True)
    with pytest.raises(RecordingError, match="under a hold"):
        await house.broker.delete(ADMIN, "0")
    labelled = await house.broker.label(ADMIN, "0", "incident")
    assert labelled == house.table.rows[recording(1).id] == held._replace(label="incident")
    assert await house.broker.hold(ADMIN, "0", False) == labelled._replace(is_held=False)
    await house.broker.delete(ADMIN, "0")
    events = [event for event in await house.events() if event.kind is not Kind.DENIED]
    assert [event.kind for event in events] == [
        Kind.RECORDING_HELD, Kind.RECORDING_LABELLED, Kind.RECORDING_RELEASED, Kind.RECORDING_DELETED,
    ]  # fmt: skip
    assert (events[0].purpose, events[0].session, events[0].owner) == ("case 7", recording(1).id, "alice")
    assert events[1].name == "incident"


async def test_who_may_not_keep_one_changes_nothing(house: House) -> None:
    house.put(recording(1))
    for attempt in (house.broker.hold(ALICE, "0", True), house.broker.label(ALICE, "0", "x")):
        with pytest.raises(AccessDenied):
            await attempt
    for attempt in (house.broker.hold(BOB, "0", True), house.broker.label(BOB, "0", "x")):
        with pytest.raises(RecordingError) as hidden:
            await attempt
        assert hidden.value.code == "recording.not_found"
    for nonsense in ("Incident", "a b", "x" * 41, "-x", "ü"):
        with pytest.raises(UsageError):
            await house.broker.label(ADMIN, "0", nonsense)
    assert house.table.rows[recording(1).id] == recording(1)


async def test_deleting_is_in_the_trail_before_it_is_done(house: House) -> None:
    house.put(recording(1))
    house.log.open.clear()
    deleting = house.broker.delete(ADMIN._replace(purpose="old"), "0")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(deleting)
        await eventually(lambda: house.recorder.queued > 0, "noted")
        assert recording(1).id in house.shelf.lines
        house.log.open.set()
    assert (house.shelf.lines, house.table.rows, house.table.claimed) == ({}, {}, {})
    [event] = await house.events()
    assert (event.kind, event.owner, event.hash) == (Kind.RECORDING_DELETED, "alice", FINISHED.head)
    assert (event.purpose, event.session) == ("old", recording(1).id)


@pytest.mark.parametrize(("is_deleted", "code"), [(False, "recording.held"), (True, "recording.not_found")])
async def test_who_comes_too_late_is_told_why(
    house: House, monkeypatch: pytest.MonkeyPatch, is_deleted: bool, code: str
) -> None:
    house.put(recording(1))

    async def is_other_first(id: str) -> bool:
        if is_deleted:
            del house.table.rows[id]
        return False

    monkeypatch.setattr(house.table, "claim_deletion", is_other_first)
    with pytest.raises(RecordingError) as refused:
        await house.broker.delete(ADMIN, "0")
    assert refused.value.code == code
    assert house.shelf.lines
    assert await house.events() == []


@pytest.mark.parametrize(
    ("state", "is_held", "code"),
    [(RecordingState(), False, "recording.going_on"), (FINISHED, True, "recording.held")],
)
async def test_what_has_to_stay_stays(house: House, state: RecordingState, is_held: bool, code: str) -> None:
    house.put(recording(1)._replace(state=state, is_held=is_held))
    with pytest.raises(RecordingError) as refused:
        await house.broker.delete(ADMIN, "0")
    assert refused.value.code == code
    assert house.shelf.lines
    assert await house.events() == []


async def test_who_may_read_may_not_delete(house: House) -> None:
    house.put(recording(1), OF_BOB)
    with pytest.raises(AccessDenied):
        await house.broker.delete(ALICE, recording(1).id)
    with pytest.raises(RecordingError) as hidden:
        await house.broker.delete(ALICE, OF_BOB.id)
    assert hidden.value.code == "recording.not_found"
    assert len(house.shelf.lines) == 2
    [denied] = await house.events()
    assert (denied.kind, denied.action, denied.principal) == (Kind.DENIED, "record.delete", "alice")
