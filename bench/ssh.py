"""An OpenSSH server of the benchmarks' own: on a loopback port, with its own keys, known hosts and configuration.

It must never touch the system's sshd, the user's ~/.ssh or anybody's authorized keys. Ended by its process id.
"""

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.model import BenchError
from scripts.provision import packages
from scripts.provision.say import step

HOST = "whale-bench"
"""The alias under which the client's configuration knows it."""

_LIMIT = 15.0


class Ssh(NamedTuple):
    """How to reach it."""

    directory: Path

    @property
    def argv(self) -> tuple[str, ...]:
        """The ssh command up to its own flags; the host is `HOST`."""
        return (_program("ssh"), "-F", str(self.directory / "client"))

    @property
    def wrapped_path(self) -> str:
        """A PATH on which `ssh` means this configuration: docker takes no flags for the ssh it starts."""
        return f"{self.directory / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


@contextlib.contextmanager
def ssh_server(docker_host: str) -> Iterator[Ssh]:
    """Run the server with `docker_host` as the engine of its users. Raises `BenchError` where it can't be run."""
    if not packages.can_install():
        raise BenchError("an SSH server of our own takes root on Debian or Ubuntu")
    packages.ensure(packages.GROUPS["bench"], why="the comparison with ssh")
    with tempfile.TemporaryDirectory(prefix="whale-bench-ssh-") as name:
        directory, port = Path(name), _free_port()
        with step(f"starting an SSH server on 127.0.0.1:{port}"):
            _write_keys(directory)
            _write_configuration(directory, port, docker_host)
            process = _start(directory)
        try:
            ssh = Ssh(directory)
            _wait_ready(ssh, process, directory)
            yield ssh
        finally:
            process.terminate()
            process.wait(_LIMIT)


def server_configuration(directory: Path, port: int, docker_host: str, path: str) -> str:
    """The text of sshd_config.

    Home is an empty directory: what the start-up files of whoever runs this do is not the engine's, nor ssh's, doing.
    """
    return f"""\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/user_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 1000
MaxSessions 1000
PrintMotd no
PrintLastLog no
LogLevel ERROR
SetEnv DOCKER_HOST={docker_host} PATH={path} HOME={directory}/home
"""


def client_configuration(directory: Path, port: int, user: str) -> str:
    """The text of the client's configuration. No multiplexing: each command pays for its own connection."""
    return f"""\
Host {HOST}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {directory}/user_key
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
  ControlMaster no
  ControlPath none
  LogLevel ERROR
"""


def _write_keys(directory: Path) -> None:
    for name in ("host_key", "user_key"):
        command = [_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(directory / name)]
        subprocess.run(command, check=True, timeout=_LIMIT)


def _write_configuration(directory: Path, port: int, docker_host: str) -> None:
    path = os.environ.get("PATH", os.defpath)
    (directory / "server").write_text(server_configuration(directory, port, docker_host, path))
    (directory / "client").write_text(client_configuration(directory, port, getpass.getuser()))
    key = (directory / "host_key.pub").read_text().strip()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
    (directory / "home").mkdir()
    wrapper = directory / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(Ssh(directory).argv)} "$@"\n')
    wrapper.chmod(0o700)


def _start(directory: Path) -> subprocess.Popen[bytes]:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd wants it for its unprivileged part
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [_program("sshd"), "-D", "-e", "-f", str(directory / "server")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_ready(ssh: Ssh, process: subprocess.Popen[bytes], directory: Path) -> None:
    end = time.monotonic() + _LIMIT
    while True:
        tried = subprocess.run([*ssh.argv, HOST, "true"], capture_output=True, text=True, check=False, timeout=_LIMIT)
        if tried.returncode == 0:
            return
        if process.poll() is not None or time.monotonic() > end:
            log = (directory / "log").read_text(errors="replace")
            raise BenchError(f"the SSH server can't be used: {tried.stderr.strip()} {log.strip()[-500:]}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(name: str) -> str:
    # sshd insists on an absolute path, and sbin is not on everybody's.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise BenchError(f"{name} is not installed")
    return found
