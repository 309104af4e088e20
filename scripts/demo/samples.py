"""The sample containers: a web server in a 2 MB image, and a real PostgreSQL with a database worth dumping.

They have no network at all: everything the demo does with them goes through the engine's exec. Each carries the label
LABEL, and no container without it is ever touched.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

from scripts.provision.api import EngineApi
from scripts.provision.images import recipe_on
from scripts.provision.say import ProvisionError, say, step

LABEL = "whale.demo=1"
WEB = "whale-demo-web"
DB = "whale-demo-db"
_READY_LIMIT = 90.0


class Sample(NamedTuple):
    """One container of the demo."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: tuple[str, ...]
    ready: tuple[str, ...]
    """A command that succeeds in the container once it is ready to be shown."""


_HERE = Path(__file__).parent
_PAGE = "<!doctype html><title>whale</title><h1>A page from a container without a network</h1>"
SAMPLES = (
    Sample(
        name=WEB,
        image="whale/busybox",
        command=("sh", "-c", f"mkdir -p /srv && echo '{_PAGE}' >/srv/index.html && exec httpd -f -p 8080 -h /srv"),
        environment=("HOME=/root",),
        ready=("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"),
    ),
    Sample(
        name=DB,
        image="whale/dev",
        command=("bash", "-c", (_HERE / "database.sh").read_text(), "database", (_HERE / "database.sql").read_text()),
        environment=("PGUSER=postgres", "LANG=C.UTF-8", "HOME=/root"),
        ready=("sh", "-c", "test -e /srv/database/complete && psql -qAt -c 'select 1' app"),
    ),
)


def ensure_samples(engine: EngineApi) -> None:
    """Have all sample containers running and ready. One that runs already stays as it is."""
    for sample in SAMPLES:
        digest = recipe_on(engine, sample.image)
        present = engine.find(f"/containers/{sample.name}/json")
        if present is not None and _is_current(present, digest):
            say(f"the container {sample.name} runs already")
            _wait_ready(engine, sample)
            continue
        with step(f"starting the container {sample.name}"):
            if present is not None:
                _remove(engine, present)
            engine.call("POST", f"/containers/create?name={sample.name}", _spec(sample, digest))
            engine.call("POST", f"/containers/{sample.name}/start")
            _wait_ready(engine, sample)


def remove_samples(engine: EngineApi) -> None:
    """Remove every container that carries the demo's label."""
    for container in engine.containers(LABEL):
        engine.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        say(f"removed the container {container['Names'][0].lstrip('/')}")


def _spec(sample: Sample, digest: str | None) -> dict[str, Any]:
    key, _, value = LABEL.partition("=")
    return {
        "Image": f"{sample.image}:latest",
        "Cmd": list(sample.command),
        "Env": list(sample.environment),
        "Labels": {key: value, "whale.recipe": digest or ""},
        "HostConfig": {"NetworkMode": "none"},
    }


def _is_current(container: dict[str, Any], digest: str | None) -> bool:
    labels = container["Config"].get("Labels") or {}
    return container["State"]["Status"] == "running" and _is_ours(container) and labels.get("whale.recipe") == digest


def _is_ours(container: dict[str, Any]) -> bool:
    key, _, value = LABEL.partition("=")
    return (container["Config"].get("Labels") or {}).get(key) == value


def _remove(engine: EngineApi, container: dict[str, Any]) -> None:
    if not _is_ours(container):
        name = container["Name"].lstrip("/")
        raise ProvisionError(f"a container named {name} is there that the demo did not make; rename or remove it")
    engine.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")


def _wait_ready(engine: EngineApi, sample: Sample) -> None:
    deadline = time.monotonic() + _READY_LIMIT
    while engine.exec_status(sample.name, sample.ready) != 0:
        running = engine.call("GET", f"/containers/{sample.name}/json")["State"]["Running"]
        if not running or time.monotonic() > deadline:
            raise ProvisionError(f"{sample.name} did not become ready; see its log: docker logs {sample.name}")
        time.sleep(0.2)
