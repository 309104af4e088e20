"""A server with an authority of its own, and what clients that pinned it do when something changes."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, running_server
from tests.unit.client.processes import TerminalProcess

WHALE = str(Path(sys.executable).with_name("whale"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server(
        "fake://web", tmp_path / "server", "--tls-self", "--config", str(settings(tmp_path)), host="127.0.0.1"
    ) as started:
        yield started


def settings(folder: Path) -> Path:
    file = folder / "server.toml"
    file.write_text(f'[audit]\nfile = "{folder}/audit.jsonl"\n')
    return file


def link_of(server: ServerProcess) -> str:
    return str(re.findall(r"whale login (\S+)", server.log())[0])


def environment(server: ServerProcess, folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in server.environment.items() if not name.startswith("WHALE_")}
    return {**clean, "WHALE_CONFIG_DIR": str(folder / "conf")}


def whale(server: ServerProcess, folder: Path, *args: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WHALE, *args],
        env=environment(server, folder),
        input=typed,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def until(condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 15, "never"
        time.sleep(0.02)


def noted(folder: Path, kind: str) -> int:
    lines = (folder / "audit.jsonl").read_text().splitlines() if (folder / "audit.jsonl").exists() else []
    return sum(json.loads(line)["kind"] == kind for line in lines)


def test_a_client_that_pinned_it_goes_on_while_certificates_change(server: ServerProcess, tmp_path: Path) -> None:
    state = tmp_path / "server" / "state"
    done = whale(server, tmp_path, "login", link_of(server), typed=f"{server.token}\n")
    assert done.returncode == 0, done.stderr
    assert whale(server, tmp_path, "exec", "web", "echo", "hi").stdout == "hi\n"
    shell = TerminalProcess([WHALE, "shell", "web"], environment(server, tmp_path))
    shell.type(b"echo ready\n")
    shell.read_until(b"\nready")
    before = (state / "server.pem").read_bytes()

    (state / "server.pem").unlink()  # it is made anew
    server.process.send_signal(signal.SIGHUP)
    until(lambda: noted(tmp_path, "certificate.loaded") == 1)
    assert (state / "server.pem").read_bytes() != before
    assert whale(server, tmp_path, "exec", "web", "echo", "hi").stdout == "hi\n"

    good = (state / "ca.key").read_bytes()
    (state / "ca.key").write_bytes(b"junk")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: noted(tmp_path, "certificate.refused") == 1)
    assert "tls.refused" in server.log()
    assert whale(server, tmp_path, "exec", "web", "echo", "hi").stdout == "hi\n"
    (state / "ca.key").write_bytes(good)

    (tmp_path / "audit.jsonl").rename(tmp_path / "audit.1")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: noted(tmp_path, "certificate.loaded") == 1)
    shell.type(b"echo still here\n")
    shell.read_until(b"\nstill here")
    shell.type(b"exit 3\n")
    assert shell.wait() == 3


def test_another_authority_is_not_believed(server: ServerProcess, tmp_path: Path) -> None:
    link = link_of(server)
    assert whale(server, tmp_path, "login", link, typed=f"{server.token}\n").returncode == 0
    assert server.stop() == 0
    for name in ("ca.pem", "ca.key"):
        (tmp_path / "server" / "state" / name).unlink()
    server.start()
    refused = whale(server, tmp_path, "ps")
    assert refused.returncode == 125
    assert "is not from whom it was at the login" in refused.stderr
    again = whale(server, tmp_path, "login", link, typed=f"{server.token}\n")
    assert (again.returncode, "no certificate with the fingerprint" in again.stderr) == (125, True)
