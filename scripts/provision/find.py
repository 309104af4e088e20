"""Find a container engine that is there already. Starts and installs nothing."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.provision.api import EngineApi, certificates_of_environment
from scripts.provision.paths import runtime_dir
from scripts.provision.say import ProvisionError


def own_socket() -> Path:
    """Socket of the engine that this checkout starts where there is no other."""
    return runtime_dir() / "docker.sock"


def context_engine(config: Path, environment: Mapping[str, str]) -> EngineApi | None:
    """The engine of the docker context in use; None for the default one.

    `config` is the docker command's configuration directory. Raises ProvisionError for a context that is not there.
    """
    try:
        current = json.loads((config / "config.json").read_text()).get("currentContext", "")
    except (OSError, ValueError):
        current = ""
    name = environment.get("DOCKER_CONTEXT") or current
    if name in {"", "default"}:
        return None
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / key / "meta.json"
    try:
        host = str(json.loads(meta.read_text())["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError) as error:
        raise ProvisionError(f"the docker context {name!r} is selected but can't be read: {meta}") from error
    certificates = config / "contexts" / "tls" / key / "docker"
    return EngineApi(host, certificates=certificates if certificates.is_dir() else None)


def usual_sockets(home: Path, runtime: str | None) -> Iterator[Path]:
    """Where Docker and Podman listen, system-wide first, then the user's own."""
    yield Path("/var/run/docker.sock")
    yield own_socket()
    yield Path("/run/podman/podman.sock")
    if runtime:
        yield Path(runtime) / "docker.sock"
        yield Path(runtime) / "podman" / "podman.sock"
    for place in (".docker/run/docker.sock", ".docker/desktop/docker.sock", ".orbstack/run/docker.sock"):
        yield home / place
    yield home / ".colima" / "default" / "docker.sock"


def find_engine(*, docker_only: bool = False) -> EngineApi | None:
    """Find an engine that answers: what the environment names, the docker context, the usual sockets.

    An engine that was chosen by name is used or reported (ProvisionError), never passed over. With `docker_only`
    Podman's sockets do not count.
    """
    chosen = os.environ.get("DOCKER_HOST")
    if chosen:
        return _chosen(EngineApi(chosen, certificates=certificates_of_environment()), "DOCKER_HOST names")
    config = Path(os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")))
    selected = context_engine(config, os.environ)
    if selected is not None:
        return _chosen(selected, "the docker context in use names")
    for path in usual_sockets(Path.home(), os.environ.get("XDG_RUNTIME_DIR")):
        engine = EngineApi(f"unix://{path}")
        if path.exists() and engine.answers() and not (docker_only and engine.is_podman()):
            return engine
    return None


def _chosen(engine: EngineApi, who: str) -> EngineApi:
    if not engine.answers(within=10):
        raise ProvisionError(f"{who} the engine {engine.host}, but nothing answers there")
    return engine
