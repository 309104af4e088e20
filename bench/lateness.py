"""How late a stream is: against the times at which its program wanted to write. Pure."""

_STAMP = 16


class Schedule:
    """The schedule of one `stream RATE PIECE` of the fake engine, and how far what came was behind it.

    Its first piece says when it was due; with the rate that dates every piece after it. A piece is as late as the
    time from then until its last byte was here; one that has not come yet is late already when its time is over.
    Times are `time.monotonic_ns` of the one machine both ends are on.
    """

    __slots__ = ("_due", "_head", "_interval", "_piece", "_received", "latest", "messages")

    def __init__(self, *, rate: float, piece: int) -> None:
        self._piece = piece
        self._interval = piece / rate * 1e9
        self._received = 0
        self._head = b""
        self._due = 0
        """When the first piece was due; 0 before that is known."""
        self.latest = 0.0
        """The greatest lateness of any piece, in nanoseconds."""
        self.messages = 0

    def arrived(self, pieces: list[bytes], now: int) -> None:
        """Count output that has just come."""
        before = self._received
        for data in pieces:
            self._received += len(data)
        self.messages += len(pieces)
        if not self._due and not self._begun(b"".join(pieces)):
            return
        # The oldest piece that this output completed has waited longest.
        oldest = before // self._piece
        if self._received // self._piece > oldest:
            self._note(now - self._due - oldest * self._interval)

    def begin(self) -> None:
        """Forget how late it was until now."""
        self.latest = 0.0
        self.messages = 0

    def looked(self, now: int) -> None:
        """Take into account what should have come by now and has not."""
        if self._due:
            self._note(now - self._due - (self._received // self._piece) * self._interval)

    def _begun(self, data: bytes) -> bool:
        self._head = (self._head + data)[:_STAMP]
        if len(self._head) == _STAMP:
            self._due = int.from_bytes(self._head[8:], "big")
        return bool(self._due)

    def _note(self, late: float) -> None:
        if late > self.latest:
            self.latest = late
