"""Absolute offsets and credit of one stream (PROTOCOL.md section 5)."""

from whale.model.errors import ProtocolError


class SendFlow:
    """The sending side: bytes are numbered from 0, and at most `window` of them may be unacknowledged."""

    __slots__ = ("acked", "sent", "window")

    def __init__(self, *, window: int, sent: int = 0, acked: int = 0) -> None:
        self.sent = sent
        """Offset of the next byte to send."""
        self.acked = acked
        """Everything below this offset was consumed by the peer: the resume point."""
        self.window = window

    @property
    def credit(self) -> int:
        """Bytes that may be sent now."""
        return self.acked + self.window - self.sent

    def send(self, size: int) -> None:
        """Count bytes about to be sent. The caller has looked at `credit`."""
        if size > self.acked + self.window - self.sent:
            raise ValueError("more bytes than the peer allowed")
        self.sent += size

    def acknowledge(self, *, offset: int) -> None:
        """Take the peer's word for what it consumed. Raises `ProtocolError` for bytes it can't have."""
        if not self.acked <= offset <= self.sent:
            raise ProtocolError("an acknowledgement is outside what was sent", code="protocol.flow")
        self.acked = offset


class ReceiveFlow:
    """The receiving side: counts what came, what was consumed, and when it is time to say so."""

    __slots__ = ("consumed", "received", "reported", "window")

    def __init__(self, *, window: int, received: int = 0, consumed: int = 0) -> None:
        self.received = received
        """Offset behind the last byte that came."""
        self.consumed = consumed
        """Offset behind the last byte that was passed on."""
        self.reported = consumed
        """What the peer was last told of `consumed`."""
        self.window = window

    def receive(self, size: int) -> None:
        """Count bytes that came. Raises `ProtocolError` when the peer had no credit for them."""
        if self.received + size > self.reported + self.window:
            raise ProtocolError("more bytes than were allowed", code="protocol.flow")
        self.received += size

    def consume(self, size: int) -> bool:
        """Count bytes passed on. True when it is time to acknowledge: a quarter of the window is unreported."""
        if self.consumed + size > self.received:
            raise ValueError("more bytes consumed than received")
        self.consumed += size
        unreported = self.consumed - self.reported
        return unreported > 0 and unreported * 4 >= self.window

    def skip(self, *, offset: int) -> int:
        """Go on at a later byte than the next one; return how many are missed. An earlier one is a `ProtocolError`."""
        missed = offset - self.received
        if missed < 0:
            raise ProtocolError("output would come a second time", code="protocol.flow")
        self.received = offset
        self.consumed += missed
        self.reported += missed
        return missed

    def report(self) -> int:
        """Say the offset to put into an acknowledgement, and remember that it was said."""
        self.reported = self.consumed
        return self.consumed
