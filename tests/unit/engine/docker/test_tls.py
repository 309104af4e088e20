"""TLS with a half-close: against a server of a few lines, and against a real dockerd with --tlsverify."""

import asyncio
import hashlib
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.engines import run, start, tls_docker
from whale.engine.docker.dial import parse_address
from whale.engine.docker.notes import Notes
from whale.engine.docker.stream import EngineStream
from whale.engine.docker.tls import TlsFiles, client_tls
from whale.engine.open import open_engine
from whale.engine.seam import EndPolicy
from whale.model.errors import ConfigError, EngineUnavailable
from whale.model.exec import ExitStatus
from whale.model.limits import MIB

GO = b"HTTP/1.1 101 UPGRADED\r\n\r\n"


class Files:
    """Certificates for a server on 127.0.0.1 and for a client, made for this run."""

    def __init__(self, directory: Path) -> None:
        self.ca = trustme.CA()
        self.server = self.ca.issue_cert("127.0.0.1", "localhost")
        client = self.ca.issue_cert("client@whale.test", common_name="client")
        self.ca.cert_pem.write_to_path(directory / "ca.pem")
        client.private_key_pem.write_to_path(directory / "key.pem")
        client.cert_chain_pems[0].write_to_path(directory / "cert.pem")
        self.files = TlsFiles(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certs"))


class Owner:
    def __init__(self) -> None:
        self.data = bytearray()
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.drained = asyncio.Event()

    def bytes_received(self, data: memoryview) -> None:
        self.data += data

    def stream_ended(self, error: Exception | None) -> None:
        self.ended.set_result(error)

    def stdin_drained(self) -> None:
        self.drained.set()


class Server:
    """Takes one TLS connection in a thread, as blocking sockets see it."""

    def __init__(self, certs: Files, serve: Callable[[ssl.SSLSocket], None]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certs.server.configure_cert(context)
        self._context = context
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()

    def _run(self) -> None:
        self._listener.settimeout(10)
        plain, _ = self._listener.accept()
        plain.settimeout(10)
        try:
            with self._context.wrap_socket(plain, server_side=True) as tls:
                tls.recv(4)
                self._serve(tls)
        except OSError:
            plain.close()


async def connect(server: Server, certs: Files, owner: Owner) -> EngineStream:
    address = parse_address(f"tcp://127.0.0.1:{server.port}", client_tls(certs.files))
    stream = await address.dial(owner, memoryview(bytearray(65536)), Notes(), has_input=True)
    assert await stream.request(b"head") == (101, b"")
    return stream


def read_all(tls: ssl.SSLSocket) -> bytes:
    """Read until the other side's close_notify."""
    data = b""
    while piece := tls.recv(65536):
        data += piece
    return data


async def test_close_notify_ends_the_input_and_output_goes_on(certs: Files) -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(GO)
        got = read_all(tls)
        tls.sendall(b"after the end: " + got)
        tls.sendall(bytes(300_000))
        tls.unwrap()

    owner = Owner()
    with Server(certs, serve) as server:
        stream = await connect(server, certs, owner)
        stream.write(b"input", source=0)
        stream.half_close()
        stream.half_close()
        stream.write(b"too late", source=0)
        assert await owner.ended is None
    assert owner.data[:20] == b"after the end: input"
    assert len(owner.data) == 300_020
    stream.close()


async def test_large_input_and_its_draining(certs: Files) -> None:
    data = random.Random(1).randbytes(8 * MIB)

    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(GO)
        digest = hashlib.sha256()
        while piece := tls.recv(65536):
            digest.update(piece)
        tls.sendall(digest.digest())
        tls.unwrap()

    owner = Owner()
    with Server(certs, serve) as server:
        stream = await connect(server, certs, owner)
        stream.write(data, source=0)
        assert stream.pending > 0
        await owner.drained.wait()
        assert stream.pending == 0
        stream.half_close()
        assert await owner.ended is None
    assert owner.data == hashlib.sha256(data).digest()
    stream.close()


async def test_pausing(certs: Files) -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(GO)
        for _ in range(100):
            tls.sendall(bytes(100_000))
        tls.unwrap()

    owner = Owner()
    with Server(certs, serve) as server:
        stream = await connect(server, certs, owner)
        stream.pause()
        await asyncio.sleep(0.1)
        held = len(owner.data)
        await asyncio.sleep(0.1)
        assert len(owner.data) == held < 10_000_000
        stream.resume()
        assert await owner.ended is None
    assert len(owner.data) == 10_000_000
    stream.close()


async def test_an_end_without_close_notify_is_a_cut(certs: Files) -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(GO + b"some")
        tls.shutdown(socket.SHUT_RDWR)

    owner = Owner()
    with Server(certs, serve) as server:
        stream = await connect(server, certs, owner)
        assert isinstance(await owner.ended, ConnectionResetError)
    assert owner.data == b"some"
    stream.close()


async def test_garbage_is_a_cut(certs: Files) -> None:
    def serve(tls: ssl.SSLSocket) -> None:
        tls.sendall(GO)
        plain = socket.socket(fileno=tls.detach())
        plain.sendall(b"this is not TLS at all, not even nearly")
        plain.close()

    owner = Owner()
    with Server(certs, serve) as server:
        stream = await connect(server, certs, owner)
        assert isinstance(await owner.ended, ssl.SSLError)
    stream.close()


async def test_a_certificate_of_someone_else_is_refused(certs: Files, tmp_path: Path) -> None:
    other = Files(tmp_path)
    with Server(certs, lambda tls: None) as server:
        engine = open_engine(f"tcp://127.0.0.1:{server.port}", name="x", tls=client_tls(other.files))
        with pytest.raises(EngineUnavailable):
            await engine.info()
        await engine.aclose()
    with Server(certs, lambda tls: None) as server:
        address = parse_address(f"tcp://127.0.0.1:{server.port}", client_tls(other.files))
        with pytest.raises(ssl.SSLCertVerificationError):
            await address.dial(Owner(), memoryview(bytearray(100)), Notes(), has_input=False)


def test_certificates_that_can_t_be_used(certs: Files, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    for files in (
        certs.files._replace(ca=tmp_path / "missing"),
        certs.files._replace(cert=tmp_path / "bad.pem"),
        certs.files._replace(key=tmp_path / "bad.pem"),
    ):
        with pytest.raises(ConfigError) as caught:
            client_tls(files)
        assert caught.value.path == "engine.tls"
    assert client_tls(TlsFiles(verify=False)).verify_mode is ssl.CERT_NONE


@pytest.fixture(scope="module")
def secure_docker(certs: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("dockerd")
    certs.server.private_key_pem.write_to_path(directory / "server-key.pem")
    certs.server.cert_chain_pems[0].write_to_path(directory / "server.pem")
    assert certs.files.ca is not None
    with tls_docker(directory, ca=certs.files.ca) as engine:
        with engine.container() as box:
            yield f"{engine.secure_url} {box}"


async def test_a_real_engine_with_client_certificates(certs: Files, secure_docker: str) -> None:
    url, box_id = secure_docker.split()
    engine = open_engine(url, name="far", tls=client_tls(certs.files))
    box = await engine.container(box_id)
    done = await run(engine, box, "sh", "-c", "cat; sleep 0.3; echo after; exit 5", stdin=b"before\n")
    assert (done.status, done.out) == (ExitStatus(5), b"before\nafter\n")
    data = random.Random(2).randbytes(8 * MIB)
    done = await run(engine, box, "sha256sum", stdin=data)
    assert done.out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert (await run(engine, box, "cat", stdin=data)).out == data
    running, output = await start(engine, box, "sh", "-c", "stty size; cat", tty=True)
    await output.until_out(b"33 111\r\n")
    running.write_stdin(b"typed\n")
    await output.until_out(b"typed\r\ntyped\r\n")
    assert await running.end(EndPolicy())
    await running.aclose()
    await engine.aclose()


async def test_a_real_engine_refuses_whoever_has_no_certificate(certs: Files, secure_docker: str) -> None:
    engine = open_engine(secure_docker.split()[0], name="far", tls=client_tls(TlsFiles(ca=certs.files.ca)))
    with pytest.raises(EngineUnavailable):
        await engine.info()
    await engine.aclose()
