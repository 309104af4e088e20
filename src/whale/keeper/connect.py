"""Finds the keeper of a state directory, or starts one, and greets it.

Several that do this at once end up with the same keeper; the last one that greets is the one it serves.
"""

import os
import select
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from whale.keeper.lock import holder_of
from whale.keeper.packets import receive_packet, send_packet
from whale.keeper.place import LOCK_NAME, LOG_NAME, Place
from whale.keeper.process import CREDENTIALS
from whale.keeper.protocol import FROM_KEEPER, HELLO, MAX_NUMBER, VERSION, WELCOME, BadPacket, decode, encode
from whale.keeper.start import start_keeper
from whale.model.errors import KeeperError
from whale.model.limits import KEEPER_ANSWER

_PAUSE: Final = 0.01

_MOST_STARTS: Final = 2
"""The first keeper that was found may just be ending; of two that were started none should be."""


class Connected(NamedTuple):
    """A connection to a keeper that has said welcome."""

    connection: socket.socket
    process: int
    capacity: int
    """Descriptors that it can keep."""
    held: int
    """Descriptors that it has."""


def connect_keeper(state_dir: Path, *, ttl: float, environ: Mapping[str, str]) -> Connected:
    """Connect to the keeper; there is one afterwards. Raises `KeeperError`. Blocks for some 30 ms if one is started."""
    deadline, starts = time.monotonic() + KEEPER_ANSWER, 0
    try:
        with Place(state_dir) as place:
            while (found := _greet(place, ttl=ttl, deadline=deadline)) is None:
                if time.monotonic() >= deadline:
                    raise _silent(place)
                if starts == _MOST_STARTS:
                    hint = f"see {LOG_NAME} in the state directory"
                    raise KeeperError("the keeper ends as soon as it is started", hint=hint)
                if _start_if_free(place, environ):
                    starts += 1
                else:
                    time.sleep(_PAUSE)
            return found
    except OSError as error:
        raise KeeperError(
            "the state directory can't be used for a keeper's socket",
            hint="keep it on a local file system, and let one user run the server",
            detail=str(error),
        ) from error


def _start_if_free(place: Place, environ: Mapping[str, str]) -> bool:
    lock = place.lock()
    if lock is None:
        return False
    try:
        with place.listen() as listener:
            start_keeper(place, lock=lock, listener=listener, environ=environ)
    finally:
        os.close(lock)
    return True


def _greet(place: Place, *, ttl: float, deadline: float) -> Connected | None:
    """Connect and say hello; None when there is no keeper, or one that is just ending."""
    try:
        connection = place.connect()
    except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
        return None
    try:
        _check_owner(connection)
        send_packet(connection, encode(HELLO, "", VERSION, min(int(ttl * 1000), MAX_NUMBER)))
        packet = _wait_for_packet(connection, place, deadline)
        welcome = _read_welcome(packet) if packet else None
    except (BrokenPipeError, ConnectionResetError):
        welcome = None
    except BaseException:
        connection.close()
        raise
    if welcome is None:
        connection.close()
        return None
    return Connected(connection, *welcome)


def _check_owner(connection: socket.socket) -> None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS)
    if int.from_bytes(credentials[4:8], sys.byteorder) != os.geteuid():
        raise KeeperError("the keeper's socket belongs to another user", hint="let one user run the server")


def _wait_for_packet(connection: socket.socket, place: Place, deadline: float) -> bytes:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise _silent(place)
    packet, _ = receive_packet(connection)
    return packet


def _read_welcome(packet: bytes) -> tuple[int, int, int]:
    try:
        message = decode(packet, FROM_KEEPER, descriptors=0)
    except BadPacket as error:
        raise KeeperError("what listens on the keeper's socket is no keeper", detail=str(error)) from error
    if message.kind != WELCOME:
        raise KeeperError("what listens on the keeper's socket is no keeper", detail=message.kind)
    version, process, *counts = message.numbers
    if version != VERSION:
        raise KeeperError(
            f"a keeper of another version runs there (it speaks {version}, this server {VERSION})",
            hint=f"start the former whale-server until its sessions are over, or lose them and stop process {process}",
        )
    capacity, held = counts
    return process, capacity, held


def _silent(place: Place) -> KeeperError:
    process = holder_of(place.directory, LOCK_NAME)
    hint = f"stop process {process}; the sessions it keeps are lost" if process else ""
    return KeeperError("the keeper does not answer", hint=hint)
