"""The engine's own exec, spoken over its raw socket: the floor that nothing in front of an engine can be below."""

import contextlib
import json
import socket
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from bench.model import BenchError
from bench.process import LIMIT, deadline

PIECE = 1 << 20
_HEADER = 8


def connect(host: str) -> socket.socket:
    """Connect to an engine named as DOCKER_HOST names it. Raises `BenchError` for one that needs TLS."""
    url = urlsplit(host)
    if url.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(LIMIT)
        sock.connect(url.path)
        return sock
    if url.scheme == "tcp" and url.hostname and url.port != 2376:
        sock = socket.create_connection((url.hostname, url.port or 2375), LIMIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise BenchError(f"no raw socket to the engine at {host}")


class RawExec:
    """One command, started; `sock` carries its streams, blocking."""

    def __init__(self, host: str, container: str, command: Sequence[str], *, tty: bool, stdin: bool) -> None:
        self._host = host
        spec = {"Cmd": list(command), "Tty": tty, "AttachStdin": stdin, "AttachStdout": True, "AttachStderr": True}
        self.id = str(self._call("POST", f"/containers/{container}/exec", spec)["Id"])
        self.sock = connect(host)
        upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        self.sock.sendall(_request("POST", f"/exec/{self.id}/start", {"Detach": False, "Tty": tty}, upgrade))
        self.early = _read_head(self.sock)[1]
        """Output that came with the head of the answer."""
        self.sock.settimeout(None)

    def __enter__(self) -> "RawExec":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def status(self) -> int:
        """Wait until the engine says how the command ended."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            state = self._call("GET", f"/exec/{self.id}/json")
            if not state["Running"]:
                return int(state["ExitCode"])
        raise BenchError("the engine does not say how a command ended")

    def read_until(self, mark: bytes) -> bytes:
        """Read until the output ends with `mark`."""
        seen = self.early
        with deadline(LIMIT, f"{mark!r} from the engine"):
            while not seen.rstrip(b" ").endswith(mark.rstrip(b" ")):
                data = self.sock.recv(65536)
                if not data:
                    raise BenchError(f"{mark!r} did not come from the engine; seen: {seen[-300:]!r}")
                seen += data
        return seen

    def output(self) -> bytes:
        """Read a command on a terminal to the end of its output."""
        seen = [self.early]
        with deadline(LIMIT, "the output of a command"):
            while data := self.sock.recv(65536):
                seen.append(data)
        return b"".join(seen)

    def count_output(self) -> int:
        """Read a command without a terminal to the end of its output; return its length without the headers."""
        total, buffer = 0, bytearray(self.early)
        piece = bytearray(PIECE)
        inside = 0  # bytes of the frame under way that are still to come
        with deadline(LIMIT, "the output of a command"):
            while True:
                position = 0
                while position < len(buffer):
                    if inside == 0 and len(buffer) - position < _HEADER:
                        break
                    if inside == 0:
                        inside = int.from_bytes(buffer[position + 4 : position + _HEADER], "big")
                        position += _HEADER
                    step = min(inside, len(buffer) - position)
                    total, position, inside = total + step, position + step, inside - step
                rest = buffer[position:]
                size = self.sock.recv_into(piece)
                if size == 0:
                    return total
                buffer = rest + piece[:size] if rest else piece[:size]

    def _call(self, method: str, path: str, body: object = None) -> Any:
        with contextlib.closing(connect(self._host)) as sock:
            sock.sendall(_request(method, path, body, "Connection: close\r\n"))
            head, data = _read_head(sock)
            while more := sock.recv(65536):
                data += more
        if b" 20" not in head.split(b"\r\n", 1)[0]:
            raise BenchError(f"the engine refused {method} {path}: {data[-300:].decode(errors='replace')}")
        start = data.find(b"{")
        return json.loads(data[start : data.rfind(b"}") + 1])


def _request(method: str, path: str, body: object, headers: str) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n{headers}\r\n".encode() + data


def _read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise BenchError("the engine hung up")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest
