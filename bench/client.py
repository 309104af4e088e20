"""The least of a WebSocket client that can talk to a whale server: for load, where every microsecond is the bench's.

Payloads are masked with zeros, which RFC 6455 allows and which leaves them as they are. Nothing here is checked as a
real client must check it: the server is ours.
"""

import base64
import contextlib
import os
import socket

from bench.model import BenchError
from whale.model.exec import ExecSpec
from whale.wire.frames import SUBPROTOCOL, Channel
from whale.wire.messages import OutputAck, encode_detach, encode_output_ack
from whale.wire.requests import Open, encode_open

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
_LIMIT = 60.0
_NORMAL_CLOSE = (1000).to_bytes(2, "big")


def masked(payload: bytes, opcode: int = BINARY) -> bytes:
    """A client's frame around a payload."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def handshake(host: str, port: int, token: str) -> bytes:
    """The request that opens a WebSocket at a server."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /1.0/shell HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


class Peer:
    """One connection with one session on it; blocking until `open` is over, then fed by whoever polls its socket."""

    __slots__ = ("_acked", "_window", "acks", "controls", "fd", "is_over", "received", "rest", "sock")

    def __init__(self, host: str, port: int, token: str) -> None:
        self.sock = socket.create_connection((host, port), _LIMIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = self.sock.fileno()
        self.rest = b""
        """The beginning of a frame whose end has not come yet."""
        self.received = 0
        """Bytes of stdout so far."""
        self.controls: list[bytes] = []
        """Messages that are not output, as they came."""
        self.is_over = False
        self.acks = 0
        """Acknowledgements sent."""
        self._acked = 0
        self._window = 0
        try:
            self.rest = self._shake_hands(handshake(host, port, token))
        except BaseException:
            self.sock.close()
            raise

    def request(self, container: str, spec: ExecSpec, *, window: int) -> None:
        """Ask for a command."""
        self._window = window
        self.sock.sendall(masked(encode_open(Open(container, spec, stdout_window=window, stderr_window=window))))

    def type(self, data: bytes) -> None:
        """Send input."""
        self.sock.sendall(masked(bytes((Channel.STDIN,)) + data))

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; return the pieces of output in it, in order. Acknowledges, and answers pings."""
        if self.rest:
            data = self.rest + data
        position, end, pieces = 0, len(data), []
        while True:
            body = position + 2
            if body > end:
                break
            size = data[position + 1]
            if size == 126:
                body += 2
                size = int.from_bytes(data[position + 2 : body], "big")
            elif size == 127:
                body += 8
                size = int.from_bytes(data[position + 2 : body], "big")
            if body + size > end:
                break
            if data[position] == 0x82 and data[body] == 1:
                pieces.append(data[body + 1 : body + size])
                self.received += size - 1
            else:
                self._other(data[position] & 15, data[body : body + size])
            position = body + size
        self.rest = data[position:]
        if (self.received - self._acked) * 4 >= self._window > 0:
            self.acknowledge()
        return pieces

    def acknowledge(self) -> None:
        """Say that all output so far was consumed."""
        self._acked = self.received
        self.acks += 1
        ack = OutputAck(stdout=self.received, stderr=0, status=False)
        self.sock.send(masked(encode_output_ack(ack)))

    def detach(self) -> None:
        """Leave the session to itself, and wait until the server has heard it."""
        self.sock.sendall(masked(encode_detach()))
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(1 << 16):
            pass

    def close(self) -> None:
        """Leave for good: the server ends the session."""
        with contextlib.suppress(OSError):
            self.sock.sendall(masked(_NORMAL_CLOSE, CLOSE))
        self.sock.close()

    def _shake_hands(self, request: bytes) -> bytes:
        self.sock.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.sock.recv(4096)
            if not more:
                raise BenchError(f"the server hung up: {head[:300]!r}")
            head += more
        if not head.startswith(b"HTTP/1.1 101 "):
            raise BenchError(f"the server refused: {head[:300]!r}")
        return head.partition(b"\r\n\r\n")[2]

    def _other(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.sock.send(masked(payload, PONG))
        elif opcode == CLOSE:
            self.is_over = True
        else:
            self.controls.append(payload)
            if payload[0] == Channel.STATUS:
                self.is_over = True
