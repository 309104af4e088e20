"""A whale-server under a service manager, of which there is a stand-in here, in front of a real engine."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import TestEngine
from tests.server_process import DEADLINE, create_token, wait_for_address, whale_server
from tests.unit.keeper.conftest import eventually
from tests.unit.keeper.manager import Manager
from whale.model.ids import ContainerId

WHALE = str(Path(sys.executable).with_name("whale"))
COUNT = "for i in 1 2 3 4 5; do echo $i; sleep 0.5; done; exit 3"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    started = Manager(tmp_path).start()
    yield started
    started.close()


class Service:
    """A unit whose process is started and stopped."""

    def __init__(self, manager: Manager, docker: TestEngine, directory: Path) -> None:
        self.manager = manager
        self.state = directory / "state"
        self.token = create_token(self.state, "tests")
        self._command = whale_server("--engine", docker.url, state_dir=self.state)
        self._log = directory / "server.log"
        self._listen = "127.0.0.1:0"

    def start(self) -> str:
        """Start it, and return where it listens once it has said that it is ready."""
        said = len(self.manager.said)
        with self._log.open("wb") as stderr:
            self.process = self.manager.launch(*self._command, "--listen", self._listen, stderr=stderr)
        eventually(lambda: self.manager.said[said:] == ["READY=1"] or self.process.poll() is not None, "ready")
        url = wait_for_address(self.process, self._log)
        self._listen = url.removeprefix("http://")
        return url

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


@pytest.fixture
def service(manager: Manager, docker: TestEngine, tmp_path: Path) -> Iterator[Service]:
    made = Service(manager, docker, tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait(DEADLINE)


def test_a_session_goes_on_over_a_stop_of_its_unit(
    service: Service, docker: TestEngine, container: ContainerId
) -> None:
    url = service.start()
    client = subprocess.Popen(
        [WHALE, "exec", container, "sh", "-c", COUNT],
        env={"WHALE_URL": url, "WHALE_TOKEN": service.token, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert client.stdout is not None
    assert client.stdout.readline() == b"1\n"
    assert service.stop(signal.SIGTERM) == 0
    service.manager.settle()
    assert service.manager.said == ["READY=1", "STOPPING=1"]
    assert len({name.split(".")[0] for name in service.manager.stored()}) == 1, "one session is stored"
    service.start()
    out, err = client.communicate(timeout=DEADLINE)
    assert (client.returncode, out) == (3, b"2\n3\n4\n5\n"), err


def test_the_other_signal_ends_the_sessions_too(service: Service, docker: TestEngine, container: ContainerId) -> None:
    url = service.start()
    client = subprocess.Popen(
        [WHALE, "exec", container, "sleep", "1000"],
        env={"WHALE_URL": url, "WHALE_TOKEN": service.token, "PATH": "/usr/bin:/bin"},
        stderr=subprocess.PIPE,
    )
    eventually(lambda: docker.processes(container) != [], "started")
    assert service.stop(signal.SIGUSR1) == 0
    assert docker.processes(container) == []
    client.communicate(timeout=DEADLINE)
    assert client.returncode == 125
    service.manager.settle()
    assert service.manager.stored() == []
