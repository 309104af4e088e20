"""When what of a recording is shown. Pure: events and the clock come from outside, in milliseconds and seconds."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from whale.client.cast import MARKER, CastEvent

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
LATE: Final = 0.25
"""Seconds of delay that are caught up with; one that came later than that begins time anew, as what is live does."""


class Playback:
    """One way through a recording. `add` what comes, `take` what is due, and wait for `due` seconds between."""

    def __init__(self, *, now: float, speed: float = 1.0, idle_limit: float = 2.0, from_ms: int = 0) -> None:
        self.speed = speed
        self.is_paused = False
        self.is_ended = False
        """True when nothing follows what was added."""
        self.markers: list[int] = []
        """Of those that were passed, in milliseconds."""
        self.idle_limit = idle_limit
        self._events: deque[CastEvent] = deque()
        self._skip_to = from_ms
        """What is up to this is shown at once."""
        self._seeks_markers = 0
        """How many markers are still to be passed."""
        self._at = from_ms
        """Milliseconds of what was shown last."""
        self._since = now
        """When that was."""

    @property
    def is_over(self) -> bool:
        """Whether everything was shown."""
        return self.is_ended and not self._events

    @property
    def waiting(self) -> int:
        """Events that are not due yet."""
        return len(self._events)

    def add(self, events: Iterable[CastEvent]) -> None:
        """Take events that follow."""
        self._events.extend(events)

    def due(self, now: float) -> float | None:
        """Seconds until `take` returns something; None when that is nothing that time brings."""
        if not self._events:
            return None
        if self._is_hurrying(self._events[0]):
            return 0.0
        return None if self.is_paused else max(0.0, self._when(self._events[0]) - now)

    def take(self, now: float) -> list[CastEvent]:
        """Return what is to be shown now."""
        taken: list[CastEvent] = []
        while self._events:
            event = self._events[0]
            if self._is_hurrying(event):
                self._since = now
            elif self.is_paused or self._when(event) > now:
                break
            else:
                when = self._when(event)
                self._since = when if now - when < LATE else now
            self._show(event)
            taken.append(event)
        return taken

    def position(self, now: float) -> int:
        """Where it is, in milliseconds."""
        begin = max(self._at, self._skip_to)
        if self.is_paused or not self._events:
            return begin
        return min(max(begin, self._events[0].at), begin + max(0, round((now - self._since) * self.speed * 1000)))

    def toggle(self, now: float) -> None:
        """Pause, or go on."""
        if not self.is_paused:
            self._at = self.position(now)
        self.is_paused = not self.is_paused
        self._since = now

    def step(self, now: float) -> list[CastEvent]:
        """While it is paused, show the next event."""
        if not self.is_paused or not self._events:
            return []
        event = self._events[0]
        self._since = now
        self._show(event)
        return [event]

    def change_speed(self, now: float, steps: int) -> None:
        """Go faster or slower."""
        self._at, self._since = self.position(now), now
        nearest = min(range(len(SPEEDS)), key=lambda place: abs(SPEEDS[place] - self.speed))
        self.speed = SPEEDS[min(len(SPEEDS) - 1, max(0, nearest + steps))]

    def skip_to(self, at: int) -> None:
        """Show everything up to a later moment at once."""
        self._skip_to = at

    def skip_to_marker(self) -> None:
        """Show everything up to the next marker at once."""
        self._seeks_markers += 1

    def marker_before(self, now: float) -> int | None:
        """The last marker that was passed more than a second ago; None where there is none."""
        limit = self.position(now) - 1000
        return max((at for at in self.markers if at < limit), default=None)

    def _is_hurrying(self, event: CastEvent) -> bool:
        return self._seeks_markers > 0 or event.at <= self._skip_to

    def _when(self, event: CastEvent) -> float:
        gap = max(0, event.at - max(self._at, self._skip_to)) / 1000
        return self._since + min(gap, self.idle_limit) / self.speed

    def _show(self, event: CastEvent) -> None:
        self._events.popleft()
        self._at = event.at
        if event.code == MARKER:
            self.markers.append(event.at)
            self._seeks_markers = max(0, self._seeks_markers - 1)
