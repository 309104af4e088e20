"""A streamed log, over HTTP."""

import asyncio
import socket
from collections.abc import AsyncGenerator

import aiohttp
import pytest

from tests.door import Door
from tests.engines import eventually
from tests.unit.policy.worlds import rules
from whale.broker.review import Review
from whale.engine.fake import FakeEngine
from whale.gateway import logs
from whale.model.errors import EngineUnavailable
from whale.model.exec import Stream
from whale.wire.frames import Channel
from whale.wire.framing import MEDIA_TYPE, FramedReader
from whale.wire.messages import decode_status


async def fetch(door: Door, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession(headers=door.headers) as session,
        session.get(door.url + path, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


async def fetch_json(door: Door, path: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession(headers=door.headers) as session, session.get(door.url + path) as answer:
        return answer.status, await answer.json()


async def test_logs_come_as_bytes(door: Door, engine: FakeEngine) -> None:
    web = engine._find("web")
    web.write_log(b"one\n")
    web.write_log(b"\xff two\n", Stream.STDERR)
    assert await fetch(door, "/1.0/containers/web/logs") == (200, b"one\n\xff two\n")
    assert await fetch(door, "/1.0/containers/web/logs?tail=1") == (200, b"\xff two\n")
    assert await fetch(door, "/1.0/containers/web/logs?tail=0") == (200, b"")


async def test_framed_logs_keep_streams_apart_and_end_with_a_status(door: Door, engine: FakeEngine) -> None:
    web = engine._find("web")
    web.write_log(b"one\n")
    web.write_log(b"two\n", Stream.STDERR)
    _, body = await fetch(door, "/1.0/containers/web/logs", {"Accept": MEDIA_TYPE})
    *pieces, last = FramedReader().feed(body)
    assert pieces == [b"\x01one\n", b"\x02two\n"]
    assert last[0] == Channel.STATUS
    ended = decode_status(last[1:])
    assert (ended.status.code, ended.stdout, ended.stderr) == (0, 4, 4)


async def test_followed_logs_go_on_until_the_container_stops(door: Door, engine: FakeEngine) -> None:
    web = engine._find("web")
    web.write_log(b"one\n")
    url = door.url + "/1.0/containers/web/logs?follow=true"
    async with aiohttp.ClientSession(headers=door.headers) as session, session.get(url) as answer:
        assert await answer.content.readexactly(4) == b"one\n"
        web.write_log(b"two\n")
        assert await answer.content.readexactly(4) == b"two\n"
        engine.stop_container("web")
        async with asyncio.timeout(5):
            assert await answer.content.read() == b""


@pytest.mark.parametrize("tail", ["-1", "x", "1.5", "10000000", "²"])
async def test_the_tail_is_checked(door: Door, tail: str) -> None:
    status, body = await fetch_json(door, f"/1.0/containers/web/logs?tail={tail}")
    assert (status, body["error"]["code"]) == (400, "usage")  # type: ignore[index]


async def test_logs_of_nobody_are_404(door: Door) -> None:
    status, body = await fetch_json(door, "/1.0/containers/nobody/logs")
    assert (status, body["error"]["code"]) == (404, "target.not_found")  # type: ignore[index]


async def test_the_head_of_a_silent_log_comes_soon(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FIRST_PATIENCE", 0.05)
    url = door.url + "/1.0/containers/web/logs?follow=true"
    async with asyncio.timeout(5), aiohttp.ClientSession(headers=door.headers) as session, session.get(url) as answer:
        assert answer.status == 200


async def test_a_silent_log_sends_heartbeats(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FIRST_PATIENCE", 0.01)
    monkeypatch.setattr(logs, "HEARTBEAT_INTERVAL", 0.05)
    url = door.url + "/1.0/containers/web/logs?follow=true"
    async with (
        asyncio.timeout(5),
        aiohttp.ClientSession(headers={**door.headers, "Accept": MEDIA_TYPE}) as session,
        session.get(url) as answer,
    ):
        assert await answer.content.readexactly(10) == b"\0\0\0\x01\x01" * 2


def break_after(engine: FakeEngine, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine's logs break off after so many pieces."""

    async def broken(_container: str, *, follow: bool, tail: int | None) -> AsyncGenerator[tuple[Stream, bytes], None]:
        for _ in range(pieces):
            yield Stream.STDOUT, b"one"
        raise EngineUnavailable("gone")

    monkeypatch.setattr(engine, "logs", broken)


async def test_an_error_before_the_first_piece_has_its_own_status(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(engine, 0, monkeypatch)
    assert (await fetch(door, "/1.0/containers/web/logs"))[0] == 503


async def test_a_log_that_breaks_off_ends_with_a_lost_status(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(engine, 2, monkeypatch)
    status, body = await fetch(door, "/1.0/containers/web/logs", {"Accept": MEDIA_TYPE})
    *pieces, last = FramedReader().feed(body)
    assert (status, pieces) == (200, [b"\x01one", b"\x01one"])
    ended = decode_status(last[1:])
    assert (ended.status, ended.stdout) == ((None, "engine.unavailable"), 6)


async def test_a_plain_log_that_breaks_off_is_cut_and_not_ended(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(engine, 2, monkeypatch)
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetch(door, "/1.0/containers/web/logs")


async def test_a_reader_that_leaves_a_silent_log_is_noticed(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FIRST_PATIENCE", 0.01)
    monkeypatch.setattr(logs, "HEARTBEAT_INTERVAL", 0.05)
    ended = asyncio.Event()

    async def silent(_container: str, *, follow: bool, tail: int | None) -> AsyncGenerator[tuple[Stream, bytes], None]:
        try:
            await asyncio.Event().wait()
            yield Stream.STDOUT, b""
        finally:
            ended.set()

    monkeypatch.setattr(engine, "logs", silent)
    for accept in (MEDIA_TYPE, "*/*"):
        ended.clear()
        async with (
            aiohttp.ClientSession(headers={**door.headers, "Accept": accept}) as session,
            session.get(door.url + "/1.0/containers/web/logs?follow=true") as answer,
        ):
            answer.close()
        async with asyncio.timeout(5):
            await ended.wait()


async def revoked(door: Door) -> None:
    """Have the token that the door was opened with revoked, as soon as somebody reads by it."""
    await eventually(lambda: door.broker.readers.tokens() != set(), "reading")
    door.broker.readers.revoke(door.broker.readers.tokens())


async def test_a_followed_log_ends_with_the_token(door: Door, engine: FakeEngine) -> None:
    engine._find("web").write_log(b"one\n")
    url = door.url + "/1.0/containers/web/logs?follow=true"
    headers = {**door.headers, "Accept": MEDIA_TYPE}
    async with asyncio.timeout(5), aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        assert await answer.content.readexactly(9) == b"\0\0\0\x05\x01one\n"
        await revoked(door)
        [last] = FramedReader().feed(await answer.content.read())
        ended = decode_status(last[1:])
        assert (ended.status, ended.stdout) == ((None, "auth.revoked"), 4)
    await eventually(lambda: door.broker.readers.tokens() == set(), "over")


async def test_a_plain_log_is_cut_with_the_token(door: Door, engine: FakeEngine) -> None:
    engine._find("web").write_log(b"one\n")
    url = door.url + "/1.0/containers/web/logs?follow=true"
    async with asyncio.timeout(5), aiohttp.ClientSession(headers=door.headers) as session, session.get(url) as answer:
        assert await answer.content.readexactly(4) == b"one\n"
        await revoked(door)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()


async def test_a_token_that_is_revoked_before_the_head_is_refused(door: Door) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(fetch_json(door, "/1.0/containers/web/logs?follow=true"))
        await revoked(door)
        status, body = await asked
    assert (status, body["error"]["code"]) == (401, "auth.revoked")  # type: ignore[index]


async def test_a_reader_that_reads_nothing_is_cut_off_with_its_token(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    pulled = 0

    async def endless(_container: str, *, follow: bool, tail: int | None) -> AsyncGenerator[tuple[Stream, bytes], None]:
        nonlocal pulled
        try:
            while True:
                pulled += 1
                yield Stream.STDOUT, bytes(65536)
                await asyncio.sleep(0)
        finally:
            ended.set()

    monkeypatch.setattr(engine, "logs", endless)
    loop = asyncio.get_running_loop()
    with socket.socket() as idle:
        idle.setblocking(False)
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(idle, ("127.0.0.1", door.port))
        request = f"GET /1.0/containers/web/logs?follow=true HTTP/1.1\r\nHost: x\r\nAccept: {MEDIA_TYPE}\r\n"
        await loop.sock_sendall(idle, (request + f"Authorization: Bearer {door.token}\r\n\r\n").encode())
        seen = [0]
        while pulled == 0 or len(seen) < 20 or set(seen[-20:]) != {pulled}:  # until every buffer on the way is full
            seen.append(pulled)
            await asyncio.sleep(0.02)
        await revoked(door)
        async with asyncio.timeout(2):
            await ended.wait()
        assert not (await asyncio.wait_for(read_all(idle), 5)).endswith(b"0\r\n\r\n")


async def read_all(connection: socket.socket) -> bytes:
    """Read to the end of a connection, and return the last bytes."""
    last = b""
    while data := await asyncio.get_running_loop().sock_recv(connection, 1 << 20):
        last = (last + data)[-10:]
    return last


async def test_a_followed_log_ends_with_the_right_to_read_it(door: Door, engine: FakeEngine) -> None:
    engine._find("web").write_log(b"one\n")
    url = door.url + "/1.0/containers/web/logs?follow=true"
    headers = {**door.headers, "Accept": MEDIA_TYPE}
    async with asyncio.timeout(5), aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        assert await answer.content.readexactly(9) == b"\0\0\0\x05\x01one\n"
        no_logs = '@reason("maintenance") forbid(principal, action == Action::"logs", resource);'
        door.policy.replace(rules(f"permit(principal, action, resource); {no_logs}"))
        [(_, right)] = door.broker.readers.rights()
        review = Review(door.policy, door.registry, door.broker.readers, door.approvals)
        await review.check({right.principal.token_id: ()})
        [last] = FramedReader().feed(await answer.content.read())
        ended = decode_status(last[1:])
        assert (ended.status, ended.stdout) == ((None, "access.withdrawn"), 4)
        assert ended.message.endswith("maintenance")
