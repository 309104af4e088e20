"""The door as the settings have it."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.model.errors import ConfigError
from whale.server.config_model import TlsSection
from whale.server.config_sessions import LimitsSection
from whale.server.door import ServerDoor
from whale.server.parts import opened_parts

PROXY, CLIENT = "192.0.2.10", "203.0.113.1"


async def opened(door: ServerDoor, tmp_path: Path) -> str:
    """Open a door, and return where it listens."""
    async with opened_parts(config_for(tmp_path), door.attempts) as parts:
        runner, site = await door.open(parts, tls=None, render_metrics=lambda: b"")
        assert runner.addresses[0][1] > 0
        await site.stop()
        await runner.cleanup()
    return site.name


async def test_listens_where_the_settings_say(tmp_path: Path) -> None:
    assert await opened(ServerDoor(config_for(tmp_path)), tmp_path) == "http://127.0.0.1:0"


async def test_an_address_in_use_is_a_clear_error(tmp_path: Path, unused_tcp_port: int) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", unused_tcp_port)
    async with server:
        with pytest.raises(ConfigError) as failed:
            await opened(ServerDoor(config_for(tmp_path, listen=f"127.0.0.1:{unused_tcp_port}")), tmp_path)
    assert failed.value.path == "listen"
    assert "--listen" in failed.value.hint


@pytest.mark.parametrize(
    ("changes", "shared", "alone"),
    [
        ({}, ["127.0.0.1", "::1"], [PROXY, CLIENT]),
        ({"trusted_proxies": ("192.0.2.0/24",)}, ["127.0.0.1", PROXY], [CLIENT]),
        ({"tls": TlsSection(behind_proxy=True)}, ["127.0.0.1", PROXY, CLIENT], []),
        (
            {"tls": TlsSection(behind_proxy=True), "trusted_proxies": ("192.0.2.0/24",)},
            ["127.0.0.1", PROXY],
            [CLIENT],
        ),
    ],
)
def test_which_addresses_stand_for_many(
    tmp_path: Path, changes: dict[str, object], shared: list[str], alone: list[str]
) -> None:
    door = ServerDoor(config_for(tmp_path, **changes))
    assert [address for address in (*shared, *alone) if door._is_shared(address)] == shared


def test_says_what_a_proxy_that_names_nobody_costs(tmp_path: Path) -> None:
    behind = TlsSection(behind_proxy=True)
    assert "trusted_proxies" in ServerDoor(config_for(tmp_path, tls=behind)).announcement()[0]
    told = config_for(tmp_path, tls=behind, trusted_proxies=(PROXY,))
    assert ServerDoor(told).announcement() == ServerDoor(config_for(tmp_path)).announcement() == []


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    limits = LimitsSection(unauthenticated=10, unauthenticated_per_address=2, auth_failures=1, auth_lockout=7)
    door = ServerDoor(config_for(tmp_path, limits=limits))
    assert (door.unauthenticated._limits.overall, door.unauthenticated._limits.per_address) == (10, 2)
    assert (door.attempts._at_network._size, door.attempts._at_network._lockout) == (1, 7)
