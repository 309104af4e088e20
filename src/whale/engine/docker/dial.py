"""Where an engine is, and how a stream connects to it.

An address is parsed once, from a URL. It never reads the environment: `discover.py` is handed that.
"""

import asyncio
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from whale.engine.docker.local import LocalStream
from whale.engine.docker.notes import Notes
from whale.engine.docker.stream import EngineStream, HijackedStream, StreamOwner
from whale.engine.docker.tls import TlsConnection
from whale.model.errors import ConfigError

PLAIN_PORT = 2375
TLS_PORT = 2376


class Address(NamedTuple):
    """A parsed engine URL: a socket's path, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def rest_url(self) -> str:
        """The URL for aiodocker, which is given its connector and needs only the form."""
        if self.path:
            return "http://engine"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    async def dial(self, owner: StreamOwner, buffer: memoryview, notes: Notes, *, has_input: bool) -> EngineStream:
        """Connect a stream. Raises what the operating system raises; nothing is left open then."""
        if self.path:
            return await LocalStream.connect(self.path, owner, buffer, notes, has_input=has_input)
        if self.tls is None:
            made = HijackedStream(owner, buffer)
            await asyncio.get_running_loop().create_connection(lambda: made, self.host, self.port)
            return made
        return await self._dial_tls(HijackedStream(owner, buffer), self.tls)

    async def _dial_tls(self, made: HijackedStream, tls: ssl.SSLContext) -> EngineStream:
        loop = asyncio.get_running_loop()
        _, secure = await loop.create_connection(lambda: TlsConnection(made, tls, self.host), self.host, self.port)
        try:
            await secure.ready()
        except BaseException:
            secure.abort()
            raise
        return made


def parse_address(url: str, tls: ssl.SSLContext | None = None) -> Address:
    """Parse `unix://PATH`, `tcp://HOST[:PORT]`, `http://…` or `https://…`. Raises `ConfigError`."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        path = parts.netloc + parts.path
        if not path.startswith("/"):
            raise _bad(url, "A socket needs an absolute path: unix:///var/run/docker.sock")
        return Address(path=path)
    if parts.scheme == "ssh":
        raise _bad(url, "ssh:// is not supported: run whale-server on that host, or give its tcp:// address with TLS.")
    if parts.scheme not in ("tcp", "http", "https"):
        raise _bad(url, "Use unix:///PATH, or tcp://HOST:PORT with client certificates.")
    if parts.scheme == "https" and tls is None:
        tls = ssl.create_default_context()
    try:
        port = parts.port
    except ValueError as error:
        raise _bad(url, "The port is a number up to 65535.") from error
    if not parts.hostname or parts.username is not None:
        raise _bad(url, "Use tcp://HOST:PORT, without a user name.")
    return Address(host=parts.hostname, port=port or (TLS_PORT if tls else PLAIN_PORT), tls=tls)


def _bad(url: str, hint: str) -> ConfigError:
    return ConfigError("that is no address of a container engine", path="engine", hint=hint, detail=repr(url))
