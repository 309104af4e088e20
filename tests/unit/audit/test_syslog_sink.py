"""RFC 5424 over all three roads, to real sockets."""

import asyncio
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines import eventually
from whale.audit.event import AuditEvent, Kind, encode_event, timestamp
from whale.audit.syslog_sink import SyslogSink, message
from whale.model.errors import TransportError


def line(kind: Kind = Kind.OPENED, **fields: str) -> str:
    return encode_event(AuditEvent(time=timestamp(1_800_000_000.25), kind=kind, **fields))  # type: ignore[arg-type]


def test_a_message_is_what_the_rfc_says() -> None:
    text = message(line(name="é")).decode()
    found = re.fullmatch(r"<(\d+)>1 (\S+) (\S+) whale (\d+) (\S+) - \ufeff(.*)", text)
    assert found is not None
    assert found.groups() == (
        str(13 * 8 + 5), "2027-01-15T08:00:00.250000Z", socket.gethostname(), str(os.getpid()), "session.opened",
        line(name="é"),
    )  # fmt: skip


def test_what_is_refused_is_a_warning() -> None:
    assert message(line(Kind.DENIED)).startswith(b"<108>1 ")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(tmp_path / "log"))
        made.settimeout(10)
        yield made, f"unix://{tmp_path / 'log'}"


async def test_to_a_unix_socket_that_comes_back(receiver: tuple[socket.socket, str], tmp_path: Path) -> None:
    first, url = receiver
    sink = SyslogSink(url)
    await sink.deliver([line(), line(Kind.ENDED)])
    assert first.recv(65536) == message(line())
    assert first.recv(65536) == message(line(Kind.ENDED))
    first.close()
    with pytest.raises(TransportError):
        await sink.deliver([line()])
    (tmp_path / "log").unlink()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as second:
        second.bind(str(tmp_path / "log"))
        await sink.deliver([line()])
        assert second.recv(65536) == message(line())
    await sink.aclose()


async def test_over_udp_one_that_is_too_long_is_cut() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(10)
        sink = SyslogSink(f"udp://127.0.0.1:{made.getsockname()[1]}")
        await sink.deliver([line(name="x" * 70_000), line()])
        assert len(made.recv(65536)) == 1400
        assert made.recv(65536) == message(line())
        await sink.aclose()


async def test_over_tcp_with_the_length_in_front_and_again_after_a_break() -> None:
    received = bytearray()
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while data := await reader.read(65536):
            received.extend(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        sink = SyslogSink(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        whole = b"%d %s" % (len(message(line())), message(line()))
        await sink.deliver([line(), line()])
        await eventually(lambda: received == whole * 2, "received")
        connections[0].close()
        await connections[0].wait_closed()
        await sink.deliver([line()])
        await eventually(lambda: received == whole * 3, "received again")
        await sink.aclose()
    with pytest.raises(TransportError):
        await sink.deliver([line()])


async def test_a_receiver_that_does_not_read_has_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whale.audit.syslog_sink.AUDIT_SINK_TIMEOUT", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        sink = SyslogSink(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(TransportError) as late:
            await sink.deliver([line(name="x" * 1_000_000)] * 20)
        assert "no answer" in late.value.detail
        await sink.aclose()
