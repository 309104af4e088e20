"""All screens of a server, emulated by a process of their own, which is started when the first one is needed.

The emulator is compiled code that reads what containers write, so a fault of it ends that process and not the server.
With it all screens are gone. The one that it was at is blamed, because the same output would do the same again; the
others can be opened anew, from what is written down of them. A process that ends again and again is started after
pauses, in which there are no screens. Nothing here raises; threads take turns.
"""

import atexit
import itertools
import time
from collections.abc import Callable, Sequence
from threading import RLock

import structlog

from whale.model.limits import MAX_SCREEN_PAUSE, MAX_SCREENS, SCREEN_PAUSE, SCREEN_STEADY
from whale.model.terminal import TerminalSize
from whale.screen.client import ProcessLost, ScreenProcess
from whale.screen.protocol import CLOSE, FEED, MAX_FEED, OPEN, REPAINT, REPLIES, RESIZE, encode_size
from whale.screen.start import command as usual_command

_log = structlog.get_logger("whale.screen")


Blame = Callable[[bool], None]
"""Called for the screen that the process ended at: with True when it was a fault, with False when it was only late."""


class Screen:
    """One terminal. It must be closed.

    Output is sent without waiting for it to be emulated; `repaint` and `replies` wait.
    """

    def __init__(self, screens: "Screens", number: int, blame: Blame) -> None:
        self._screens = screens
        self._number = number
        self.blame = blame
        self.is_gone = False
        """True when the process has ended, or it was closed: nothing more comes of it."""
        self.is_blamed = False
        """True when the process ended at this one."""
        self._may_have_replies = False

    def feed(self, data: bytes) -> None:
        """Take output."""
        self._may_have_replies = self._may_have_replies or bool(data)
        for start in range(0, len(data), MAX_FEED):
            self._screens.send(self, FEED, self._number, data[start : start + MAX_FEED])

    def resize(self, size: TerminalSize) -> None:
        """Take the terminal's new size."""
        self._screens.send(self, RESIZE, self._number, encode_size(size))

    def repaint(self) -> bytes:
        """Return what brings a terminal of this size to this screen; empty when it `is_gone` now."""
        return self._screens.ask(self, REPAINT, self._number)

    def replies(self) -> bytes:
        """Return what the terminal answered to queries since the last call."""
        if not self._may_have_replies:
            return b""
        self._may_have_replies = False
        return self._screens.ask(self, REPLIES, self._number)

    def close(self) -> None:
        """Free the terminal. What is fed after that is dropped."""
        self._screens.close_screen(self, self._number)


class Screens:
    """The screens of one server."""

    def __init__(self, command: Sequence[str] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`command`: what is run instead of the usual process."""
        self._command = command
        self._clock = clock
        self._lock = RLock()
        self._process: ScreenProcess | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, Screen] = {}
        self._why_never = ""
        self._why_not_now = ""
        self._not_before = float("-inf")
        self._pause = 0.0
        self._ended_at = float("-inf")
        self.ended = 0
        """How often the process has ended that should not have."""
        atexit.register(self.shut_down)

    @property
    def pid(self) -> int:
        """The number of the process; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    def warm_up(self) -> None:
        """Have the process started, and wait until it is up. Any thread may do it."""
        with self._lock:
            process = self._started()
            if process is None:
                return
            try:
                process.wait_ready()
            except ProcessLost as lost:
                self._end_all(lost)
            else:
                self._look_why()

    def unavailable(self) -> str:
        """Say why there can be no screens on this machine; empty where there can."""
        self.warm_up()
        return self._why_never or ("" if self._process is not None else self._why_not_now)

    def is_possible(self) -> bool:
        """True when there can be screens on this machine, as far as is known by now."""
        return not self._why_never

    def open(self, size: TerminalSize, *, blame: Blame) -> Screen | None:
        """Return a terminal of that size as after a reset; None where there are none, for now or for ever."""
        with self._lock:
            if self._started() is None or len(self._open) >= MAX_SCREENS:
                return None
            number = next(self._numbers)
            screen = self._open[number] = Screen(self, number, blame)
            self.send(screen, OPEN, number, encode_size(size))
            return screen

    def send(self, screen: Screen, kind: int, number: int, body: bytes = b"") -> None:
        """Have the process do something with a screen, if it still has it."""
        with self._lock:
            if self._process is None or screen.is_gone:
                return
            try:
                self._process.send(kind, number, body)
            except ProcessLost as lost:
                self._end_all(lost)

    def ask(self, screen: Screen, kind: int, number: int) -> bytes:
        """Have the process answer something of a screen; empty if it has it no more."""
        with self._lock:
            if self._process is None or screen.is_gone:
                return b""
            try:
                answer = self._process.ask(kind, number)
            except ProcessLost as lost:
                self._end_all(lost)
                return b""
            self._look_why()
            return answer

    def close_screen(self, screen: Screen, number: int) -> None:
        """Let go of a screen. Idempotent."""
        with self._lock:
            self.send(screen, CLOSE, number)
            screen.is_gone = True
            self._open.pop(number, None)

    def shut_down(self) -> None:
        """End the process; there is one again when the next screen is opened. Idempotent."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.end()
            self._forget_all()

    def _started(self) -> ScreenProcess | None:
        if self._process is None and not self._why_never and self._clock() >= self._not_before:
            try:
                self._process = ScreenProcess(usual_command() if self._command is None else self._command)
            except OSError as error:
                self._why_not_now = f"the emulator's process cannot be started ({error})"
                self._take_a_pause()
        return self._process

    def _look_why(self) -> None:
        """End a process for good that has said that there can be no screens."""
        if self._process is not None and self._process.reason:
            self._why_never = self._process.reason
            self.shut_down()

    def _end_all(self, lost: ProcessLost) -> None:
        """Note that the process has ended."""
        self._process = None
        self.ended += 1
        self._why_not_now = f"the emulator's process ended ({lost})"
        self._take_a_pause()
        guilty = self._open.get(lost.screen)
        _log.error("screen.process_ended", detail=str(lost), screens=len(self._open), is_blamed=guilty is not None)
        self._forget_all()
        if guilty is not None:
            guilty.is_blamed = True
            guilty.blame(lost.is_fault)

    def _forget_all(self) -> None:
        for screen in self._open.values():
            screen.is_gone = True
        self._open.clear()

    def _take_a_pause(self) -> None:
        now = self._clock()
        is_first = now - self._ended_at > SCREEN_STEADY
        self._pause = 0.0 if is_first else min(max(2 * self._pause, SCREEN_PAUSE), MAX_SCREEN_PAUSE)
        self._ended_at, self._not_before = now, now + self._pause


_screens = Screens()

open_screen = _screens.open
warm_up = _screens.warm_up
unavailable = _screens.unavailable
is_possible = _screens.is_possible
shut_down = _screens.shut_down


def process_ends() -> int:
    """How often the process has ended that should not have."""
    return _screens.ended
