"""A server for tests that follows a script: real sockets, the `websockets` library's codec, whale's server machine.

The script runs in a thread, once per connection; what it raises is raised again at the end of the block.
"""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from whale.client.address import Address
from whale.client.profile import Profile
from whale.model.exec import ExitStatus, Stream
from whale.model.secret import Secret
from whale.wire.events import OpenRequested, OutputAcked, ServerEvent, StdinEnded, StdinReceived
from whale.wire.messages import Opened
from whale.wire.requests import Open
from whale.wire.server import ServerConnection

DEADLINE = 20.0
TOKEN = "whale_test-token"

Script = Callable[["Peer"], None]


class Gone(Exception):
    """The client closed the connection."""


class Peer:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(DEADLINE)
        self.sock = sock
        self.ws = ServerProtocol(subprotocols=["whale.v1"], max_size=None)  # type: ignore[list-item]
        self.wire = ServerConnection()
        self.request: Request | None = None
        self.pongs: list[bytes] = []
        self.close_code: int | None = None
        self.stdin = bytearray()
        self.stdin_ended = False
        self.events: list[ServerEvent] = []
        self._frames: list[Frame] = []

    # -- handshake

    def receive_request(self) -> Request:
        while self.request is None:
            self._receive()
        return self.request

    def shake(self) -> Request:
        """Accept the WebSocket handshake."""
        request = self.receive_request()
        self.ws.send_response(self.ws.accept(request))
        self.flush()
        return request

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Answer with plain HTTP, and hang up."""
        fields = Headers({"Content-Length": str(len(body)), "Connection": "close"})
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.sock.sendall(f"HTTP/1.1 {status} Reason\r\n".encode() + fields.serialize() + body)

    def refuse(self, status: int, code: str, message: str, hint: str = "") -> None:
        error = {"error": {"code": code, "message": message, "hint": hint}}
        self.answer(status, json.dumps(error).encode(), Content_Type="application/json")

    # -- whale

    def open(self) -> Open:
        """Accept the handshake and the request."""
        self.shake()
        request = self.receive_open()
        self.send(self.wire.send_opened(Opened("s1", "c1", "web", stdin_window=self.wire.stdin_window)))
        return request

    def receive_open(self) -> Open:
        event = self.next_event()
        assert isinstance(event, OpenRequested), event
        return event.request

    def next_event(self) -> ServerEvent:
        """Wait for the next message; remembers pongs, raises `Gone` for a close."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame.opcode is Opcode.PONG:
                    self.pongs.append(bytes(frame.data))
                elif frame.opcode is Opcode.CLOSE:
                    self.close_code = int.from_bytes(frame.data[:2], "big")
                    raise Gone
                elif frame.opcode is Opcode.BINARY:
                    event = self.wire.receive_message(bytes(frame.data))
                    self.events.append(event)
                    if isinstance(event, StdinReceived):
                        self.stdin += event.data
                        ack = self.wire.consumed(len(event.data))
                        if ack is not None:
                            self.send(ack)
                    elif isinstance(event, StdinEnded):
                        self.stdin_ended = True
                    return event
                else:
                    raise AssertionError(frame)
            self._receive()

    def read_stdin(self, *, until: bytes = b"") -> bytes:
        """Wait for the end of the input, or for a text in it."""
        while not (self.stdin_ended or (until and until in self.stdin)):
            self.next_event()
        return bytes(self.stdin)

    def output(self, data: bytes, stream: Stream = Stream.STDOUT) -> None:
        """Send output, waiting for credit."""
        view = memoryview(data)
        while view:
            credit = self.wire.output[stream].credit
            if credit <= 0:
                self.next_event()
                continue
            piece = view[: min(credit, 65536)]
            self.send(self.wire.send_output(stream, bytes(piece)))
            view = view[len(piece) :]

    def end(self, code: int | None = 0, *, reason: str = "", message: str = "") -> None:
        """Send the status, wait until the client has confirmed it, and close."""
        self.send(self.wire.send_status(ExitStatus(code, reason), message=message))
        while True:
            event = self.next_event()
            if isinstance(event, OutputAcked) and event.status:
                break
        self.close()

    def until_gone(self) -> None:
        """Take messages until the client closes the connection."""
        with contextlib.suppress(Gone):
            while True:
                self.next_event()

    # -- transport

    def send(self, message: bytes) -> None:
        self.ws.send_binary(message)
        self.flush()

    def ping(self, payload: bytes) -> None:
        self.ws.send_ping(payload)
        self.flush()

    def close(self, code: int = 1000) -> None:
        if self.ws.state is State.OPEN:  # else the client was first
            self.ws.send_close(code)
            self.flush()

    def cut(self) -> None:
        """Hang up without a word."""
        self.sock.close()

    def flush(self) -> None:
        for data in self.ws.data_to_send():
            if data:
                try:
                    self.sock.sendall(data)
                except ConnectionError:
                    raise Gone from None

    def receive_frames(self) -> None:
        """Take what comes next, and keep of it only the pongs."""
        self._receive()
        self.pongs += [bytes(frame.data) for frame in self._frames if frame.opcode is Opcode.PONG]
        self._frames.clear()

    def _receive(self) -> None:
        try:
            data = self.sock.recv(262144)
        except ConnectionError:
            data = b""
        if not data:
            raise Gone
        self.ws.receive_data(data)
        for event in self.ws.events_received():
            if isinstance(event, Request):
                self.request = event
            else:
                assert isinstance(event, Frame)
                self._frames.append(event)


class ScriptedServer:
    """A listening socket whose connections follow a script."""

    def __init__(self, script: Script, *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._script = script
        self._context = context
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        self.peers: list[Peer] = []
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def profile(self) -> Profile:
        address = Address("https" if self._context else "http", "127.0.0.1", self.port)
        return Profile("", address, Secret(TOKEN))

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # A shutdown wakes the thread that accepts; a close alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(DEADLINE)
        self._listener.close()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a script did not end"
        if self._failures and error is None:
            raise self._failures[0]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock.settimeout(DEADLINE)
                sock = self._context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()  # the client did not like the certificate, or speaks no TLS
            return
        peer = Peer(sock)
        self.peers.append(peer)
        try:
            self._script(peer)
        except (Gone, ConnectionError):
            pass  # the client hung up
        except BaseException as failure:  # noqa: BLE001 - handed to the test
            self._failures.append(failure)
        finally:
            peer.sock.close()


@contextmanager
def scripted(script: Script, *, context: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """Run a script for each connection."""
    with ScriptedServer(script, context=context) as server:
        yield server


def wait_until(condition: Callable[[], bool], *, timeout: float = DEADLINE) -> None:
    """Poll with a deadline."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
