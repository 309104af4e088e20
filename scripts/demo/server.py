"""The demo's whale-server: started once, found again by later runs, stopped by its recorded process id."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from scripts.provision.api import EngineApi
from scripts.provision.paths import DEMO, ROOT
from scripts.provision.say import ProvisionError, say, step

BIN = ROOT / ".venv" / "bin"
STATE = DEMO / "state"
LOG = DEMO / "server.log"
TOKEN = DEMO / "token"
_RECORD = DEMO / "server.json"
_USUAL_PORT = 7433
_READY_LIMIT = 60.0
_STOP_LIMIT = 15.0


class Server(NamedTuple):
    """A running server of the demo."""

    pid: int
    url: str
    engine: str


def ensure_server(engine: EngineApi) -> Server:
    """Return the demo's server for the engine: the one that runs, else a new one."""
    present = running_server()
    if present is not None and present.engine == engine.host and _answers(present.url):
        say(f"whale-server runs already at {present.url}")
        return present
    stop_server()
    with step("starting whale-server"):
        return _start(engine)


def running_server() -> Server | None:
    """The server of the record, if that very process still runs."""
    try:
        server = Server(**json.loads(_RECORD.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return server if _is_ours(server.pid) else None


def stop_server() -> None:
    """Stop the demo's server; does nothing where none runs."""
    server = running_server()
    if server is not None:
        # Its sessions are to end with it; the second signal forces what the first one asked for.
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, number)
            if _wait_gone(server.pid):
                say("stopped whale-server")
                break
    _RECORD.unlink(missing_ok=True)


def create_token() -> tuple[str, str]:
    """Make a token with the server's own command; returns its name and the token."""
    name = f"demo-{os.urandom(3).hex()}"
    return name, _manage_tokens("create", name)


def revoke_token(name: str) -> None:
    """Revoke a token with the server's own command."""
    _manage_tokens("revoke", name)


def keep_token(token: str) -> None:
    """Keep the person's token for later runs, readable by this user alone."""
    with os.fdopen(os.open(TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{token}\n")


def environment() -> dict[str, str]:
    """This environment without any of whale's own settings, so that only the demo's count."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WHALE_")}


def _manage_tokens(verb: str, name: str) -> str:
    command = [str(BIN / "whale-server"), "--state-dir", str(STATE), "token", verb, name]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise ProvisionError(f"token {verb} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _start(engine: EngineApi) -> Server:
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = _free_port()
    listen = f"127.0.0.1:{port}"
    command = [str(BIN / "whale-server"), "--listen", listen, "--state-dir", str(STATE), "--engine", engine.host]
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment() | _engine_tls(engine),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(process.pid, f"http://{listen}", engine.host)
    _RECORD.write_text(json.dumps(server._asdict()))
    deadline = time.monotonic() + _READY_LIMIT
    while not _answers(server.url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ProvisionError(f"whale-server did not start; the end of {LOG}:\n{LOG.read_text()[-1500:]}")
        time.sleep(0.05)
    return server


def _engine_tls(engine: EngineApi) -> dict[str, str]:
    """Settings that let the server speak TLS to the engine with the same certificates."""
    if engine.certificates is None:
        return {}
    files = {"CA": "ca.pem", "CERT": "cert.pem", "KEY": "key.pem"}
    return {f"WHALE_SERVER_ENGINE_TLS_{name}": str(engine.certificates / file) for name, file in files.items()}


def _free_port() -> int:
    for wanted in (_USUAL_PORT, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            return int(probe.getsockname()[1])
    raise ProvisionError("no free port on 127.0.0.1")


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError, http.client.HTTPException):
        return False


def _is_ours(pid: int) -> bool:
    """Tell whether a process is the demo's server: a number alone could by now be another process."""
    path = Path(f"/proc/{pid}/cmdline")
    if path.parent.parent.joinpath("self").exists():
        command = path.read_bytes().replace(b"\0", b" ").decode() if path.exists() else ""
    else:
        shown = ["ps", "-ww", "-p", str(pid), "-o", "command="]
        command = subprocess.run(shown, capture_output=True, text=True, check=False, timeout=10).stdout
    return str(STATE) in command and "whale-server" in command


def _wait_gone(pid: int) -> bool:
    deadline = time.monotonic() + _STOP_LIMIT
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not _is_ours(pid):
            return True
        time.sleep(0.05)
    return False
