"""Rules that come and go while the server runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from tests.unit.client.certificates import ca_file
from tests.unit.server.test_config_federation import rule
from whale.audit.recorder import Recorder
from whale.broker.trail import Trail
from whale.model.errors import ConfigError
from whale.server.config_federation import FederationRule
from whale.server.federation import ServerFederation, opened_federation

TOKEN = "e30.eyJpc3MiOiJodHRwczovL3Rva2VuLmFjdGlvbnMuZ2l0aHVidXNlcmNvbnRlbnQuY29tIn0.x"
"""Names the issuer of the rules, and proves nothing."""


class World(NamedTuple):
    federation: ServerFederation
    log: Memory
    recorder: Recorder
    changed: list[bool]

    async def reload(self, rules: Sequence[FederationRule]) -> None:
        await self.federation.reload(lambda: rules, lambda: self.changed.append(True))

    async def events(self) -> list[tuple[str, str, int | None]]:
        await eventually(lambda: not self.recorder.queued, "written")
        return [(event.kind.value, event.reason, event.count) for event in self.log.events]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    log = Memory()
    recorder = Recorder(log)
    async with recorder.running(), opened_federation([rule()], Trail(recorder)) as federation:
        yield World(federation, log, recorder, [])


async def test_rules_are_replaced_as_a_whole(world: World) -> None:
    live = world.federation.live
    assert live.rules == [rule().rule]
    assert live.prover_of(TOKEN) is not None
    await world.reload([rule()])
    assert world.changed == [], "nothing is other than it was"
    await world.reload([rule(name="a"), rule(name="b"), rule(name="c", issuer="https://ci.example")])
    assert world.changed == [True]
    assert [each.name for each in live.rules] == ["a", "b", "c"]
    assert len(live._provers) == 2
    await world.reload([])
    assert world.changed == [True, True]
    assert (live.rules, live.fingerprints, live.prover_of(TOKEN)) == ([], frozenset(), None)
    assert await world.events() == [
        ("federation.loaded", "deploy", 1),
        ("federation.loaded", "a, b, c", 3),
        ("federation.loaded", "", 0),
    ]


async def test_on_error_what_was_in_force_stays(world: World, tmp_path: Path) -> None:
    def fails() -> Sequence[FederationRule]:
        raise ConfigError("federation[0].issuer: must be an https:// address", path="federation[0].issuer")

    await world.federation.reload(fails, lambda: world.changed.append(True))
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    await world.reload([rule(name="other", issuer="https://ci.example"), rule(ca_file=str(bad))])
    assert world.changed == []
    assert world.federation.live.rules == [rule().rule]
    assert [kind for kind, _, _ in await world.events()] == ["federation.loaded"] + ["federation.refused"] * 2
    assert [reason for _, reason, _ in await world.events()][1:] == [
        "federation[0].issuer: must be an https:// address",
        "federation.deploy.ca_file: is no CA certificate in PEM",
    ]
    await world.reload([rule(ca_file=ca_file(tmp_path))])
    assert world.changed == [True]


async def test_a_server_without_rules_imports_nothing_for_them() -> None:
    code = (
        "import asyncio, sys\n"
        "from whale.server.federation import opened_federation\n"
        "from whale.broker.trail import Trail\n"
        "async def main():\n"
        "    async with opened_federation([], Trail()):\n"
        "        assert not {'joserfc', 'cryptography'} & set(sys.modules)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await asyncio.wait_for(process.wait(), 30) == 0
