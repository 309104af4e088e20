"""The engine of the settings, or the one that the docker command would find."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import structlog

from whale.engine.docker.discover import FoundEngine, find_engines
from whale.engine.docker.tls import TlsFiles, client_tls
from whale.engine.open import open_engine
from whale.engine.seam import Engine
from whale.model.errors import ConfigError
from whale.server.config_model import Config

_log = structlog.get_logger("whale.server")


@contextlib.asynccontextmanager
async def opened_engine(config: Config, *, server: str) -> AsyncIterator[Engine]:
    """Open it for the server of that id, and close it at the end of the block. Raises `ConfigError` for none."""
    found = choose_engine(config, os.environ, Path.home())
    tls = client_tls(found.tls) if found.tls is not None else None
    engine = open_engine(found.url, name=config.engine.name, tls=tls, server=server)
    _log.info("engine.chosen", url=found.url, origin=found.origin)
    try:
        yield engine
    finally:
        await engine.aclose()


def choose_engine(config: Config, environ: Mapping[str, str], home: Path) -> FoundEngine:
    """Take the engine of the settings, else the first one that the docker command would find."""
    given = config.engine
    if given.url:
        ca, cert, key = (Path(file) if file else None for file in (given.tls_ca, given.tls_cert, given.tls_key))
        return FoundEngine(given.url, "engine.url", TlsFiles(ca, cert, key) if ca or cert else None)
    found = find_engines(environ, home)
    if not found:
        raise ConfigError(
            "engine.url: no container engine was found",
            path="engine.url",
            hint="start Docker or Podman, or name one: --engine unix:///path/to/docker.sock",
        )
    return found[0]
