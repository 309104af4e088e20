"""Many live sessions, looked on at by others, and logs that are followed: all end at once with the right to them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from websockets.asyncio.client import connect

from tests.server_process import ServerProcess, running_server
from tests.wire_client import DEADLINE, WireClient
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_MESSAGE
from whale.model.role import Role
from whale.server import tokens
from whale.store.database import Database
from whale.store.tokens import TokenTable
from whale.wire.frames import SUBPROTOCOL
from whale.wire.framing import MEDIA_TYPE, FramedReader
from whale.wire.messages import decode_status

MANY = 200 if os.environ.get("WHALE_SOAK") else 20
LOGS = 10
LIMIT = 2.0
"""Seconds from the change to the end of the last of them."""

SHELL = ExecSpec(tty=True, stdin=True)
POLICIES = """
permit(principal, action == Action::"list", resource);
permit(principal in Group::"staff", action in [Action::"shell", Action::"logs"], resource);
permit(principal == Machine::"bob", action in [Action::"view"], resource);
permit(principal, action in [Action::"view", Action::"attach"], resource) when { resource in principal };
"""
FORBIDDEN = '@reason("maintenance") forbid(principal, action in [Action::"shell", Action::"logs"], resource);'


class Crowd(NamedTuple):
    """A server, and everybody who is connected to it."""

    server: ServerProcess
    state: Path
    policies: Path
    stack: AsyncExitStack
    tokens: dict[str, str]

    async def client(self, name: str) -> WireClient:
        return WireClient(
            await self.stack.enter_async_context(
                connect(
                    f"ws://127.0.0.1:{self.server.port}/1.0/shell",
                    subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                    additional_headers={"Authorization": f"Bearer {self.tokens[name]}"},
                    max_size=MAX_MESSAGE,
                    compression=None,
                )
            )
        )

    async def make_token(self, name: str) -> None:
        made = await tokens.create(self.state, name, groups=["staff"])
        self.tokens[name] = made.text.reveal()

    async def open(self) -> list[WireClient]:
        """Alice has sessions, each with bob looking on. Returns all of their clients."""
        async with asyncio.TaskGroup() as tasks:
            pairs = [tasks.create_task(self._pair(f"{number:032x}")) for number in range(MANY)]
        return [client for pair in pairs for client in pair.result()]

    async def _pair(self, key: str) -> tuple[WireClient, WireClient]:
        alice, bob = await self.client("alice"), await self.client("bob")
        await alice.open("web", SHELL, attachment=key)
        assert alice.opened is not None, alice.failure
        await bob.join(alice.opened.session, role=Role.VIEWER, attachment=key)
        assert bob.opened is not None, bob.failure
        return alice, bob

    async def until_allowed(self) -> None:
        """Wait until alice may open a shell again."""
        headers = {"Authorization": f"Bearer {self.tokens['alice']}"}
        async with asyncio.timeout(DEADLINE), aiohttp.ClientSession(headers=headers) as session:
            while True:
                async with session.get(f"{self.server.url}/1.0/can?action=shell&name=web") as answer:
                    if (await answer.json())["allowed"]:
                        return

    async def follow(self, followed: asyncio.Semaphore) -> str:
        """Alice follows a log, and says so when the server does. Returns how that ends."""
        headers = {"Authorization": f"Bearer {self.tokens['alice']}", "Accept": MEDIA_TYPE}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{self.server.url}/1.0/containers/web/logs?follow=true") as answer,
        ):
            followed.release()
            [last] = FramedReader().feed(await answer.content.read())
            return decode_status(last[1:]).status.reason


async def end_of(client: WireClient) -> str:
    """Wait for the end, and return its code."""
    await client.finish()
    if client.failure is not None:
        return client.failure.code
    assert client.status is not None
    return client.status.status.reason


@asynccontextmanager
async def crowd(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crowd]:
    policies = directory / "policies"
    policies.mkdir()
    (policies / "all.cedar").write_text(POLICIES)
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(policies))
    with running_server("fake://web", directory) as server:
        async with AsyncExitStack() as stack:
            made = Crowd(server, directory / "state", policies, stack, {})
            for name in ("alice", "bob"):
                await made.make_token(name)
            yield made


async def seconds_until_all_end(crowd: Crowd, change: Callable[[], Awaitable[None]], code: str) -> float:
    """Open them, make the change, and wait until the last of them knows how it ended."""
    clients = await crowd.open()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(end_of(client)) for client in clients]
        followed = asyncio.Semaphore(0)
        ends += [tasks.create_task(crowd.follow(followed)) for _ in range(LOGS)]
        for _ in range(LOGS):
            await followed.acquire()
        assert not any(end.done() for end in ends)
        began = time.monotonic()
        await change()
    took = time.monotonic() - began
    assert {end.result() for end in ends} == {code}
    print(f"{len(clients) // 2} sessions, as many viewers, {LOGS} logs: {took:.2f} s ({code})")
    return took


async def test_all_end_within_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with crowd(tmp_path, monkeypatch) as people:
        database = await Database.open(people.state)
        people.stack.push_async_callback(database.aclose)
        table = TokenTable(database)

        async def lose_group() -> None:
            assert await table.set_groups("alice", ["other"])

        async def change_policy() -> None:
            (people.policies / "forbidden.cedar").write_text(FORBIDDEN)

        async def revoke() -> None:
            assert await table.revoke("alice", at=int(time.time()))

        assert await seconds_until_all_end(people, lose_group, "access.withdrawn") < LIMIT
        assert await table.set_groups("alice", ["staff"])
        assert await seconds_until_all_end(people, change_policy, "access.withdrawn") < LIMIT
        (people.policies / "forbidden.cedar").unlink()
        await people.until_allowed()
        assert await seconds_until_all_end(people, revoke, "auth.revoked") < LIMIT
