"""Recordings over HTTP: what is there, what it says, and who is answered that there is nothing."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.door import Door, add_token
from tests.engines import eventually
from tests.recordings import recording
from tests.unit.gateway.test_streamed import rest_of
from tests.unit.policy.worlds import rules
from whale.audit.chain import link
from whale.audit.event import AuditEvent, Kind, mark_of, timestamp
from whale.broker.review import Review
from whale.model.errors import RecordingError
from whale.model.recordings import RecordingState
from whale.recording.text import LineKind, SpokenLine
from whale.store.audit import AuditTable
from whale.store.recordings import RecordingTable

ONE, OTHER = "1" * 32, "2" * 32
PATH = f"/1.0/recordings/{ONE}"
LINES = b'{"version":3}\n[0.5,"o","hi"]\n'
POLICIES = """
@id("own") permit(principal, action == Action::"record.read", resource) when { resource in principal };
@id("admin")
permit(
  principal in Group::"admin",
  action in [Action::"record.read", Action::"record.delete", Action::"record.keep"],
  resource
);
"""


@pytest.fixture(autouse=True)
async def house(door: Door) -> None:
    door.policy.replace(rules(POLICIES))
    await door.record(ONE)
    await door.record(OTHER, recording(2)._replace(principal="bob"))


async def ask(door: Door, path: str, *, token: str = "", method: str = "GET") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token or door.token}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.request(method, door.url + path) as answer:
            return answer.status, await answer.read()


async def ask_json(door: Door, path: str, **more: str) -> tuple[int, Any]:
    status, body = await ask(door, path, **more)
    return status, json.loads(body)


async def test_lists_what_one_may_read(door: Door) -> None:
    status, body = await ask_json(door, "/1.0/recordings")
    assert (status, body["next"]) == (200, None)
    [found] = body["recordings"]
    assert found == {
        "id": ONE, "person": "alice",
        "container": {"id": "id-web", "name": "web", "image": "nginx:1.27", "engine": "local"},
        "command": ["psql", "-c", "drop table ü"], "reason": "ticket 42", "policies": ["production", "staff"],
        "tty": True, "mode": "all", "status": "finished", "exit_status": 0, "started": 1_800_000_001.0,
        "ended": 1_800_000_061.5, "seconds": 61.5, "raw_bytes": 4000, "stored_bytes": 900, "chunks": 1,
        "head": "f" * 64, "encrypted": False, "label": "", "held": False,
    }  # fmt: skip
    assert await ask_json(door, PATH) == (200, found)
    assert await ask_json(door, "/1.0/recordings/1") == (200, found)


async def test_searches_and_pages(door: Door) -> None:
    admin = await add_token(door.tokens, "root", groups=("admin",))
    first = (await ask_json(door, "/1.0/recordings?limit=1", token=admin))[1]
    assert [each["id"] for each in first["recordings"]] == [OTHER]
    more = (await ask_json(door, f"/1.0/recordings?limit=1&before={first['next']}", token=admin))[1]
    assert [each["id"] for each in more["recordings"]] == [ONE]
    for query, expected in (
        ("person=alice", 1), ("person=carol", 0), ("container=web", 2), ("container=id-", 2), ("text=DROP", 2),
        ("text=grant", 0), ("since=2027-01-15T08:00:02Z", 1), ("until=2027-01-15T08:00:02Z", 1), ("text=%ed%b2%80", 0),
    ):  # fmt: skip
        found = (await ask_json(door, f"/1.0/recordings?{query}", token=admin))[1]["recordings"]
        assert len(found) == expected, query


async def test_searches_in_what_was_recorded(door: Door) -> None:
    for id, text in ((ONE, "drop table of alice"), (OTHER, "drop table of bob")):
        door.shelf.spoken[id] = [SpokenLine(1500, LineKind.TYPED, text)]
    status, body = await ask_json(door, "/1.0/recordings/search?q=drop+table&limit=5&container=web")
    assert (status, body["whole"], body["encrypted"], len(body["found"])) == (200, True, 0, 1)
    assert body["found"][0]["recording"] == (await ask_json(door, PATH))[1]
    assert body["found"][0]["hits"] == [{"at_ms": 1500, "kind": "typed", "line": "drop table of alice"}]
    assert (await ask_json(door, "/1.0/recordings/search?q=drop&recording=1"))[1] == body
    assert (await ask_json(door, "/1.0/recordings/search?q=bob"))[1]["found"] == []
    status, refused = await ask_json(door, f"/1.0/recordings/search?q=drop&recording={OTHER}")
    assert (status, refused["error"]["code"]) == (404, "recording.not_found")
    admin = await add_token(door.tokens, "root", groups=("admin",))
    for query, expected in (("person=bob", [OTHER]), ("since=2027-01-15T08:00:02Z", [OTHER]), ("until=1d", [])):
        found = (await ask_json(door, f"/1.0/recordings/search?q=drop&{query}", token=admin))[1]["found"]
        assert [one["recording"]["id"] for one in found] == expected, query


@pytest.mark.parametrize(
    "path",
    [
        "/1.0/recordings/search",
        "/1.0/recordings/search?q=-",
        "/1.0/recordings/search?q=drop&x=1",
        "/1.0/recordings/search?q=drop&limit=1001",
        "/1.0/recordings/search?q=drop&since=never",
        f"/1.0/recordings/search?q={'x' * 257}",
        "/1.0/recordings/search?q=dr%00op",
        "/1.0/recordings?x=1",
        "/1.0/recordings?limit=0",
        "/1.0/recordings?before=1",
        "/1.0/recordings?before=1.%67",
        "/1.0/recordings?since=never",
        f"{PATH}?x=1",
        f"{PATH}/events?from_ms=-1",
        f"{PATH}/events?follow=maybe",
        f"{PATH}/chunks/-1",
        f"{PATH}/chunks/1e3",
        f"{PATH}/chunks/1?start=-1",
        f"{PATH}/chunks/1?start=1000000001",
        f"{PATH}/proof?x=1",
    ],
)
async def test_nonsense_is_refused(door: Door, path: str) -> None:
    status, body = await ask_json(door, path)
    assert (status, body["error"]["code"]) == (400, "usage")


@pytest.mark.parametrize("reference", ["x", "..%2fx", "%00", "A" * 32, "1" * 33])
async def test_what_is_no_id_is_not_there(door: Door, reference: str) -> None:
    for path in ("", "/events", "/chunks/0", "/proof"):
        status, body = await ask_json(door, f"/1.0/recordings/{reference}{path}")
        assert (status, body["error"]["code"]) == (404, "recording.not_found")


async def test_says_what_the_trail_has(door: Door) -> None:
    kinds = ((Kind.OPENED, ""), (Kind.RECORDING_ANCHORED, "a" * 64), (Kind.RECORDING_FINISHED, "f" * 64))
    events = [AuditEvent(time=timestamp(1), kind=kind, session=ONE, hash=hash, count=1) for kind, hash in kinds]
    table = AuditTable(door.database)
    await table.append(lambda head: link(events, after=head), mark=mark_of)
    status, said = await ask_json(door, f"{PATH}/proof")
    head = await table.newest()
    assert (status, said) == (200, {
        "id": ONE, "finished": [{"seq": 3, "hash": "f" * 64, "chunks": 1}],
        "anchored": [{"seq": 2, "hash": "a" * 64, "chunks": 1}], "begun": True, "problem": "", "seq": head.seq,
        "head": head.hash,
    })  # fmt: skip


async def test_holds_and_labels(door: Door) -> None:
    admin = await add_token(door.tokens, "root", groups=("admin",))
    assert (await ask(door, f"{PATH}/hold", method="PUT"))[0] == 403, "alice may read it"
    status, held = await ask_json(door, f"{PATH}/hold", method="PUT", token=admin)
    assert (status, held["held"], held["label"]) == (200, True, "")
    status, refused = await ask_json(door, PATH, method="DELETE", token=admin)
    assert (status, refused["error"]["code"]) == (409, "recording.held")
    assert (await ask_json(door, f"{PATH}/label?name=incident", method="PUT", token=admin))[1]["label"] == "incident"
    for query, count in (("held=true", 1), ("held=false", 0), ("label=incident", 1), ("label=x", 0)):
        _, listed = await ask_json(door, f"/1.0/recordings?{query}", token=admin)
        assert len([one for one in listed["recordings"] if one["id"] == ONE]) == count, query
    status, refused = await ask_json(door, f"{PATH}/label?name=A%20B", method="PUT", token=admin)
    assert (status, refused["error"]["code"]) == (400, "usage")
    assert (await ask_json(door, f"{PATH}/hold", method="DELETE", token=admin))[1]["held"] is False
    assert (await ask_json(door, f"{PATH}/label", method="PUT", token=admin))[1]["label"] == ""


async def test_reads_lines_and_chunks(door: Door) -> None:
    async with aiohttp.ClientSession(headers=door.headers) as client:
        async with client.get(f"{door.url}{PATH}/events?from_ms=0") as answer:
            assert answer.headers["Content-Type"] == "application/x-asciicast"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert await answer.read() == LINES
    assert await ask(door, f"{PATH}/events?from_ms=1234") == (200, LINES)
    assert door.shelf.asked == [(ONE, 0), (ONE, 1234)]
    line = LINES.splitlines(keepends=True)[1]
    for start in (0, 3, len(line), 10**9):
        assert await ask(door, f"{PATH}/chunks/1?start={start}") == (200, line[start:])
    assert await ask(door, f"{PATH}/chunks/1") == (200, line)
    assert (await ask(door, f"{PATH}/events?follow=true"))[1] == LINES, "it has ended"


async def test_what_can_not_be_read_has_a_status_of_its_own(door: Door) -> None:
    door.shelf.lines.clear()
    status, body = await ask_json(door, f"{PATH}/events")
    assert (status, body["error"]["code"]) == (500, "recording.damaged")


async def test_what_breaks_off_says_why_and_is_cut(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale.broker.tail.PIECE", 1)
    monkeypatch.setattr(door.shelf, "_found", lambda id: Breaking())
    async with aiohttp.ClientSession(headers=door.headers) as client:
        async with client.get(f"{door.url}{PATH}/events") as answer:
            seen, is_whole = await rest_of(answer)
    assert not is_whole
    head, last = seen.splitlines()
    assert head == b"head"
    assert json.loads(last.removeprefix(b"#whale "))["error"]["code"] == "recording.damaged"


class Breaking(list[bytes]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: Any) -> Any:
        if place:
            raise RecordingError("broken", code="recording.damaged")
        return b"head\n"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/1.0/recordings/{OTHER}"),
        ("GET", f"/1.0/recordings/{OTHER}/events"),
        ("GET", f"/1.0/recordings/{OTHER}/events?follow=true"),
        ("GET", f"/1.0/recordings/{OTHER}/chunks/0"),
        ("GET", f"/1.0/recordings/{OTHER}/proof"),
        ("DELETE", f"/1.0/recordings/{OTHER}"),
        ("PUT", f"/1.0/recordings/{OTHER}/hold"),
        ("DELETE", f"/1.0/recordings/{OTHER}/hold"),
        ("PUT", f"/1.0/recordings/{OTHER}/label?name=x"),
        ("GET", f"/1.0/can?action=record.read&name={OTHER}"),
    ],
)
async def test_the_recordings_of_others_are_not_there(door: Door, method: str, path: str) -> None:
    there, nowhere = [await ask_json(door, each, method=method) for each in (path, path.replace("2", "3"))]
    assert there == nowhere
    assert (there[0], there[1]["error"]["code"]) == (404, "recording.not_found")
    assert OTHER in door.shelf.lines


async def test_who_may_deletes(door: Door) -> None:
    status, body = await ask_json(door, PATH, method="DELETE")
    assert (status, body["error"]["code"]) == (403, "access.denied")
    admin = await add_token(door.tokens, "root", groups=("admin",))
    assert await ask(door, f"{PATH}?reason=old", method="DELETE", token=admin) == (204, b"")
    assert list(door.shelf.lines) == [OTHER]
    assert (await ask(door, PATH, token=admin))[0] == 404


async def test_can(door: Door) -> None:
    _, said = await ask_json(door, "/1.0/can?action=record.read&name=1")
    assert (said["allowed"], said["policies"]) == (True, ["own"])
    _, said = await ask_json(door, "/1.0/can?action=record.delete&name=1")
    assert (said["allowed"], said["missing"]) == (
        False, ["admin permits it to the group admin, which alice is not in"],
    )  # fmt: skip


async def follow(door: Door, client: aiohttp.ClientSession) -> aiohttp.ClientResponse:
    going_on = recording(3)._replace(state=RecordingState())
    await door.record("3" * 32, going_on)
    answer = await client.get(f"{door.url}/1.0/recordings/{'3' * 32}/events?follow=true")
    assert await answer.content.readexactly(len(LINES)) == LINES
    return answer


async def test_what_goes_on_is_followed_to_its_end(door: Door) -> None:
    async with aiohttp.ClientSession(headers=door.headers) as client:
        answer = await follow(door, client)
        door.shelf.lines["3" * 32].append(b'[1,"x","0"]\n')
        await RecordingTable(door.database).set_state("3" * 32, recording().state)
        door.recordings.flushes.flushed("3" * 32)
        assert await answer.content.read() == b'[1,"x","0"]\n'
    assert door.shelf.opened[-1].is_closed
    assert len(door.recordings.flushes) == 0


async def test_a_reader_that_goes_lets_go_of_everything(door: Door) -> None:
    async with aiohttp.ClientSession(headers=door.headers) as client:
        answer = await follow(door, client)
        answer.close()
        door.shelf.lines["3" * 32] += [b"x" * 1_000_000 + b"\n"] * 20
        door.recordings.flushes.flushed("3" * 32)
        await eventually(lambda: door.shelf.opened[-1].is_closed, "closed")
    await eventually(lambda: len(door.recordings.flushes) == 0, "nobody follows")
    assert not door.broker.readers.rights()


async def test_a_slow_reader_does_not_fill_memory(door: Door) -> None:
    door.shelf.lines[ONE] = [b"y" * 65_535 + b"\n"] * 1000
    async with aiohttp.ClientSession(headers=door.headers) as client:
        answer = await client.get(f"{door.url}{PATH}/events", timeout=aiohttp.ClientTimeout(None))
        await answer.content.readexactly(10)
        lines = door.shelf.opened[-1]
        before = -1

        def stands_still() -> bool:
            nonlocal before
            stood, before = before == lines._place, lines._place
            return stood

        await eventually(stands_still, "it stands still")
        assert lines._place < 500, "the rest is read when it is wanted"
        assert len(await answer.content.read()) == 1000 * 65_536 - 10


async def test_who_loses_the_right_reads_no_more(door: Door) -> None:
    async with aiohttp.ClientSession(headers=door.headers) as client:
        answer = await follow(door, client)
        review = Review(door.policy, door.registry, door.broker.readers, door.approvals)
        [(_, right)] = door.broker.readers.rights()
        await review.check({right.principal.token_id: ()})
        assert door.broker.readers.rights(), "what may be read is, also where its container may not be listed"
        door.policy.replace(rules('permit(principal, action == Action::"list", resource);'))
        async with asyncio.TaskGroup() as tasks:
            # Who does not read yet is told by the library only that the connection broke.
            reading = tasks.create_task(rest_of(answer))
            await asyncio.sleep(0)
            await review.check({right.principal.token_id: ()})
        seen, is_whole = reading.result()
    assert not is_whole
    error = json.loads(seen.removeprefix(b"#whale "))["error"]
    assert (error["code"], error["hint"]) == ("access.withdrawn", "no policy allows you to record.read here")


async def test_a_token_that_is_revoked_ends_what_reads_by_it(door: Door) -> None:
    async with aiohttp.ClientSession(headers=door.headers) as client:
        answer = await follow(door, client)
        door.broker.readers.revoke(door.broker.readers.tokens())
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
    await eventually(lambda: door.shelf.opened[-1].is_closed, "closed")
