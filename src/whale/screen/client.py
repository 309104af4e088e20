"""One process with emulators, as the server sees it: what it was sent, and what it has not answered yet.

The calling thread waits, and never without a deadline. What goes wrong is `ProcessLost`, after which the process has
ended; it says which screen the process was at.
"""

import select
import signal
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from whale.model.limits import KIB, MAX_SCREEN_AHEAD, MAX_SCREEN_MESSAGES, SCREEN_ANSWER, SCREEN_START
from whale.screen.protocol import ANSWERS, DONE, READY, VERSION, BadMessage, Decoder, Message, encode
from whale.screen.start import start_process

_READ = 256 * KIB


class ProcessLost(Exception):
    """The process has ended, or was ended because it did not do what it should."""

    def __init__(self, detail: str, *, screen: int, is_fault: bool) -> None:
        super().__init__(detail)
        self.screen = screen
        """What it was at; 0 when it was at nothing."""
        self.is_fault = is_fault
        """False when it was only late, which may be the machine's fault."""


class _Owed(NamedTuple):
    """A message that has no answer yet."""

    kind: int
    screen: int
    size: int


class ScreenProcess:
    """Started by being made. Whoever has it calls `end`."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it. Raises `OSError`."""
        self._process, self._socket = start_process(command)
        self._start_until = time.monotonic() + SCREEN_START
        self._decoder = Decoder.of_process()
        self._owed: deque[_Owed] = deque()
        self._ahead = 0
        """Bytes of what is owed an answer."""
        self._answer = b""
        """What the last question was answered."""
        self.is_ready = False
        """True once it has said that it is up."""
        self.reason = ""
        """Why it can make no screens, once it is ready."""

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until it is up. Raises `ProcessLost`."""
        while True:
            if self.is_ready:
                return
            self._receive(self._start_until)

    def send(self, kind: int, screen: int, body: bytes = b"") -> None:
        """Have it do something. Waits only when too much is on the way. Raises `ProcessLost`."""
        self._send(kind, screen, body, self._deadline())

    def ask(self, kind: int, screen: int) -> bytes:
        """Have it answer something; return the answer. Raises `ProcessLost`."""
        deadline = self._deadline()
        self._send(kind, screen, b"", deadline)
        while self._owed:
            self._receive(deadline)
        answer, self._answer = self._answer, b""
        return answer

    def end(self) -> int:
        """Let go of it, and wait until it has gone; return its status. Idempotent."""
        self._socket.close()
        self._process.kill()
        return self._process.wait()

    def _deadline(self) -> float:
        until = time.monotonic() + SCREEN_ANSWER
        return until if self.is_ready else max(until, self._start_until)

    def _send(self, kind: int, screen: int, body: bytes, deadline: float) -> None:
        while self._owed and (self._ahead + len(body) > MAX_SCREEN_AHEAD or len(self._owed) >= MAX_SCREEN_MESSAGES):
            self._receive(deadline)
        rest = memoryview(encode(kind, screen, body))
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLIN | select.POLLOUT, deadline)
                self._receive_some()
            except OSError as error:
                raise self._lost(str(error)) from error
        self._owed.append(_Owed(kind, screen, len(body)))
        self._ahead += len(body)

    def _receive(self, deadline: float) -> None:
        """Wait for some answer, or a part of it."""
        self._wait(select.POLLIN, deadline)
        self._receive_some()

    def _wait(self, events: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(self._socket, events)
        if left <= 0 or not poll.poll(left * 1000):
            raise self._lost("it did not answer in time", is_fault=False)

    def _receive_some(self) -> None:
        """Take the answers that are there."""
        try:
            data = self._read()
        except BlockingIOError:
            return
        except OSError as error:
            raise self._lost(str(error)) from error
        if not data:
            raise self._lost("it ended")
        try:
            for message in self._decoder.receive(data):
                self._received(message)
        except BadMessage as error:
            raise self._lost(str(error)) from error

    def _read(self) -> bytes:
        try:
            return self._socket.recv(_READ)
        except ConnectionResetError:
            # Said once, when it went without reading everything. What it sent itself is still there.
            return self._socket.recv(_READ)

    def _received(self, message: Message) -> None:
        if message.kind == READY:
            if message.body[0] != VERSION:
                raise BadMessage("it is of another version: restart the server")
            self.is_ready, self.reason = True, message.body[1:].decode(errors="replace")
            return
        if not self._owed:
            raise BadMessage("it said something unasked")
        owed = self._owed[0]
        if (message.kind, message.screen) != (ANSWERS[owed.kind], owed.screen):
            raise BadMessage("it said something else than what it was asked")
        self._owed.popleft()
        self._ahead -= owed.size
        if message.kind != DONE:
            self._answer = message.body

    def _lost(self, detail: str, *, is_fault: bool = True) -> ProcessLost:
        """End it; say what it was at. Its last answers may still be there."""
        self._process.kill()
        status = self._process.wait()
        with suppress(OSError, BadMessage):
            while data := self._read():
                for message in self._decoder.receive(data):
                    self._received(message)
        self._socket.close()
        screen = self._owed[0].screen if self._owed and self.is_ready else 0
        return ProcessLost(f"{detail} ({_ending(status)})", screen=screen, is_fault=is_fault)


def _ending(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"status {status}"
