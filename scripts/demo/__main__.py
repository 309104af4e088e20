"""`make demo` and `make demo-down`: whale on this machine, from nothing to a shell, and away again.

With a terminal it opens a shell in a sample container; without one it takes the tour, and ends with 0 only if every
step was right. WHALE_DEMO_CONTAINER names a container of your own to use in place of the samples.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.demo import server as demo_server
from scripts.demo.client import WHALE, Client
from scripts.demo.samples import DB, WEB, ensure_samples, remove_samples
from scripts.demo.tour import Stage, run_tour
from scripts.provision.api import EngineApi
from scripts.provision.engine import ensure_engine, is_ours, stop_engine
from scripts.provision.find import find_engine
from scripts.provision.images import ensure_images, remove_images
from scripts.provision.paths import DEMO, IMAGES, ROOT
from scripts.provision.say import ProvisionError, say

_ENGINE_RECORD = DEMO / "engine.json"


def up() -> int:
    """Set everything up, then open a shell or take the tour."""
    engine = ensure_engine()
    say(f"container engine: {engine.host}")
    DEMO.mkdir(mode=0o700, exist_ok=True)
    _record_engine(engine)
    own = os.environ.get("WHALE_DEMO_CONTAINER")
    if not own:
        _provide_samples(engine)
    server = demo_server.ensure_server(engine)
    stage = Stage(Client(server.url, _token(server.url)), shell=own or DB, samples=not own)
    status = _open_shell(stage) if sys.stdin.isatty() else _take_tour(stage)
    _say_what_runs(server, engine, samples=not own)
    return status


def down() -> int:
    """Remove all that `up` made: server, containers, images, and the engine if it was started here."""
    demo_server.stop_server()
    engine = _recorded_engine()
    if engine is not None:
        remove_samples(engine)
        remove_images(engine)
    stop_engine()
    shutil.rmtree(DEMO, ignore_errors=True)
    if os.environ.get("DEMO_PURGE"):
        shutil.rmtree(IMAGES, ignore_errors=True)
    elif IMAGES.exists():
        say(f"kept {IMAGES.relative_to(ROOT)}, which makes the next start quick; DEMO_PURGE=1 removes it too")
    say("nothing of the demo runs any more")
    return 0


def _provide_samples(engine: EngineApi) -> None:
    try:
        ensure_images(engine)
    except ProvisionError as error:
        raise ProvisionError(
            f"{error}\nwhale: or use a container of your own that runs: make demo WHALE_DEMO_CONTAINER=NAME"
        ) from error
    ensure_samples(engine)


def _token(url: str) -> str:
    """The token of an earlier run where the server still takes it, else a new one."""
    if demo_server.TOKEN.exists():
        token = demo_server.TOKEN.read_text().strip()
        if Client(url, token).run("ps").returncode == 0:
            return token
    _, token = demo_server.create_token()
    demo_server.keep_token(token)
    return token


def _open_shell(stage: Stage) -> int:
    url = stage.client.url
    say("to log in from another terminal, in this directory:")
    say(f"    .venv/bin/whale login {url}      and as its token, the line in .demo/token")
    say(f"    .venv/bin/whale ps && .venv/bin/whale shell {WEB if stage.samples else stage.shell}")
    say(f"opening a shell: whale shell {stage.shell}      (`exit` or ~. after a new line leaves it)")
    # The keys belong to the shell: only it may be ended by them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(
        [WHALE, "shell", stage.shell],
        env=stage.client.environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    status = process.wait()
    say(f"the shell ended with status {status}")
    return _demo_status(status)


def _demo_status(status: int) -> int:
    """The demo's own status: the last command of a shell may fail without the demo having failed."""
    return 1 if status == 125 else 0


def _take_tour(stage: Stage) -> int:
    say(f"no terminal on stdin, so here is a tour through {stage.client.url}")
    clean = run_tour(stage)
    say("every step was right" if clean else "NOT every step was right")
    return 0 if clean else 1


def _say_what_runs(server: demo_server.Server, engine: EngineApi, *, samples: bool) -> None:
    parts = [f"whale-server at {server.url} (process {server.pid}, log in .demo/server.log)"]
    if samples:
        parts.append(f"the containers {WEB} and {DB}")
    if is_ours(engine):
        parts.append("the container engine that was started for them")
    say(f"still running: {', '.join(parts)}")
    say("stop and remove all of it: make demo-down")


def _record_engine(engine: EngineApi) -> None:
    certificates = str(engine.certificates.absolute()) if engine.certificates else ""
    _ENGINE_RECORD.write_text(json.dumps([engine.host, certificates]))


def _recorded_engine() -> EngineApi | None:
    """The engine the demo used, if it still answers, whatever this shell's DOCKER_HOST says by now."""
    if _ENGINE_RECORD.exists():
        host, certificates = json.loads(_ENGINE_RECORD.read_text())
        engine = EngineApi(host, certificates=Path(certificates) if certificates else None)
        if engine.answers():
            return engine
        say(f"the engine {engine.host} does not answer; what the demo left there can't be removed")
        return None
    try:
        return find_engine()
    except ProvisionError:
        return None


def main(arguments: Sequence[str]) -> int:
    return down() if list(arguments) == ["down"] else up()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProvisionError as error:
        say(str(error))
        sys.exit(1)
