"""One connection to the keeper, seen from the keeper: what has arrived, and what still has to go out.

What waits to go out is bounded: a few answers, and the names of items that are sent as there is room for them.
"""

import socket

from whale.keeper.packets import NotNow, close_all, receive_packet, send_packet
from whale.keeper.protocol import END, FROM_SERVER, ITEM, BadPacket, Message, decode, encode
from whale.keeper.shelf import Shelf

MAX_ANSWERS = 64
"""Answers that wait for a server that does not read; it does not get more."""


class Peer:
    """A connection that was accepted. Whoever has it calls `close`."""

    def __init__(self, connection: socket.socket, *, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline
        """When a stranger must have said what it is."""
        self.is_throttled = False
        """What waits can't be sent although the socket has room: to be tried again in a moment."""
        self._answers: list[bytes] = []
        self._names: list[str] | None = None
        self._handed_over = 0

    def receive(self) -> tuple[Message, tuple[int, ...]]:
        """Read one message and its descriptors, which are the caller's from here on.

        Raises `BlockingIOError` when there is none yet, `EOFError` when none comes any more, and `BadPacket`.
        """
        try:
            packet, descriptors = receive_packet(self.connection)
        except BlockingIOError:
            raise
        except OSError as error:
            raise EOFError from error
        if not packet:
            close_all(descriptors)
            raise EOFError
        try:
            return decode(packet, FROM_SERVER, descriptors=len(descriptors)), descriptors
        except BadPacket:
            close_all(descriptors)
            raise

    @property
    def is_waiting(self) -> bool:
        """Something has to go out."""
        return bool(self._answers) or self._names is not None

    def answer(self, kind: str, name: str = "", *numbers: int) -> None:
        """Have a message sent."""
        if len(self._answers) < MAX_ANSWERS:
            self._answers.append(encode(kind, name, *numbers))

    def hand_over(self, names: list[str]) -> None:
        """Have these items sent. Raises `BadPacket` when others are still on their way: one asks once."""
        if self._names is not None:
            raise BadPacket("still handing over")
        self._names, self._handed_over = names[::-1], 0

    def flush(self, shelf: Shelf) -> None:
        """Send what there is room for. What goes wrong here is seen when the connection is read."""
        self.is_throttled = False
        try:
            while self._answers:
                send_packet(self.connection, self._answers[0])
                del self._answers[0]
            while self._names is not None:
                self._send_next(shelf)
        except NotNow as wait:
            self.is_throttled = wait.is_writable
        except OSError:
            self._answers, self._names = [], None

    def _send_next(self, shelf: Shelf) -> None:
        assert self._names is not None
        if not self._names:
            send_packet(self.connection, encode(END, "", self._handed_over))
            self._names = None
            return
        name = self._names[-1]
        if descriptors := shelf.get(name):
            send_packet(self.connection, encode(ITEM, name), descriptors)
            self._handed_over += 1
        del self._names[-1]

    def refuse_more(self) -> None:
        """Let nothing more be sent to the keeper; what was sent before can still be received."""
        try:
            self.connection.shutdown(socket.SHUT_RD)
        except OSError:
            return  # it is gone already, which does the same

    def close(self) -> None:
        """Let go of the connection. Idempotent."""
        self.connection.close()
