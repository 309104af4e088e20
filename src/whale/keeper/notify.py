"""systemd's notification socket: one datagram for each thing to say, as sd_notify(3) describes them.

Nothing answers; `barrier` tells that everything before it has been read.
"""

import array
import contextlib
import os
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Final, Self

from whale.model.limits import KEEPER_ANSWER, KEEPER_PUT

VARIABLE: Final = "NOTIFY_SOCKET"


class Notify:
    """A way to tell the service manager something. Whoever has it calls `close`."""

    def __init__(self, address: str) -> None:
        """`address` is a path, or begins with @ in the abstract name space."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(KEEPER_PUT)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self | None:
        """The socket that the service manager named, if it is one that can be used."""
        address = environ.get(VARIABLE, "")
        return cls(address) if address.startswith(("/", "@")) and len(address) > 1 else None

    def send(self, *fields: str, descriptors: Sequence[int] = ()) -> None:
        """Send these fields in one datagram. Raises `OSError`, `TimeoutError` among them."""
        data = "\n".join(fields).encode()
        # Not with send_fds: it forgets the address (CPython 3.11 to 3.13).
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._socket.sendmsg([data], beside, socket.MSG_NOSIGNAL, self._address)

    def ready(self) -> None:
        """Say that the server has started. A manager that can't be told is no reason to fail."""
        with contextlib.suppress(OSError):
            self.send("READY=1")

    def stopping(self) -> None:
        """Say that the server is about to stop."""
        with contextlib.suppress(OSError):
            self.send("STOPPING=1")

    def barrier(self, *, timeout: float = KEEPER_ANSWER) -> None:
        """Wait until all that was sent has been read. Raises `OSError`, `TimeoutError` among them."""
        # The manager closes a descriptor it was given when it gets to it, whether it knows what it is for or not.
        ours, theirs = os.pipe()
        try:
            try:
                self.send("BARRIER=1", descriptors=[theirs])
            finally:
                os.close(theirs)
            if not hung_up(ours, timeout=timeout):
                raise TimeoutError("the service manager does not read its notification socket")
        finally:
            os.close(ours)

    def close(self) -> None:
        """Close the socket. Idempotent."""
        self._socket.close()


def hung_up(pipe: int, *, timeout: float = 0.0) -> bool:
    """Tell whether nobody holds the other end of a pipe any more."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(timeout * 1000))
