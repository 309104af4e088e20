"""Keeps of what was typed only what the terminal echoed: a password is typed while it does not.

The server can't see the settings of a terminal in a container, so what comes back decides. A line is recorded when all
of its characters came back: in order, one after the other, from where the output was when they were typed, or from a
place where something is drawn anew; and before the output's line ended. Of any other line only the keys are recorded,
and how many characters there were. In doubt that is what happens; a line that was echoed is in the output anyway.
"""

from collections import deque
from typing import Final, NamedTuple

from whale.model.limits import ECHO_GRACE, KIB, MAX_ECHO_PENDING
from whale.recording.echo_line import EchoLine
from whale.recording.keys import Keys, Kind, Unit
from whale.recording.runs import End, Runs

_LOOKED_AT: Final = 64 * KIB
"""Bytes of a piece of output in which an echo is looked for: none comes behind so much of something else."""

_CONTINUATION: Final = bytes(range(0x80, 0xC0))


class Kept(NamedTuple):
    """What is recorded of what was typed at a time, in milliseconds."""

    at: int
    data: bytes
    withheld: int
    """So many characters are not; `data` is empty then."""


class EchoFilter:
    """One terminal: what was typed goes in with `typed`, what came back with `output`, both in the order of time.

    All methods return what is to be recorded now, in the order in which it was typed. The caller also calls `flush` now
    and then, as nothing else tells that an echo does not come, and `finish` at the end.
    """

    def __init__(self) -> None:
        self.pending = 0
        """Bytes of which it is not known yet."""
        self._keys = Keys()
        self._runs = Runs()
        self._lines: deque[EchoLine] = deque([EchoLine()])
        self._owed = 0
        """Line ends in the output that belong to lines that are decided."""
        self._owed_until = 0

    def typed(self, at: int, data: bytes) -> list[Kept]:
        """Take what was typed."""
        self._add(self._keys.feed(at, data))
        return self._decide(at)

    def output(self, at: int, data: bytes) -> list[Kept]:
        """Take what came back."""
        if not self.pending:
            self._owed = max(0, self._owed - data.count(b"\n"))
            self._runs.skip()
            return []
        for piece in self._runs.feed(data[:_LOOKED_AT]):
            if piece is End.LINE:
                self._end_line(at)
            for line in self._lines:
                if isinstance(piece, End):
                    line.begin_run()
                else:
                    line.see(piece)
        return self._decide(at)

    def flush(self, at: int) -> list[Kept]:
        """Return what is known by a time."""
        self._add(self._keys.flush(at))
        return self._decide(at)

    def finish(self) -> list[Kept]:
        """Return the rest, of which nothing more comes back."""
        last = max((unit.at for line in self._lines for unit in line.units), default=0)
        return self.flush(last + 2 * round(ECHO_GRACE * 1000))

    def _add(self, units: list[Unit]) -> None:
        for unit in units:
            if self._lines[-1].is_echoed:
                self._lines[-1].begin_run()
            self._lines[-1].add(unit)
            self.pending += len(unit.data)
            if unit.kind is Kind.ENTER:
                self._lines.append(EchoLine())
        if self.pending > MAX_ECHO_PENDING:
            for line in self._lines:
                line.is_withheld = True

    def _end_line(self, at: int) -> None:
        """The output's line has ended, and with it the echo of one that was entered."""
        if self._owed and at <= self._owed_until:
            self._owed -= 1
            return
        self._owed = 0
        line = next((line for line in self._lines if line.is_entered and not line.has_ended), None)
        if line is not None:
            line.has_ended = True
            line.is_withheld |= not line.is_echoed

    def _decide(self, at: int) -> list[Kept]:
        kept: list[Kept] = []
        while True:
            line = self._lines[0]
            line.look_at_time(at)
            if not line.is_decided(at):
                return kept
            self.pending -= sum(len(unit.data) for unit in line.units)
            kept += _kept(line.take(), is_withheld=line.is_withheld)
            if not line.is_entered:
                return kept
            if not line.has_ended:
                self._owed += 1
                self._owed_until = at + round(ECHO_GRACE * 1000)
            self._lines.popleft()


def _kept(units: list[Unit], *, is_withheld: bool) -> list[Kept]:
    """Write down units: as they are, or so that neither characters nor their rhythm can be told."""
    kept: list[Kept] = []
    for at, kind, data in units:
        if kind is Kind.REPLY or (is_withheld and kind is Kind.CHARACTERS):
            count = len(data.translate(None, _CONTINUATION))
            if kept and kept[-1].withheld:
                kept[-1] = kept[-1]._replace(withheld=kept[-1].withheld + count)
            else:
                kept.append(Kept(at, b"", count))
        elif kept and kept[-1].at == at and kept[-1].data:
            kept[-1] = kept[-1]._replace(data=kept[-1].data + data)
        else:
            kept.append(Kept(at, data, 0))
    return kept
