"""The process with the emulators: one loop that does what its server says, and ends when the server has ended.

It is confined before it reads anything that a container wrote (confine.py). A message that takes too much processor
time loses its screen. In the library nothing can be interrupted, so there it ends the process, as every fault does:
the server knows by the answers what it was at.
"""

import signal
import socket
from collections.abc import Callable

from whale.model.allocator import keep_freed_blocks
from whale.model.limits import KIB, MAX_REPAINT, MAX_SCREENS, SCREEN_WORK
from whale.model.terminal import TerminalSize
from whale.screen.confine import confine
from whale.screen.library import LibraryError
from whale.screen.protocol import (
    ANSWERS,
    CLOSE,
    DONE,
    FEED,
    MAX_REASON,
    OPEN,
    PAINTED,
    READY,
    REPAINT,
    REPLIED,
    REPLIES,
    RESIZE,
    VERSION,
    BadMessage,
    Decoder,
    Message,
    decode_size,
    encode,
)
from whale.screen.screen import Screen, open_screen, unavailable, warm_up

_READ = 256 * KIB

_MOST_WORK = 2 * SCREEN_WORK
"""Seconds of processor time after which the system ends the process: also one whose server has gone."""


class TooLong(Exception):
    """A message takes too much processor time."""


class Screens:
    """All screens, by number; None for one that is lost."""

    def __init__(self, open_screen: Callable[[TerminalSize], Screen | None] = open_screen) -> None:
        self._open_screen = open_screen
        self._screens: dict[int, Screen | None] = {}

    def handle(self, message: Message) -> bytes:
        """Do what a message says; return the answer. Raises `BadMessage` for what makes no sense."""
        kind, number, body = message
        if kind == OPEN:
            self._open(number, decode_size(body))
            return encode(DONE, number)
        if number not in self._screens:
            raise BadMessage("there is no such screen")
        screen = self._screens[number]
        if kind == CLOSE:
            del self._screens[number]
        if screen is None:
            return encode(ANSWERS[kind], number)
        return self._ask(screen, message)

    def lose(self, message: Message) -> bytes:
        """Let go of the screen of a message that takes too much; return the answer."""
        screen = self._screens.get(message.screen)
        if screen is not None:
            self._screens[message.screen] = None
            screen.close()
        return encode(ANSWERS[message.kind], message.screen)

    def _open(self, number: int, size: TerminalSize) -> None:
        if number in self._screens or len(self._screens) >= MAX_SCREENS:
            raise BadMessage("one screen too many")
        try:
            self._screens[number] = self._open_screen(size)
        except LibraryError:
            self._screens[number] = None

    @staticmethod
    def _ask(screen: Screen, message: Message) -> bytes:
        kind, number, body = message
        if kind == REPAINT:
            painted = screen.repaint()
            return encode(PAINTED, number, painted if len(painted) <= MAX_REPAINT else b"")
        if kind == REPLIES:
            return encode(REPLIED, number, screen.replies())
        if kind == FEED:
            screen.feed(body)
        elif kind == RESIZE:
            screen.resize(decode_size(body))
        else:
            screen.close()
        return encode(DONE, number)


def serve(connection: socket.socket, screens: Screens) -> None:
    """Do what the server says until it has gone."""
    decoder = Decoder.of_server()
    with memoryview(bytearray(_READ)) as space:  # once: the system would have to find and clear it for each read
        while size := connection.recv_into(space):
            for message in decoder.receive(space[:size]):
                connection.sendall(_answer(screens, message))


def _answer(screens: Screens, message: Message) -> bytes:
    # Processor time counts, so that a machine that is slow, or stands still, is nobody's fault.
    signal.setitimer(signal.ITIMER_VIRTUAL, _MOST_WORK)
    try:
        signal.setitimer(signal.ITIMER_PROF, SCREEN_WORK)
        answer = screens.handle(message)
        signal.setitimer(signal.ITIMER_PROF, 0)
    except (TooLong, MemoryError):
        signal.setitimer(signal.ITIMER_PROF, 0)
        answer = screens.lose(message)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return answer


def _interrupt(_signal: int, _frame: object) -> None:
    raise TooLong


def main() -> int:
    """Be the process. The socket to the server is standard input."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends when the server has ended, which may need it until then
    signal.signal(signal.SIGPROF, _interrupt)
    with socket.socket(fileno=0) as connection:
        keep_freed_blocks()
        warm_up()
        confine()
        try:
            connection.sendall(encode(READY, 0, bytes((VERSION,)) + unavailable().encode()[:MAX_REASON]))
            serve(connection, Screens())
        except OSError:
            return 0  # the server has gone while it was answered
    return 0
