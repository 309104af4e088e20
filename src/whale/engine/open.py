"""Makes an engine from its URL: the one place that knows which adapters there are."""

import ssl

from whale.engine.seam import Engine


def open_engine(url: str, *, name: str, tls: ssl.SSLContext | None = None, server: str = "") -> Engine:
    """Make the adapter for `url`: `unix://`, `tcp://` (with `tls` for client certificates), or `fake://`.

    `server` is this server's id, letters and digits, the same after each of its starts: by it `end_leftovers` knows
    which processes are its own. Without one it finds none.

    Does no I/O: the first call connects. The caller must `aclose` it. Raises `ConfigError` for a URL that is
    none. Adapters are imported when asked for, because the Docker one needs the server's dependencies.
    """
    if url == "fake://" or url.startswith("fake://"):
        from whale.engine.fake import FakeEngine

        return FakeEngine.from_url(url, name=name)
    from whale.engine.docker.adapter import DockerEngine
    from whale.engine.docker.dial import parse_address

    return DockerEngine(parse_address(url, tls), name=name, server=server)
