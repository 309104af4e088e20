"""An engine for the demo and the tests: the one that is there, else the distribution's, started for this checkout.

An engine started here has its own state, log and socket, makes no network bridge and touches no firewall rule; what
was started is stopped by its process id, and nothing else ever is.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from scripts.provision import packages
from scripts.provision.api import EngineApi
from scripts.provision.find import find_engine, own_socket
from scripts.provision.paths import ENGINE, runtime_dir
from scripts.provision.say import ProvisionError, confirm, say, step

_PID_FILE = ENGINE / "dockerd.pid"
_LOG = ENGINE / "dockerd.log"
_SERVICE_MARK = ENGINE / "service-installed"
_READY_LIMIT = 60.0
_STOP_LIMIT = 40.0


def ensure_engine(*, docker_only: bool = False) -> EngineApi:
    """Return an engine that answers, installing and starting the distribution's only where there is none.

    With `docker_only` Podman found at one of its sockets is not enough. Raises ProvisionError where that is not
    possible, with what to do.
    """
    engine = find_engine(docker_only=docker_only)
    if engine is not None:
        return engine
    if not packages.can_install():
        raise ProvisionError(
            "no container engine found: DOCKER_HOST, the docker context and the usual Docker and Podman sockets"
            " were tried. Start one (for Podman: systemctl --user start podman.socket) or run as root on Debian"
            " or Ubuntu, where it can be installed"
        )
    if shutil.which("dockerd") is None:
        if not confirm("No container engine found. Install the distribution's docker.io and start it?"):
            raise ProvisionError("no container engine, and none installed")
        packages.ensure(packages.GROUPS["engine"], why="a container engine")
        if Path("/run/systemd/system").is_dir():
            return _installed_service()
    return _start()


def stop_engine() -> None:
    """Stop the engine that this checkout started and remove its state; does nothing where there is none."""
    pid = _own_pid()
    if pid is not None:
        with step("stopping the container engine that was started here"):
            _end(pid)
    if _SERVICE_MARK.exists():
        say("stopping the docker service that was installed here; to remove it: apt-get purge docker.io")
        subprocess.run(["systemctl", "disable", "--now", "docker.socket", "docker.service"], check=False, timeout=60)
    for directory in (ENGINE, runtime_dir()):
        if directory.exists():
            _remove(directory)


def is_ours(engine: EngineApi) -> bool:
    """Tell whether the engine is the one that this checkout starts."""
    return engine.host == f"unix://{own_socket()}"


def _installed_service() -> EngineApi:
    """Wait for the service that the package has just started."""
    ENGINE.mkdir(parents=True, exist_ok=True)
    _SERVICE_MARK.touch()
    engine = EngineApi("unix:///var/run/docker.sock")
    deadline = time.monotonic() + _READY_LIMIT
    while not engine.answers():
        if time.monotonic() > deadline:
            raise ProvisionError("docker.io is installed but does not answer; see: systemctl status docker.service")
        time.sleep(0.2)
    return engine


def _start() -> EngineApi:
    ENGINE.mkdir(parents=True, exist_ok=True)
    runtime_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    if _own_pid() is None:
        _PID_FILE.unlink(missing_ok=True)
    engine = EngineApi(f"unix://{own_socket()}")
    with step("starting a container engine for this checkout"), _LOG.open("ab") as log:
        process = subprocess.Popen(_command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _READY_LIMIT
        while not engine.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ProvisionError(f"dockerd did not start; the end of {_LOG}:\n{_tail(_LOG)}")
            time.sleep(0.1)
    return engine


def _command() -> list[str]:
    return [
        "dockerd",
        f"--host=unix://{own_socket()}",
        f"--data-root={ENGINE / 'root'}",
        f"--exec-root={runtime_dir()}",
        f"--pidfile={_PID_FILE}",
        "--bridge=none",
        "--iptables=false",
        "--ip-forward=false",
        "--ip-masq=false",
        "--log-level=warn",
    ]


def _own_pid() -> int | None:
    """Process id of the engine started here, if it runs."""
    try:
        pid = int(_PID_FILE.read_text())
    except (OSError, ValueError):
        return None
    return pid if _is_ours(pid) else None


def _is_ours(pid: int) -> bool:
    """Tell whether a process is the engine started here: a number alone could by now be another process."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return f"--pidfile={_PID_FILE}".encode() in command.split(b"\0")


def _end(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _STOP_LIMIT
        # The engine removes its pid file some time before it ends.
        while time.monotonic() < deadline:
            if not _is_ours(pid):
                return
            time.sleep(0.05)


def _remove(directory: Path) -> None:
    """Remove a directory of the engine, first the mounts that it left there."""
    for point in mounts_below(Path("/proc/self/mountinfo").read_text(), directory):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True, timeout=30)
    shutil.rmtree(directory)


def mounts_below(mountinfo: str, directory: Path) -> list[str]:
    """Mount points at or below a directory, the deepest first; the text is that of /proc/self/mountinfo."""
    # mountinfo writes a space in a path as \040, and so on for other blanks.
    points = (re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in mountinfo.splitlines())
    below = [point for point in points if Path(point).is_relative_to(directory)]
    return sorted(below, key=len, reverse=True)


def _tail(path: Path, size: int = 1500) -> str:
    return path.read_text(errors="replace")[-size:]
