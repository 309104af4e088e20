"""A real PostgreSQL for the tests: one server for a run, and for each test a database of its own, made from a template.

It has a unix socket, and TLS with a password on loopback. Where it can't be started the test fails.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trustme

from whale.store.database import Database
from whale.store.place import PostgresAddress, parse_postgres_url

USER = "whale"
PASSWORD = "correct-horse"  # the word that tests look for in messages and logs

_DEADLINE = 30.0
_TEMPLATE = "whale_template"
_HBA = """
local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    "max_connections": "200",
    "shared_buffers": "16MB",
    "ssl": "on",
    "ssl_ca_file": "ca.pem",
    "ssl_cert_file": "server.pem",
    "ssl_key_file": "server.key",
    "unix_socket_permissions": "0777",
}


class PostgresServer:
    """A server with its files in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca_file = directory / "ca.pem"
        self.port = 0
        self._data = directory / "data"
        self._made = 0
        self._over: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make its files, and the template. It runs then."""
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        authority.cert_pem.write_to_path(self._data / "ca.pem")
        server = authority.issue_cert("localhost")
        server.private_key_pem.write_to_path(self._data / "server.key")
        server.cert_chain_pems[0].write_to_path(self._data / "server.pem")
        (self._data / "pg_hba.conf").write_text(_HBA)
        for file in self._data.glob("*.*"):
            _give(file)
            file.chmod(0o600)
        self.start()
        self.sql(f"ALTER USER {USER} PASSWORD '{PASSWORD}'")
        self.sql(f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(_migrated(parse_postgres_url(self.url(_TEMPLATE))))

    def start(self) -> None:
        """Start it, for the second time on the port it had. It ends with the thread that this is called in."""
        self.port = self.port or _free_port()
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.directory)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_nobody_special("--pdeathsig", "INT"), _program("postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + _DEADLINE
        while self._ready() != 0:
            assert self._process.poll() is None, (self.directory / "postgres.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not become ready"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it; connections are cut."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(_DEADLINE)

    def close(self) -> None:
        """Stop it if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop(signal.SIGQUIT)

    def sql(self, *texts: str, database: str = "postgres") -> str:
        """Run statements as the superuser, each by itself, and return what they print."""
        command = [
            "psql",
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.directory),
            "-p",
            str(self.port),
            "-U",
            USER,
        ]
        command += ["-d", database, *(part for text in texts for part in ("-c", text))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def url(self, database: str) -> str:
        """Address of a database by the unix socket."""
        return f"postgresql://{USER}@:{self.port}/{database}?host={self.directory}"

    @contextlib.contextmanager
    def database(self, *, is_empty: bool = False) -> Iterator[PostgresAddress]:
        """A database of one's own, with all tables unless it is to be empty."""
        self._made += 1
        name = f"test{self._made}"
        drops = [f"DROP DATABASE {each} WITH (FORCE)" for each in self._over]
        template = "template0" if is_empty else _TEMPLATE
        self.sql(*drops, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        self._over.clear()
        try:
            yield parse_postgres_url(self.url(name))
        finally:
            self._over.append(name)  # dropped with the next one: a program less to start

    def _ready(self) -> int:
        command = [_program("pg_isready"), "-q", "-h", str(self.directory), "-p", str(self.port)]
        return subprocess.run(command, timeout=_DEADLINE, check=False).returncode

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_nobody_special(), _program(program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, check=False)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server; remove it at the end, files and all."""
    # Not pytest's own directory: PostgreSQL does not run as root, and no other user gets in there.
    directory = Path(tempfile.mkdtemp(prefix="whale-pg-", dir="/tmp"))
    directory.chmod(0o755)
    _give(directory)
    server = PostgresServer(directory)
    try:
        server.create()
        yield server
    finally:
        server.close()
        shutil.rmtree(directory)


def _program(name: str) -> str:
    """A program of the newest version that is installed, which Debian keeps out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    assert found, "the tests need PostgreSQL: python -m scripts.provision packages tests"
    return found


def _as_nobody_special(*options: str) -> list[str]:
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, *options] if user or options else []


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def _migrated(address: PostgresAddress) -> None:
    await (await Database.open(address)).aclose()
