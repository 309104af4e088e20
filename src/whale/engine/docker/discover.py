"""Finds the engines of this machine, as the docker command would, and Podman's.

Reads only what it is handed: an environment, a home, the files below them, and whether a socket exists. Never
connects to anything and never guesses: what was chosen by name and can't be used is an error, not passed over.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from whale.engine.docker.tls import TlsFiles
from whale.model.errors import ConfigError

_SYSTEM_SOCKETS = ("var/run/docker.sock", "run/podman/podman.sock")
_USER_SOCKETS = ("docker.sock", "podman/podman.sock")


class FoundEngine(NamedTuple):
    """An engine that may be used."""

    url: str
    origin: str
    """Where the URL comes from, for people: `DOCKER_HOST`, `docker context NAME`, or a socket's path."""
    tls: TlsFiles | None = None


def find_engines(environ: Mapping[str, str], home: Path, *, root: Path = Path("/")) -> list[FoundEngine]:
    """List what there is, the best first; empty when there is nothing.

    The order: DOCKER_HOST, the docker context in use, Docker's and Podman's system sockets, the user's own. Raises
    `ConfigError` for a choice that can't be used, such as a context that reaches its engine over SSH.
    """
    chosen = (_from_host(environ, home), _from_context(environ, home))
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    sockets = [root / path for path in _SYSTEM_SOCKETS]
    sockets += [Path(runtime) / path for path in _USER_SOCKETS] if runtime else []
    found = [engine for engine in chosen if engine is not None]
    return found + [FoundEngine(f"unix://{path}", str(path)) for path in sockets if path.is_socket()]


def _from_host(environ: Mapping[str, str], home: Path) -> FoundEngine | None:
    url = environ.get("DOCKER_HOST", "")
    if not url:
        return None
    _refuse_ssh(url, "DOCKER_HOST")
    tls = None
    if environ.get("DOCKER_TLS_VERIFY", "") and not url.startswith("unix://"):
        tls = _files(Path(environ.get("DOCKER_CERT_PATH") or home / ".docker"))
    return FoundEngine(url, "DOCKER_HOST", tls)


def _from_context(environ: Mapping[str, str], home: Path) -> FoundEngine | None:
    config = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _current_context(config)
    if not name or name == "default":
        return None
    origin = f"docker context {name}"
    key = hashlib.sha256(name.encode()).hexdigest()
    try:
        meta: Any = json.loads((config / "contexts" / "meta" / key / "meta.json").read_bytes())
        endpoint = meta["Endpoints"]["docker"]
        url = str(endpoint["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the {origin} is in use, but can't be read",
            path="engine",
            hint="Check it with `docker context inspect`, or name the engine: --engine URL.",
            detail=repr(error),
        ) from error
    _refuse_ssh(url, origin)
    files = config / "contexts" / "tls" / key / "docker"
    tls = _files(files)._replace(verify=not endpoint.get("SkipTLSVerify")) if files.is_dir() else None
    return FoundEngine(url, origin, tls)


def _current_context(config: Path) -> str:
    """The context that the docker command's own configuration names; none when there is no such file."""
    try:
        found: Any = json.loads((config / "config.json").read_bytes())
    except OSError:
        return ""
    except ValueError as error:
        raise ConfigError(
            "the docker command's configuration is not JSON", path="engine", detail=repr(error)
        ) from error
    return str(found.get("currentContext", "")) if isinstance(found, dict) else ""


def _files(directory: Path) -> TlsFiles:
    ca, cert, key = (directory / name for name in ("ca.pem", "cert.pem", "key.pem"))
    return TlsFiles(
        ca=ca if ca.exists() else None,
        cert=cert if cert.exists() else None,
        key=key if key.exists() else None,
    )


def _refuse_ssh(url: str, origin: str) -> None:
    if url.startswith("ssh://"):
        raise ConfigError(
            f"{origin} reaches its engine over SSH, which whale-server can't",
            path="engine",
            hint="Run whale-server on that host, or name another engine: --engine URL.",
        )
