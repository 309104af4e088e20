"""Sends and receives packets with descriptors beside them. Never leaves open a descriptor that nobody was given.

The sockets do not block. A packet arrives whole or not at all, and what was sent is read by the other end even when
the sender has been killed since.
"""

import errno
import os
import socket
import sys

from whale.keeper.protocol import MAX_PACKET, BadPacket
from whale.model.limits import MAX_KEPT_TOGETHER

_SIZE = 4
"""Bytes of a descriptor beside a packet: a C int."""

_BESIDE = socket.CMSG_SPACE(_SIZE * MAX_KEPT_TOGETHER)


class NotNow(Exception):
    """The packet can't be sent yet."""

    def __init__(self, *, is_writable: bool) -> None:
        super().__init__()
        self.is_writable = is_writable
        """The socket has room: it is the count of descriptors on their way that is too high."""


def send_packet(connection: socket.socket, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet. The descriptors stay the caller's.

    Raises `NotNow`, and `OSError` when the other end is gone (or a descriptor is none).
    """
    beside = b"".join(number.to_bytes(_SIZE, sys.byteorder) for number in descriptors)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, beside)] if descriptors else []
    try:
        connection.sendmsg([packet], ancillary, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except BlockingIOError:
        raise NotNow(is_writable=False) from None
    except OSError as error:
        # The kernel counts the descriptors of a user that are on their way; they become fewer as they are received.
        if error.errno == errno.ETOOMANYREFS:
            raise NotNow(is_writable=True) from None
        raise


def receive_packet(connection: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """Receive one packet and its descriptors, which are the caller's from here on. No bytes: the other end is gone.

    A packet comes without any descriptor when this process could not open them all. Raises `BlockingIOError` when
    there is no packet yet, and `BadPacket` when it is longer than any can be.
    """
    flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    try:
        packet, ancillary, result, _ = connection.recvmsg(MAX_PACKET, _BESIDE, flags)
    except ConnectionResetError:
        # Said once, when the other end went without reading everything. What it sent itself is still there.
        packet, ancillary, result, _ = connection.recvmsg(MAX_PACKET, _BESIDE, flags)
    descriptors = tuple(
        int.from_bytes(data[at : at + _SIZE], sys.byteorder)
        for level, kind, data in ancillary
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        for at in range(0, len(data) - len(data) % _SIZE, _SIZE)
    )
    if result & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        close_all(descriptors)
        descriptors = ()
    if result & socket.MSG_TRUNC:
        raise BadPacket("too long")
    return packet, descriptors


def close_all(descriptors: tuple[int, ...]) -> None:
    """Close descriptors. Errors of a file that was written long ago come too late for anyone."""
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue
