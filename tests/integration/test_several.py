"""Several people in one session, over real sockets and with real tokens, against the fake engine."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.door import Door, add_token, open_door
from tests.engines import eventually
from tests.wire_client import DEADLINE, WireClient, connected
from whale.broker.review import Review
from whale.broker.revocation import Revocation
from whale.engine.fake import FakeEngine, FakeProcess
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_PIECE
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.session.session import Session

LIMIT = 2.0
"""Seconds in which everything that lived by a token is gone."""

SHELL = ExecSpec(tty=True, stdin=True, size=TerminalSize(cols=100, rows=30))
FLOOD = ExecSpec(command=("flood",), tty=True, stdin=True)
KEYS = {name: letter * 32 for name, letter in (("alice", "a"), ("bob", "b"), ("carol", "c"))}


class House(NamedTuple):
    """A door that looks at its tokens, and those of three people who may do everything in each other's sessions."""

    door: Door
    tokens: dict[str, str]
    stack: AsyncExitStack

    async def connect(self, name: str, *, going_on_with: WireClient | None = None) -> WireClient:
        token = self.tokens[name]
        return await self.stack.enter_async_context(connected(self.door, token=token, going_on_with=going_on_with))

    async def open(self, name: str, spec: ExecSpec) -> WireClient:
        client = await self.connect(name)
        await client.open("web", spec, attachment=KEYS[name])
        return client

    async def join(self, name: str, *, role: Role = Role.CONTROLLER) -> WireClient:
        client = await self.connect(name)
        await client.join(self.session.id, role=role, attachment=KEYS[name])
        assert client.failure is None
        return client

    async def revoke(self, name: str) -> None:
        assert await self.door.tokens.revoke(name, at=int(time.time()))

    @property
    def session(self) -> Session:
        (session,) = self.door.registry.sessions()
        return session


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    made = FakeEngine.from_url("fake://web", name="local")
    yield made
    await made.aclose()


@pytest.fixture
async def house(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[House]:
    async with open_door(engine, tmp_path / "state", sessions="control") as door, AsyncExitStack() as stack:
        tokens = {"alice": door.token}
        for name in ("bob", "carol"):
            tokens[name] = await add_token(door.tokens, name)
        readers = door.broker.readers
        review = Review(door.policy, door.registry, readers, door.approvals)
        async with Revocation(door.tokens, door.registry, readers, review, door.approvals).watching():
            yield House(door, tokens, stack)
            await stack.aclose()


async def refusal(client: WireClient) -> str:
    while client.failure is None:
        await client.step()
    async with asyncio.timeout(DEADLINE):
        await client.transport.wait_closed()
    return client.failure.code


async def test_who_is_revoked_is_out_within_two_seconds_and_the_others_go_on(house: House) -> None:
    alice = await house.open("alice", SHELL)
    bob, carol = await house.join("bob"), await house.join("carol", role=Role.VIEWER)
    await bob.write(b"echo from-bob\n")
    for client in (alice, bob, carol):
        await client.read_until(b"from-bob\r\n")
    async with asyncio.timeout(LIMIT):
        await house.revoke("bob")
        assert await refusal(bob) == "auth.revoked"
    assert bob.close_code == 4401
    await alice.write(b"echo still-here\n")
    await carol.read_until(b"still-here\r\n")
    assert [member.principal.name for member in house.session.audience.members] == ["alice", "carol"]
    assert house.session.audience.size() == (100, 30), "bob's smaller terminal counts no more"


async def test_who_is_revoked_and_reads_nothing_is_out_as_soon(house: House, engine: FakeEngine) -> None:
    async def flood(process: FakeProcess) -> int:
        await process.read()
        while True:
            await process.write(b"x" * MAX_PIECE)

    engine.add_program("flood", flood)
    alice = await house.open("alice", FLOOD)
    bob, carol = await house.join("bob"), await house.join("carol", role=Role.VIEWER)
    for client in (bob, carol):
        client.transport.transport.pause_reading()
    await alice.write(b"\n")
    async with asyncio.timeout(DEADLINE):
        while len(alice.stdout) < 4 * MAX_PIECE:
            await alice.step()
    for name in ("bob", "carol"):
        await house.revoke(name)
    async with asyncio.timeout(LIMIT):
        await eventually(lambda: not bob.is_connected and not carol.is_connected, "nobody to be connected")
    before = len(alice.stdout)
    async with asyncio.timeout(DEADLINE):
        while len(alice.stdout) < before + 8 * MAX_PIECE:  # more than bob's window
            await alice.step()
    for client in (bob, carol):
        client.transport.transport.abort()


async def test_a_session_ends_with_the_token_of_its_owner_for_everybody(house: House, engine: FakeEngine) -> None:
    alice = await house.open("alice", SHELL)
    bob = await house.join("bob")
    async with asyncio.timeout(LIMIT):
        await house.revoke("alice")
        assert await refusal(alice) == "auth.revoked"
        await bob.finish()
    assert bob.status is not None
    assert bob.status.status == (None, "auth.revoked")
    assert engine.running == 0
    await eventually(lambda: len(house.door.registry) == 0, "nothing to be left")


async def test_who_was_revoked_while_it_was_away_does_not_come_back(house: House) -> None:
    await house.open("alice", SHELL)
    bob = await house.join("bob")
    bob.transport.transport.abort()
    await eventually(lambda: house.session.audience.members[1].is_lost, "bob to be lost")
    await house.revoke("bob")
    async with asyncio.timeout(LIMIT):
        await eventually(lambda: len(house.session.audience.members) == 1, "bob's place to be taken away")
    house.tokens["bob"] = await add_token(house.door.tokens, "bob-again")
    again = await house.connect("bob", going_on_with=bob)
    await again.attach()
    assert again.failure is not None
    assert again.failure.code == "session.gone"


async def test_all_see_the_same_bytes_also_who_was_away(house: House) -> None:
    alice = await house.open("alice", SHELL)
    await alice.read_until(b"$ ")
    began = len(alice.stdout)
    bob, carol = await house.join("bob"), await house.join("carol", role=Role.VIEWER)
    for number in range(20):
        await (alice, bob)[number % 2].write(b"echo line-%d\n" % number)
        await alice.read_until(b"line-%d\r\n" % number)
        if number == 7:
            carol.transport.transport.abort()
            await carol.transport.wait_closed()
        if number == 13:
            carol = await house.connect("carol", going_on_with=carol)
            await carol.attach()
    await alice.write(b"exit 3\n")
    for client in (alice, bob, carol):
        await client.finish()
        assert client.status is not None
        assert client.status.status.code == 3
    assert bob.stdout == carol.stdout == alice.stdout[began:]
    await eventually(lambda: len(house.door.registry) == 0, "nothing to be left")


async def test_the_first_one_present_answers_and_each_change_is_told(house: House) -> None:
    alice = await house.open("alice", SHELL)
    bob = await house.join("bob")
    assert alice.opened is not None
    assert bob.opened is not None
    assert (alice.opened.answers, bob.opened.answers) == (True, False)
    alice.transport.transport.abort()
    await eventually(lambda: house.session.audience.members[1].answers, "bob's terminal to answer")
    again = await house.connect("alice", going_on_with=alice)
    await again.attach()
    assert [member.answers for member in house.session.audience.members] == [True, False]
    await again.detach()
    await eventually(lambda: [member.answers for member in house.session.audience.members] == [True], "bob again")
    await bob.write(b"exit\n")
    await bob.finish()
    assert bob.status is not None
    assert bob.status.status.code == 0
