"""What a service manager is told, and that the unit for systemd and the code mean the same."""

import configparser
import os
from pathlib import Path

import pytest

from tests.unit.keeper.manager import Manager
from whale.engine.seam import EndPolicy
from whale.keeper.systemd import MOST
from whale.model.limits import MAX_SESSIONS
from whale.server import config
from whale.server.config_sessions import ShutdownSection
from whale.server.service_manager import told_manager
from whale.server.sessions import END_MARGIN
from whale.server.stop import STOP_SIGNALS

DOCS = Path(__file__).parents[3] / "docs"
UNIT = DOCS / "whale-server.service"


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_at_the_start_and_stopping_at_the_end(tmp_path: Path, abstract: bool) -> None:
    manager = Manager(tmp_path, abstract=abstract).start()
    with told_manager(manager.environ):
        manager.settle()
        assert manager.said == ["READY=1"]
    manager.settle()
    assert manager.said == ["READY=1", "STOPPING=1"]
    manager.close()


def test_stopping_also_when_it_fails(tmp_path: Path) -> None:
    manager = Manager(tmp_path).start()
    with pytest.raises(ZeroDivisionError), told_manager(manager.environ):
        raise ZeroDivisionError
    manager.settle()
    assert manager.said == ["READY=1", "STOPPING=1"]
    manager.close()


@pytest.mark.parametrize("address", ["", "nothing", "/nowhere/notify"])
def test_nobody_to_tell(address: str) -> None:
    before = os.listdir("/proc/self/fd")
    with told_manager({"NOTIFY_SOCKET": address}):
        pass
    assert os.listdir("/proc/self/fd") == before


@pytest.fixture(scope="module")
def unit() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    assert parser.sections() == ["Unit", "Service", "Install"]
    return {key: value for section in parser.sections() for key, value in parser[section].items()}


def test_the_unit_waits_until_it_is_told(unit: dict[str, str]) -> None:
    assert (unit["Type"], unit["NotifyAccess"]) == ("notify", "main")


def test_the_unit_stores_as_much_as_can_be_handed_over(unit: dict[str, str]) -> None:
    assert MOST - 100 < int(unit["FileDescriptorStoreMax"]) <= MOST
    assert unit["FileDescriptorStorePreserve"] == "yes"


def test_the_unit_stops_with_the_signals_that_the_server_means(unit: dict[str, str]) -> None:
    assert unit["KillSignal"] == STOP_SIGNALS[False].name
    assert f"--signal={STOP_SIGNALS[True].name}" in UNIT.read_text()
    assert f"--signal={STOP_SIGNALS[True].name}" in (DOCS / "operate.md").read_text()
    assert unit["Restart"] == "on-failure"


def test_the_unit_gives_the_server_time_to_stop(unit: dict[str, str]) -> None:
    assert int(unit["TimeoutStopSec"]) > ShutdownSection().grace + sum(EndPolicy()) + END_MARGIN


def test_the_unit_allows_all_sessions(unit: dict[str, str]) -> None:
    assert int(unit["LimitNOFILE"]) > 4 * MAX_SESSIONS


def test_the_unit_has_the_servers_own_place(unit: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Path("/var/lib", unit["StateDirectory"]) == config._default_state_dir({})
    assert "--state-dir ${STATE_DIRECTORY}" in unit["ExecStart"]


def test_the_unit_leaves_the_server_what_it_needs(unit: dict[str, str]) -> None:
    assert set(unit["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert not {"ProtectProc", "ProcSubset", "MemoryDenyWriteExecute", "PrivateNetwork", "PrivateUsers"} & set(unit)
    assert unit["ProtectHome"] == "read-only"
    assert {"CAP_KILL", "CAP_SYS_PTRACE"} < set(unit["CapabilityBoundingSet"].split())


@pytest.mark.parametrize("key", ["FileDescriptorStoreMax", "FileDescriptorStorePreserve", "TimeoutStopSec", "Type"])
def test_the_page_says_what_the_unit_says(unit: dict[str, str], key: str) -> None:
    assert f"`{key}={unit[key]}`" in (DOCS / "operate.md").read_text()
