"""Real engines for tests: finds Docker, starts Podman, makes containers that nobody else uses.

An engine that is missing is a failed test, never a skipped one.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts.provision.api import EngineApi
from scripts.provision.images import ensure_images
from scripts.provision.rootfs import cached_tar, recipes
from whale.engine.seam import Engine, Exec
from whale.model.container import Container
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec, ExitStatus, Stream
from whale.model.ids import ContainerId, SessionId, new_session_id
from whale.model.terminal import TerminalSize

TIMEOUT = float(os.environ.get("WHALE_TEST_TIMEOUT", "30"))
"""Seconds a test waits for something that should happen at once; larger for slow machines."""

SIZE = TerminalSize(cols=111, rows=33)
TEST_LABEL = "whale.test"

_PODMAN_LIMITS = [
    {"Name": "nofile", "Soft": 20000, "Hard": 20000},
    {"Name": "nproc", "Soft": 10000, "Hard": 10000},
]


class Recorder:
    """An `ExecOutput` that keeps what it is given. `keep=False` only counts it."""

    def __init__(self, *, keep: bool = True) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.received = 0
        self.ended = asyncio.Event()
        self.drained = 0
        self._keep = keep
        self._news = asyncio.Event()

    def output_received(self, stream: Stream, data: bytes) -> None:
        assert data
        assert not self.ended.is_set(), "output after its end"
        self.received += len(data)
        if self._keep:
            (self.out if stream is Stream.STDOUT else self.err).extend(data)
        self._news.set()

    def output_committed(self) -> None:
        """Nothing leaves this process."""

    def output_ended(self) -> None:
        assert not self.ended.is_set(), "ended twice"
        self.ended.set()
        self._news.set()

    def stdin_drained(self) -> None:
        self.drained += 1
        self._news.set()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until `condition` holds; it is looked at whenever something arrives."""
        try:
            async with asyncio.timeout(TIMEOUT):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(
                f"never {what}: out={bytes(self.out[-500:])!r} err={bytes(self.err[-500:])!r}"
            ) from None

    async def until_out(self, text: bytes) -> None:
        """Wait until standard output holds `text`."""
        await self.until(lambda: text in self.out, f"saw {text!r}")

    async def until_ended(self) -> None:
        """Wait for the end of the output."""
        await self.until(self.ended.is_set, "ended")


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Poll until `condition` holds."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"never {what}"
        await asyncio.sleep(0.02)


class Finished:
    """What became of a command that ran to its end."""

    def __init__(self, status: ExitStatus, out: bytes, err: bytes) -> None:
        self.status = status
        self.out = out
        self.err = err


async def run(
    engine: Engine,
    container: Container,
    *command: str,
    stdin: bytes | None = None,
    tty: bool = False,
    size: TerminalSize | None = None,
    user: str = "",
    workdir: str = "",
    env: tuple[tuple[str, str], ...] = (),
) -> Finished:
    """Run a command to its end. With `stdin` it gets these bytes and then the end of its input."""
    spec = ExecSpec(command=command, tty=tty, stdin=stdin is not None, size=size, user=user, workdir=workdir, env=env)
    output = Recorder()
    running = await engine.start_exec(container.id, spec, session=new_session_id(), output=output)
    try:
        if stdin is not None:
            running.write_stdin(stdin)
            running.end_stdin()
        await output.until_ended()
        return Finished(await running.wait(), bytes(output.out), bytes(output.err))
    finally:
        await running.aclose()


async def start(
    engine: Engine, container: Container, *command: str, session: SessionId | None = None, tty: bool = False
) -> tuple[Exec, Recorder]:
    """Start a command with input. The caller must `aclose` it."""
    output = Recorder()
    spec = ExecSpec(command=command, stdin=True, tty=tty, size=SIZE if tty else None)
    running = await engine.start_exec(container.id, spec, session=session or new_session_id(), output=output)
    return running, output


async def failure(engine: Engine, container: Container, spec: ExecSpec, kind: type[WhaleError]) -> str:
    """Start what can't be started; return the error's code, wherever it is raised. No byte may be output."""
    output = Recorder()
    try:
        running = await engine.start_exec(container.id, spec, session=new_session_id(), output=output)
        try:
            await output.until_ended()
            await running.wait()
        finally:
            await running.aclose()
    except kind as error:
        assert (bytes(output.out), bytes(output.err)) == (b"", b"")
        return error.code
    raise AssertionError(f"{spec.command} was started")


class TestEngine:
    """A real engine, with what tests need beyond whale's own seam."""

    __test__ = False

    def __init__(self, api: EngineApi, kind: str) -> None:
        self.api = api
        self.kind = kind
        self.url = api.host

    def create(self, image: str = "whale/busybox", *, tty: bool = False, command: tuple[str, ...] = ()) -> ContainerId:
        """Start a container with a unique name. Tests use `container`, which also removes it."""
        host: dict[str, Any] = {"NetworkMode": "none"}
        if self.kind == "podman":
            host["Ulimits"] = _PODMAN_LIMITS
        body = {
            "Image": image,
            "Cmd": list(command) or ["/bin/sleep", "1000000"],
            "Tty": tty,
            "Labels": {TEST_LABEL: "1"},
            "HostConfig": host,
        }
        made = self.api.call("POST", f"/containers/create?name=whale-test-{secrets.token_hex(6)}", body)
        self.api.call("POST", f"/containers/{made['Id']}/start")
        return ContainerId(made["Id"])

    def remove(self, container: str) -> None:
        """Remove a container, running or not; one that is gone already is fine."""
        if self.api.find(f"/containers/{container}/json") is not None:
            self.api.call("DELETE", f"/containers/{container}?force=1&v=1")

    @contextlib.contextmanager
    def container(
        self, image: str = "whale/busybox", *, tty: bool = False, command: tuple[str, ...] = ()
    ) -> Iterator[ContainerId]:
        """Start a container and remove it at the end."""
        made = self.create(image, tty=tty, command=command)
        try:
            yield made
        finally:
            self.remove(made)

    def processes(self, container: str) -> list[str]:
        """The command lines of all processes in a container, its own first process left out."""
        found = self.api.find(f"/containers/{container}/json")
        first = int(found["State"]["Pid"]) if found else 0
        if not first:
            return []
        return [line for pid, line in _neighbours(first) if pid != first]


def _neighbours(first: int) -> Iterator[tuple[int, str]]:
    """Processes of this machine in the process namespace of `first`, without zombies."""
    try:
        namespace = os.readlink(f"/proc/{first}/ns/pid")
    except OSError:
        return
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") == namespace:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if line:
                    yield int(entry.name), line


def ensure_small_images(api: EngineApi) -> None:
    """Import the two images that are small; Podman's own storage is made anew for every run."""
    for recipe in recipes():
        if recipe.name != "whale/dev":
            api.import_image(cached_tar(recipe), recipe.name, list(recipe.changes))


def docker_engine() -> TestEngine:
    """The Docker Engine that DOCKER_HOST names."""
    host = os.environ.get("DOCKER_HOST", "")
    assert host, "DOCKER_HOST must name a Docker Engine: `make test` starts one"
    api = EngineApi(host)
    assert api.answers(), f"no container engine answers at {host}"
    ensure_images(api)
    return TestEngine(api, "docker")


class TlsEngine(TestEngine):
    """A dockerd that also listens with TLS."""

    secure_url: str = ""


@contextlib.contextmanager
def tls_docker(directory: Path, *, ca: Path) -> Iterator[TlsEngine]:
    """A dockerd of our own that asks for client certificates; server.pem and server-key.pem are in `directory`."""
    assert shutil.which("dockerd"), "dockerd is not installed: `make test` installs docker.io"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="whale-dockerd-"))
    command = [
        "dockerd", "--data-root", str(home / "root"), "--exec-root", str(home / "exec"), "-p", str(home / "pid"),
        "-H", f"unix://{home}/docker.sock", "-H", f"tcp://127.0.0.1:{port}", "--iptables=false", "--bridge=none",
        "--tlsverify", "--tlscacert", str(ca), "--tlscert", str(directory / "server.pem"),
        "--tlskey", str(directory / "server-key.pem"),
    ]  # fmt: skip
    with (home / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        made = TlsEngine(EngineApi(f"unix://{home}/docker.sock"), "docker")
        made.secure_url = f"tcp://127.0.0.1:{port}"
        _wait_for(made.api, daemon, home / "log")
        ensure_small_images(made.api)
        yield made
    finally:
        _stop(daemon)
        _unmount_below(home)
        shutil.rmtree(home, ignore_errors=True)


def _wait_for(api: EngineApi, service: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not api.answers():
        assert service.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"the engine does not answer: {log.read_text()}"
        time.sleep(0.05)


def _stop(service: "subprocess.Popen[bytes]") -> None:
    service.send_signal(signal.SIGTERM)
    try:
        service.wait(timeout=30)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()


@contextlib.contextmanager
def podman_engine() -> Iterator[TestEngine]:
    """A Podman of our own: its service, its storage. Everything is gone at the end."""
    assert shutil.which("podman"), "podman is not installed: `make test` installs it"
    home = Path(tempfile.mkdtemp(prefix="whale-podman-"))
    podman = [
        "podman", "--root", str(home / "root"), "--runroot", str(home / "run"), "--tmpdir", str(home / "tmp"),
        "--runtime", "runc",
    ]  # fmt: skip
    with (home / "log").open("wb") as log:
        service = subprocess.Popen(
            [*podman, "system", "service", "--time=0", f"unix://{home}/podman.sock"], stdout=log, stderr=log
        )
    try:
        api = EngineApi(f"unix://{home}/podman.sock")
        _wait_for(api, service, home / "log")
        ensure_small_images(api)
        yield TestEngine(api, "podman")
    finally:
        for rest in (["rm", "--all", "--force", "--time=0"], ["rmi", "--all", "--force"]):
            subprocess.run([*podman, *rest], check=False, capture_output=True, timeout=120)
        _stop(service)
        _kill_monitors(home)
        _unmount_below(home)
        shutil.rmtree(home, ignore_errors=True)


def _kill_monitors(home: Path) -> None:
    """End Podman's monitors of this home: it keeps one per exec for five minutes after the exec's end."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                line = (entry / "cmdline").read_bytes()
                if b"conmon" in line.split(b"\0")[0] and str(home).encode() in line:
                    os.kill(int(entry.name), signal.SIGKILL)


def _unmount_below(directory: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{directory}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True, timeout=30)


class CutProxy:
    """Stands between whale and an engine's socket, and cuts everything when told."""

    def __init__(self, target: str, directory: Path) -> None:
        self._target = target.removeprefix("unix://")
        self._path = directory / "cut.sock"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where whale connects."""
        return f"unix://{self._path}"

    async def open(self) -> None:
        """Listen, also again after `cut`."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def cut(self) -> None:
        """Stop listening and break every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self._target)
            self._writers.add(up_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, up_writer))
                group.create_task(_copy(up_reader, writer))
        except OSError:
            writer.close()
        finally:
            self._tasks.discard(task)
            self._writers -= {writer, *(w for w in self._writers if w.is_closing())}
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()
