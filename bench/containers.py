"""Containers for one run: made from the sample images, under names of their own, removed at its end."""

import contextlib
import os
from collections.abc import Iterator

from bench.model import BenchError
from scripts.provision.api import EngineApi
from scripts.provision.say import ProvisionError

_IDLE = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]
"""PID 1 must reap what execs leave behind, or processes that have gone could not be told from others."""


@contextlib.contextmanager
def container(engine: EngineApi, image: str) -> Iterator[str]:
    """Start a container of an image and yield its name. Raises `BenchError` where the image is missing."""
    name = f"whale-bench-{image.rpartition('/')[2]}-{os.getpid()}"
    if engine.find(f"/images/{image}:latest/json") is None:
        raise BenchError(f"the engine has no image {image}; `make engine` provides it")
    body = {
        "Image": f"{image}:latest",
        "Cmd": _IDLE,
        "Labels": {"whale.bench": str(os.getpid())},
        "HostConfig": {"NetworkMode": "none", "Init": False},
    }
    try:
        engine.call("POST", f"/containers/create?name={name}", body)
        try:
            engine.call("POST", f"/containers/{name}/start")
            yield name
        finally:
            engine.call("DELETE", f"/containers/{name}?force=1&v=1")
    except ProvisionError as error:
        raise BenchError(str(error)) from error


def processes(engine: EngineApi, name: str) -> list[str]:
    """The commands of all processes in a container of ours, but for its own."""
    # Not a command in the container: the engine may have a hundred ends of others to tell, and forget that one's.
    found = engine.find(f"/containers/{name}/top?ps_args=-eo%20pid,args") or {"Processes": []}
    commands = [args for _, args in found["Processes"]]
    return [command for command in commands if command != " ".join(_IDLE) and not command.startswith("sleep 3600")]
