import asyncio
import ssl
from pathlib import Path

import pytest

from whale.engine.docker.dial import Address, parse_address
from whale.engine.docker.notes import Notes
from whale.model.errors import ConfigError


def test_sockets() -> None:
    address = parse_address("unix:///var/run/docker.sock")
    assert address == Address(path="/var/run/docker.sock")
    assert address.rest_url == "http://engine"


@pytest.mark.parametrize(
    ("url", "host", "port", "rest"),
    [
        ("tcp://box:1234", "box", 1234, "http://box:1234"),
        ("tcp://box", "box", 2375, "http://box:2375"),
        ("http://127.0.0.1:2375/", "127.0.0.1", 2375, "http://127.0.0.1:2375"),
        ("tcp://[::1]:9", "::1", 9, "http://[::1]:9"),
    ],
)
def test_hosts(url: str, host: str, port: int, rest: str) -> None:
    address = parse_address(url)
    assert (address.host, address.port, address.tls) == (host, port, None)
    assert address.rest_url == rest


def test_tls() -> None:
    context = ssl.create_default_context()
    assert parse_address("tcp://box", context) == Address(host="box", port=2376, tls=context)
    assert parse_address("https://box").tls is not None
    assert parse_address("https://box:1").rest_url == "https://box:1"


@pytest.mark.parametrize(
    "url", ["", "box:2375", "unix://x", "tcp://", "tcp://me@box", "tcp://box:99999", "ssh://box", "npipe:////./x"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(url)
    assert (caught.value.path, bool(caught.value.hint)) == ("engine", True)


class Nobody:
    def bytes_received(self, data: memoryview) -> None: ...
    def stream_ended(self, error: Exception | None) -> None: ...
    def stdin_drained(self) -> None: ...


async def test_it_connects_by_socket_and_by_port(tmp_path: Path) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        writer.write(b"HTTP/1.1 404 x\r\n\r\n")
        writer.close()

    unix = await asyncio.start_unix_server(handle, tmp_path / "s")
    tcp = await asyncio.start_server(handle, "127.0.0.1", 0)
    for url in (f"unix://{tmp_path}/s", f"tcp://127.0.0.1:{tcp.sockets[0].getsockname()[1]}"):
        dial = parse_address(url).dial
        stream = await dial(Nobody(), memoryview(bytearray(1000)), Notes(), has_input=False)
        assert await stream.request(b"hi") == (404, b"")
        stream.close()
    unix.close()
    tcp.close()
