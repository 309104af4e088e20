"""What benchmarks run on: engine, containers, a server, the paths. Each part is made when first asked for."""

import contextlib
import shutil
from contextlib import AbstractContextManager
from pathlib import Path as FilePath

from bench import paths
from bench.containers import container
from bench.install import Installed, installed
from bench.model import BenchError
from bench.paths import Path
from bench.profile import profiled
from bench.server import Server, running_server
from bench.ssh import Ssh, ssh_server
from scripts.provision.api import EngineApi
from scripts.provision.say import say

BUSYBOX = "whale/busybox"
DEV = "whale/dev"


class Bed:
    """Use it as a context: at its end everything that was started is gone."""

    def __init__(self, engine: EngineApi, *, quick: bool, python: str = "", profile: FilePath | None = None) -> None:
        self.engine = engine
        self.quick = quick
        """Fewer rounds and smaller sizes: to see that it works, not to believe the figures."""
        self._python = python
        self._profile = profile
        """Where recordings of the servers go; None for not recording."""
        self.left_out: list[str] = []
        """Paths that can't be had here, and why; they belong in the notes."""
        self._stack = contextlib.ExitStack()
        self._containers: dict[str, str] = {}
        self._installed: Installed | None = None
        self._server: Server | None = None
        self._ssh: Ssh | None = None
        self._ssh_tried = False

    def __enter__(self) -> "Bed":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def host(self) -> str:
        """The engine's address, as DOCKER_HOST takes it."""
        return self.engine.host

    def rounds(self, full: int, quick: int) -> int:
        """The one that counts for this run."""
        return quick if self.quick else full

    def container(self, image: str) -> str:
        """The run's container of an image."""
        if image not in self._containers:
            self._containers[image] = self._stack.enter_context(container(self.engine, image))
        return self._containers[image]

    @property
    def installed(self) -> Installed:
        """Whale, installed as users install it."""
        if self._installed is None:
            self._installed = self._stack.enter_context(installed(self._python))
        return self._installed

    @property
    def server(self) -> Server:
        """The server in front of the real engine."""
        if self._server is None:
            self._server = self._stack.enter_context(running_server(self.installed.whale_server, self.host))
        return self._server

    @property
    def has_ssh(self) -> bool:
        """True when paths through ssh took part."""
        return self._ssh is not None

    def profiled(self, server: Server, name: str) -> AbstractContextManager[None]:
        """Record where a server's time goes while the block runs, if this run is for that."""
        return contextlib.nullcontext() if self._profile is None else profiled(server.pid, self._profile, name)

    def recorded(self, name: str) -> AbstractContextManager[None]:
        """The same for the server in front of the real engine, started for it."""
        return contextlib.nullcontext() if self._profile is None else self.profiled(self.server, name)

    @property
    def ssh(self) -> Ssh | None:
        """The SSH server; None where there can't be one, which is then said once and noted."""
        if not self._ssh_tried:
            self._ssh_tried = True
            try:
                self._ssh = self._stack.enter_context(ssh_server(self.host))
            except BenchError as error:
                self.left_out.append(f"the paths through ssh were left out: {error}")
                say(self.left_out[-1])
        return self._ssh

    def whale(self) -> Path:
        """Whale through its server."""
        return paths.whale_path(self.installed.whale, self.server.environment)

    def docker(self) -> Path:
        """The docker command on the engine's own host."""
        return paths.docker_path(self._docker(), self.host)

    def docker_ssh(self) -> list[Path]:
        """The docker command with its engine behind ssh; empty where there is no ssh."""
        return [paths.docker_ssh_path(self._docker(), self.ssh)] if self.ssh is not None else []

    def ssh_docker(self) -> list[Path]:
        """The docker command run through ssh; empty where there is no ssh."""
        return [paths.ssh_docker_path(self.ssh)] if self.ssh is not None else []

    def _docker(self) -> str:
        return paths.require(shutil.which("docker"), "docker")
