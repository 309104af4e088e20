"""Plays a recording in the local terminal, and gives it back as it was.

What is played is shown and nothing else: it can't ask the terminal anything, and nothing that the terminal sends goes
anywhere.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from whale.client.cast import SHOWN, CastEvent
from whale.client.feed import Feed, Lines
from whale.client.keys import KeyReader, PlayKey
from whale.client.playback import Playback
from whale.client.queries import QueryFilter
from whale.client.signals import SignalInbox
from whale.client.terminal import CLEAR, RawTerminal, is_terminal, leave_terminal, terminal_size
from whale.model.errors import UsageError

JUMP: Final = 5000
"""Milliseconds that the arrow keys go."""

SOON: Final = 1000
"""Milliseconds in which who asks for the hit before means the one before that."""

AHEAD: Final = 64
"""Events that wait for their time; more wait in the feed, which has a bound in bytes."""

SETTLED: Final = 0.2
"""Seconds after which an escape that was typed is one, and not the beginning of something else."""

READING: Final = 2.0
"""Seconds to read that the terminal is too small."""

EXIT_BROKEN_PIPE: Final = 141
EXIT_INTERRUPTED: Final = 130

_ALTERNATE: Final = (b"\x1b[?1049", b"\x1b[?1047", b"\x1b[?47")

OpenAt = Callable[[int], AbstractContextManager[Lines]]
"""Opens the lines of a recording from a moment on."""


def play(
    open_at: OpenAt, *, speed: float = 1.0, idle_limit: float = 2.0, from_ms: int = 0, hits: Sequence[int] = ()
) -> int:
    """Play to the end, or until the user has had enough; return the exit status. Raises `WhaleError`.

    `hits` are the moments, in order, that the user may jump between.
    """
    terminal = RawTerminal(0) if is_terminal(0) else None
    with SignalInbox((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) as inbox:
        player = _Player(open_at, inbox, listens=terminal is not None, hits=hits)
        player.begin(from_ms, speed=speed, idle_limit=idle_limit)
        try:
            if terminal is not None:
                terminal.make_raw()
            return player.run()
        except BrokenPipeError:
            return EXIT_BROKEN_PIPE
        finally:
            player.feed.stop()
            leave_terminal(alternate=player.is_alternate)
            if terminal is not None:
                terminal.restore()


class _Player:
    feed: Feed
    playback: Playback

    def __init__(self, open_at: OpenAt, inbox: SignalInbox, *, listens: bool, hits: Sequence[int] = ()) -> None:
        self._hits = hits
        self._open_at = open_at
        self._inbox = inbox
        self._listens = listens
        self._is_raw = listens
        self._keys = KeyReader()
        self._typed = 0.0
        """When something came from the keyboard."""
        self._filter = QueryFilter()
        self._is_new = True
        """Whether nothing was shown yet."""
        self._has_terminal = True
        """Whether what is recorded is of a terminal."""
        self.is_alternate = False

    def begin(self, from_ms: int, *, speed: float, idle_limit: float) -> None:
        """Begin to read at a moment."""
        self.feed = Feed(lambda: self._open_at(from_ms))
        self.playback = Playback(now=time.monotonic(), speed=speed, idle_limit=idle_limit, from_ms=from_ms)

    def run(self) -> int:
        """Play; return the exit status."""
        while not self.playback.is_over:
            status = self._turn()
            if status is not None:
                return status
        _write(self._filter.finish())
        return 0

    def _turn(self) -> int | None:
        """Wait for what comes first and deal with it; an exit status ends it all."""
        playback = self.playback
        reads = [self._inbox.descriptor]
        if playback.waiting < AHEAD and not playback.is_ended:
            reads.append(self.feed.descriptor)
        if self._listens:
            reads.append(0)
        readable, _, _ = select.select(reads, [], [], playback.due(time.monotonic()))
        if self._inbox.descriptor in readable:
            for number in self._inbox.read():
                return 128 + number
        if self.feed.descriptor in readable:
            events, playback.is_ended = self.feed.take(AHEAD)
            playback.add(events)
        if 0 in readable:
            for key in self._read_keys():
                if key in (PlayKey.QUIT, PlayKey.INTERRUPT):
                    return 0 if key is PlayKey.QUIT else EXIT_INTERRUPTED
                self._obey(key)
                self._show(self.playback.take(time.monotonic()))  # before the next key says otherwise
        self._show(self.playback.take(time.monotonic()))
        return None

    def _read_keys(self) -> list[PlayKey]:
        now = time.monotonic()
        if now - self._typed > SETTLED:
            self._keys.settle()
        self._typed = now
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b""  # a terminal that hung up
        if not data:
            self._listens = False
        return self._keys.feed(data)

    def _obey(self, key: PlayKey) -> None:
        now, playback = time.monotonic(), self.playback
        if key is PlayKey.PAUSE:
            playback.toggle(now)
        elif key is PlayKey.STEP:
            self._show(playback.step(now))
        elif key in (PlayKey.FASTER, PlayKey.SLOWER):
            playback.change_speed(now, 1 if key is PlayKey.FASTER else -1)
        elif key is PlayKey.FORWARD:
            playback.skip_to(playback.position(now) + JUMP)
        elif key is PlayKey.BACK:
            self._jump(max(0, playback.position(now) - JUMP))
        elif key is PlayKey.NEXT_MARKER:
            playback.skip_to_marker()
        elif key is PlayKey.PREVIOUS_MARKER:
            self._jump(playback.marker_before(now) or 0)
        elif key is PlayKey.NEXT_HIT and self._hits:
            playback.skip_to(hit_after(self._hits, playback.position(now)))
        elif key is PlayKey.PREVIOUS_HIT and self._hits:
            self._jump(hit_before(self._hits, playback.position(now)))

    def _jump(self, at: int) -> None:
        """Go on from an earlier moment: with another reading, which begins with a picture."""
        before = self.playback
        self.feed.stop()
        self.begin(at, speed=before.speed, idle_limit=before.idle_limit)
        self.playback.is_paused = before.is_paused
        self.playback.markers = before.markers
        self._filter = QueryFilter()
        if self._has_terminal:
            self._clear()

    def _show(self, events: Iterable[CastEvent]) -> None:
        shown = [event.data for event in events if event.code in SHOWN]
        if not shown:
            return
        if self._is_new:
            self._is_new = False
            about = (self.feed.reader.header or {}).get("whale")
            self._has_terminal = not isinstance(about, dict) or about.get("tty") is not False
            if self._has_terminal:
                self._say_if_too_small()
                self._clear()
        # What is no text, terminals take for this and that: shown is what all other players show.
        data = b"".join(map(_as_text, shown) if self._has_terminal else shown)
        if not self._has_terminal and self._is_raw:
            data = data.replace(b"\n", b"\r\n")  # there was no terminal that began a line at its beginning
        out = self._filter.feed(data)
        on, off = (max(out.rfind(mode + end) for mode in _ALTERNATE) for end in (b"h", b"l"))
        if on != off:
            self.is_alternate = on > off
        _write(out)

    def _say_if_too_small(self) -> None:
        """Say that not all of the picture will be seen, for as long as it takes to read that, or until a key."""
        local, (cols, rows) = terminal_size((1,)), self.feed.reader.size
        if local is None or (local.cols >= cols and local.rows >= rows):
            return
        _write(b"this was recorded in %dx%d, and this terminal has %dx%d: not all of it will be seen right\r\n"
               % (cols, rows, local.cols, local.rows))  # fmt: skip
        select.select([self._inbox.descriptor, *([0] if self._listens else [])], [], [], READING)

    def _clear(self) -> None:
        self.is_alternate = False
        if is_terminal(1):
            _write(CLEAR)


def hit_after(hits: Sequence[int], position: int) -> int:
    """The next moment behind a position; the position where there is none."""
    return next((at for at in hits if at > position), position)


def hit_before(hits: Sequence[int], position: int) -> int:
    """The last moment that was passed more than a second ago; the position where there is none."""
    return next((at for at in reversed(hits) if at < position - SOON), position)


def _as_text(data: bytes) -> bytes:
    return data.decode(errors="replace").encode()


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(1, view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"the output can't be written: {error.strerror}", code="usage.output") from error
