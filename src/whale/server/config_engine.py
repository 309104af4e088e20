"""The settings of the engine."""

from typing import Annotated
from urllib.parse import urlsplit

from whale.model.errors import ConfigError
from whale.server.config_section import Section, about, check_pair

ENGINE_SCHEMES = ("unix", "tcp", "http", "https", "fake")


class EngineSection(Section, frozen=True):
    """Which container engine to use."""

    url: Annotated[
        str,
        about("Address of the engine: unix:///path or tcp://host:port. Empty: found.", flag="--engine"),
    ] = ""
    name: Annotated[str, about("Name of the engine in listings.")] = "local"
    tls_ca: Annotated[str, about("CA certificate that the engine's must be signed by.", kind="file")] = ""
    tls_cert: Annotated[str, about("Client certificate for the engine.", kind="file")] = ""
    tls_key: Annotated[str, about("Key of the client certificate.", kind="file", sensitive=True)] = ""

    def check(self) -> None:
        """Check the address and that the TLS files fit together."""
        if not self.name or not self.name.isprintable() or " " in self.name:
            raise ConfigError("must be a word without spaces", path="name")
        check_pair(self.tls_cert, self.tls_key, "tls_cert", "tls_key")
        scheme = _check_engine_url(self.url) if self.url else ""
        if (self.tls_ca or self.tls_cert) and scheme not in ("tcp", "https"):
            raise ConfigError(
                "is only for an engine at a tcp:// address",
                path="tls_ca" if self.tls_ca else "tls_cert",
                hint="set engine.url",
            )


def _check_engine_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_ok = urlsplit(""), False
    if not port_ok or parts.scheme not in ENGINE_SCHEMES:
        raise ConfigError(
            "is not the address of an engine",
            path="url",
            hint="for example unix:///var/run/docker.sock or tcp://host:2376",
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError("must not hold a user or password", path="url", hint="use client certificates")
    if parts.scheme == "unix" and (parts.netloc or not parts.path.startswith("/")):
        raise ConfigError("the socket's path must be absolute", path="url", hint="unix:// and three slashes")
    if parts.scheme in ("tcp", "http", "https") and not parts.hostname:
        raise ConfigError("has no host", path="url", hint="for example tcp://host:2376")
    return parts.scheme
