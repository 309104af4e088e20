"""The HTTP interface: plain questions and answers. Not used by `exec` and `shell`, which must start fast.

It never follows a redirect, never reads an answer without a bound, and waits for nothing without a deadline.
"""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from whale import __version__
from whale.client.dial import CONNECT_TIMEOUT, connect, full_socket, speaks_tls
from whale.client.profile import Profile
from whale.client.remote import refusal
from whale.model.container import Container, ContainerState
from whale.model.errors import AuthenticationError, ProtocolError, TransportError
from whale.model.ids import ContainerId
from whale.model.limits import HEARTBEAT_INTERVAL, KIB, MIB

REQUEST_TIMEOUT = 30.0
"""Seconds for a whole answer: an engine with thousands of containers takes some of it."""

MAX_ANSWER = 64 * MIB
"""Longest answer that is read: 4,000 containers with many labels are 10 MiB."""

MAX_REFUSAL = 64 * KIB
PIECE = 64 * KIB


class EngineVersion(NamedTuple):
    """An engine behind a server."""

    name: str
    kind: str
    version: str


class ServerVersion(NamedTuple):
    """What a server says of itself. `engines` is empty when its engine can't be reached."""

    version: str
    api: str
    engines: tuple[EngineVersion, ...]


def get_version(profile: Profile, *, timeout: float = REQUEST_TIMEOUT) -> ServerVersion:
    """Ask what runs there; it is also how a token is tried. Raises `WhaleError`."""
    body = ask_json(profile, "/1.0/version", timeout=timeout)
    try:
        engines = tuple(EngineVersion(str(e["name"]), str(e["kind"]), str(e["version"])) for e in body["engines"])
        return ServerVersion(str(body["version"]), str(body["api"]), engines)
    except (KeyError, TypeError) as error:
        raise not_understood() from error


def list_containers(profile: Profile, *, include_stopped: bool, timeout: float = REQUEST_TIMEOUT) -> list[Container]:
    """List containers. Raises `WhaleError`."""
    body = ask_json(profile, f"/1.0/containers?all={str(include_stopped).lower()}", timeout=timeout)
    try:
        return [_container(entry) for entry in body["containers"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


class AttachedClient(NamedTuple):
    """Somebody who is attached to a session."""

    user: str
    role: str
    since: float
    connected: bool


class SessionInfo(NamedTuple):
    """What a server says of a session. `status` and `reason` are of one that has ended."""

    id: str
    name: str
    container: str
    container_id: str
    command: tuple[str, ...]
    user: str
    tty: bool
    stdin: bool
    state: str
    status: int | None
    reason: str
    started: float
    idle: float
    attached: tuple[AttachedClient, ...]


def list_sessions(profile: Profile, *, timeout: float = REQUEST_TIMEOUT) -> list[SessionInfo]:
    """List the sessions that one may look at. Raises `WhaleError`."""
    body = ask_json(profile, "/1.0/sessions", timeout=timeout)
    try:
        return [_session(entry) for entry in body["sessions"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def get_session(profile: Profile, reference: str, *, timeout: float = REQUEST_TIMEOUT) -> SessionInfo:
    """Look at one session, by id, prefix of it, or name. Raises `WhaleError`."""
    body = ask_json(profile, f"/1.0/sessions/{escape_segment(reference)}", timeout=timeout)
    try:
        return _session(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def kill_session(profile: Profile, reference: str, *, reason: str = "", timeout: float = REQUEST_TIMEOUT) -> None:
    """End a session and all that runs in it. Raises `WhaleError`."""
    deadline = time.monotonic() + timeout
    path = f"/1.0/sessions/{escape_segment(reference)}" + ("?" + urlencode({"reason": reason}) if reason else "")
    with ask(profile, path, accept="application/json", deadline=deadline, method="DELETE"):
        pass


class CanAnswer(NamedTuple):
    """What a server says of what one may do."""

    action: str
    allowed: bool
    reason: str
    policies: tuple[str, ...]
    missing: tuple[str, ...]
    recording: dict[str, str] | None = None
    """What would be recorded, as `mode`, and what happens when it can't be, as `failure`; None for nothing."""


def ask_can(
    profile: Profile,
    action: str,
    name: str,
    *,
    command: tuple[str, ...] = (),
    user: str = "",
    workdir: str = "",
    tty: bool = False,
    privileged: bool = False,
    reason: str = "",
    timeout: float = REQUEST_TIMEOUT,
) -> CanAnswer:
    """Ask whether one may do something to a container or a session. Raises `WhaleError`."""
    query = [("action", action), ("name", name), *(("command", word) for word in command)]
    query += [(key, value) for key, value in (("user", user), ("workdir", workdir), ("reason", reason)) if value]
    query += [(key, "true") for key, value in (("tty", tty), ("privileged", privileged)) if value]
    body = ask_json(profile, "/1.0/can?" + urlencode(query), timeout=timeout)
    try:
        policies, missing = (tuple(map(str, body[key])) for key in ("policies", "missing"))
        recorded = body.get("recording")  # which servers of before recordings do not have
        recording = {key: str(recorded[key]) for key in ("mode", "failure")} if recorded else None
        return CanAnswer(
            str(body["action"]), body["allowed"] is True, str(body["reason"]), policies, missing, recording
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise not_understood() from error


class Exchange(NamedTuple):
    """A question that was answered, up to the body."""

    response: http.client.HTTPResponse
    sock: socket.socket

    def read(self, size: int, *, deadline: float | None = None) -> bytes:
        """Read what there is of the body, at most `size` bytes; empty at its end. Raises `TransportError`."""
        try:
            self.sock.settimeout(None if deadline is None else _left(deadline))
            data = self.response.read1(size)
        except TimeoutError as error:
            raise TransportError("the server's answer did not end in time") from error
        except (OSError, http.client.HTTPException) as error:
            raise _cut(type(error).__name__) from error
        # With a length announced, the library takes an early end for the end.
        if not data and self.response.length:
            raise _cut("short body")
        return data


@contextmanager
def ask(
    profile: Profile, path: str, *, accept: str, deadline: float | None = None, method: str = "GET"
) -> Iterator[Exchange]:
    """Ask, and hand over the answer if it is a success; within the block its body can be read.

    `deadline` is for the head of the answer, by the monotonic clock; without one the connection is only kept from
    dying unnoticed. A login whose token is refused is refreshed, once. Raises `WhaleError`.
    """
    with ExitStack() as stack:
        try:
            exchange = stack.enter_context(_asked(profile, path, accept, deadline, method))
        except AuthenticationError:
            if profile.refresh is None:
                raise
            from whale.client.renew import renewed

            exchange = stack.enter_context(_asked(renewed(profile), path, accept, deadline, method))
        yield exchange


@contextmanager
def _asked(profile: Profile, path: str, accept: str, deadline: float | None, method: str) -> Iterator[Exchange]:
    address = profile.address
    timeout = CONNECT_TIMEOUT if deadline is None else min(CONNECT_TIMEOUT, _left(deadline))
    connected = connect(address, trust=profile.trust, timeout=timeout)
    sock = connected if isinstance(connected, socket.socket) else full_socket(connected)
    connection = http.client.HTTPConnection(address.host, address.port)
    connection.sock = sock
    try:
        _keep_alive(sock)
        response = _answer(connection, sock, profile, path, accept=accept, deadline=deadline, method=method)
        # It holds on to the socket by itself.
        with response:
            exchange = Exchange(response, sock)
            if response.status not in (http.client.OK, http.client.NO_CONTENT):
                raise refusal(response.status, _read_all(exchange, MAX_REFUSAL, time.monotonic() + REQUEST_TIMEOUT))
            yield exchange
    finally:
        connection.close()
        sock.close()


def ask_json(profile: Profile, path: str, *, method: str = "GET", timeout: float = REQUEST_TIMEOUT) -> dict[str, Any]:
    """Ask for a JSON object; an answer without a body is an empty one. Raises `WhaleError`."""
    deadline = time.monotonic() + timeout
    with ask(profile, path, accept="application/json", deadline=deadline, method=method) as exchange:
        if exchange.response.status == http.client.NO_CONTENT:
            return {}
        body = _read_all(exchange, MAX_ANSWER, deadline)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise not_understood() from error
    if not isinstance(value, dict):
        raise not_understood()
    return value


def escape_segment(text: str) -> str:
    """Escape text for one segment of a path: a container's name never becomes another address."""
    return quote(text, safe="")


def _answer(
    connection: http.client.HTTPConnection,
    sock: socket.socket,
    profile: Profile,
    path: str,
    *,
    accept: str,
    deadline: float | None,
    method: str,
) -> http.client.HTTPResponse:
    address = profile.address
    headers = {
        "Host": address.authority,
        "Accept": accept,
        "User-Agent": f"whale/{__version__}",
    }
    if profile.token:  # who is about to log in has none
        headers["Authorization"] = f"Bearer {profile.token.reveal()}"
    try:
        sock.settimeout(None if deadline is None else _left(deadline))
        connection.request(method, path, headers=headers)
        return connection.getresponse()
    except TimeoutError as error:
        raise TransportError(f"{address.authority} took the connection but does not answer") from error
    except (OSError, http.client.HTTPException) as error:
        if not address.is_secure and speaks_tls(address):
            hint = "use https:// instead of http://"
            raise TransportError(f"{address.authority} speaks TLS", code="transport.plain_http", hint=hint) from error
        hint = "check that the address is whale-server's"
        raise TransportError("the server hung up without an answer", hint=hint, detail=type(error).__name__) from error


def _read_all(exchange: Exchange, most: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := exchange.read(PIECE, deadline=deadline):
        size += len(part)
        if size > most:
            raise ProtocolError("the server's answer is too long", code="protocol.too_big")
        parts.append(part)
    return b"".join(parts)


def _container(entry: dict[str, Any]) -> Container:
    return Container(
        id=ContainerId(str(entry["id"])),
        name=str(entry["name"]),
        image=str(entry["image"]),
        state=ContainerState(entry["state"]),
        engine=str(entry["engine"]),
        status=str(entry.get("status", "")),
        created=int(entry.get("created", 0)),
        labels={str(key): str(value) for key, value in entry.get("labels", {}).items()},
    )


def _session(entry: dict[str, Any]) -> SessionInfo:
    container, status = entry["container"], entry["status"]
    return SessionInfo(
        id=str(entry["id"]),
        name=str(entry["name"]),
        container=str(container["name"]),
        container_id=str(container["id"]),
        command=tuple(map(str, entry["command"])),
        user=str(entry["user"]),
        tty=bool(entry["tty"]),
        stdin=bool(entry["stdin"]),
        state=str(entry["state"]),
        status=None if status is None else int(status),
        reason=str(entry["reason"]),
        started=float(entry["started"]),
        idle=float(entry["idle"]),
        attached=tuple(
            AttachedClient(str(a["user"]), str(a["role"]), float(a["since"]), bool(a["connected"]))
            for a in entry["attached"]
        ),
    )


def _keep_alive(sock: socket.socket) -> None:
    """Find out within a minute that the other machine is gone, where nothing else would tell."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    seconds = int(HEARTBEAT_INTERVAL)
    for name, value in (("TCP_KEEPIDLE", seconds), ("TCP_KEEPINTVL", seconds // 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _cut(detail: str) -> TransportError:
    hint = "check your network and the server"
    return TransportError("the connection broke in the middle of the answer", hint=hint, detail=detail)


def not_understood() -> ProtocolError:
    """The error of an answer that makes no sense."""
    return ProtocolError("the server's answer is not understood", hint="its version may not fit: whale version")
