"""A server under load that is killed, with sinks that are killed: what it allowed has its event, everywhere, once.

A few hundred events in every run, and 100,000 with each database with WHALE_SOAK=1.
"""

import asyncio
import os
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.postgres import PostgresServer
from tests.server_process import ServerProcess, running_server
from tests.wire_client import DEADLINE, WireClient
from whale.audit.event import Kind, decode_event
from whale.model.exec import ExecSpec
from whale.server.audit import audit_table, verify
from whale.store.place import StorePlace, parse_postgres_url
from whale.wire.frames import SUBPROTOCOL

IS_SOAK = bool(os.environ.get("WHALE_SOAK"))
SESSIONS = 50_000 if IS_SOAK else 150
"""Each has two events."""

KILLS = 20 if IS_SOAK else 2
LANES = 16
TRUE = ExecSpec(command=("true",))


class Receiver(ThreadingHTTPServer):
    """Takes events, and is cut off in the midst of them while it is down."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.lines: list[str] = []
        self.is_down = False

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        if self.server.is_down:  # dead in the midst of a request
            self.rfile.read(1)
            self.close_connection = True
            return
        self.server.lines += self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def in_order(lines: list[str]) -> list[str]:
    """What came, without what came again."""
    return list(dict.fromkeys(lines))


class Load:
    """Clients that open one session after the other, and what they were told was opened."""

    def __init__(self, server: ServerProcess) -> None:
        self.opened: set[str] = set()
        self.is_up = asyncio.Event()
        self.is_up.set()
        self.grown = asyncio.Condition()
        self._server = server

    async def run(self, total: int) -> None:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane(total))

    async def reach(self, count: int) -> None:
        async with self.grown:
            await self.grown.wait_for(lambda: len(self.opened) >= count)

    async def _lane(self, total: int) -> None:
        while len(self.opened) < total:
            await self.is_up.wait()
            try:
                await self._one()
            except (OSError, WebSocketException):
                continue  # it was killed, or is about to be there again

    async def _one(self) -> None:
        async with connect(
            f"ws://127.0.0.1:{self._server.port}/1.0/shell",
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of theirs
            additional_headers={"Authorization": f"Bearer {self._server.token}"},
            compression=None,
            open_timeout=DEADLINE,
            close_timeout=1.0,
        ) as transport:
            client = WireClient(transport)
            await client.open("web", TRUE)
            assert client.opened is not None, client.failure
            self.opened.add(client.opened.session)
            async with self.grown:
                self.grown.notify_all()
            await client.finish()


async def trouble(load: Load, server: ServerProcess, receiver: Receiver, chance: random.Random) -> None:
    """Kill the server at moments that only the seed knows, and the receiver, or bring that back."""
    for moment in sorted(chance.sample(range(SESSIONS // 10, SESSIONS), KILLS)):
        await load.reach(moment)
        load.is_up.clear()
        receiver.is_down = not receiver.is_down
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        load.is_up.set()


async def everything(place: StorePlace) -> list[str]:
    """All lines of the trail, which must hold."""
    await verify(place)
    async with audit_table(place) as table, table.snapshot() as snapshot:
        return [row.body async for row in snapshot.rows()]


@pytest.mark.parametrize("system", ["sqlite", "postgres"] if IS_SOAK else ["sqlite"])
def test_what_was_allowed_has_its_event_whatever_is_killed(
    system: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if system == "sqlite":
        check(tmp_path, tmp_path / "state")
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database() as address:
        url = postgres.url(address.database)
        monkeypatch.setenv("WHALE_SERVER_STORE_URL", url)
        check(tmp_path, parse_postgres_url(url))


def check(tmp_path: Path, place: StorePlace) -> None:
    file, settings = tmp_path / "audit.jsonl", tmp_path / "server.toml"
    with Receiver() as receiver:
        url = f"http://127.0.0.1:{receiver.server_port}/"
        settings.write_text(f'log.level = "warning"\naudit.file = "{file}"\naudit.url = "{url}"\n')
        with running_server("fake://web", tmp_path, "--config", str(settings)) as server:
            opened = asyncio.run(driven(server, receiver))
    lines = asyncio.run(everything(place))
    kinds: dict[str, Counter[Kind]] = {}
    for event in map(decode_event, lines):
        kinds.setdefault(event.session, Counter())[event.kind] += 1
    missing = [session for session in opened if kinds[session][Kind.OPENED] != 1]
    assert not missing, f"{len(missing)} of {len(opened)} sessions have no event, or several"
    assert {kinds[session][Kind.ENDED] for session in opened} == {1}, "each ends once"
    assert in_order(receiver.lines) == lines
    assert in_order(file.read_text().splitlines()) == lines
    print(f"{len(lines)} events, {len(opened)} sessions, {KILLS} kills, {len(receiver.lines) - len(lines)} sent twice")


async def driven(server: ServerProcess, receiver: Receiver) -> set[str]:
    load = Load(server)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run(SESSIONS))
        tasks.create_task(trouble(load, server, receiver, random.Random(SESSIONS)))
    receiver.is_down = False
    return load.opened
