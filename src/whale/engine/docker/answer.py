"""The HTTP request that turns into a stream, and the head of its answer. Pure."""

from whale.model.limits import KIB

MAX_HEAD = 16 * KIB
"""Largest head of the engine's answer, and largest text of an error we keep."""

SWITCHED = (101, 200)
"""200 is what engines answer that ignore the upgrade and stream all the same."""


def upgrade_request(path: str, body: bytes) -> bytes:
    """Make the request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


class Answer:
    """The engine's answer, as it comes in."""

    __slots__ = ("_said", "is_complete", "rest", "status")

    def __init__(self) -> None:
        self._said = bytearray()
        self.is_complete = False
        self.status = 0
        """0 for what is no HTTP."""
        self.rest = b""
        """What follows the head: the first bytes of the stream, or the text of an error."""

    @property
    def is_stream(self) -> bool:
        """True for an answer that the stream follows."""
        return self.is_complete and self.status in SWITCHED

    def feed(self, data: bytes | memoryview) -> bool:
        """Take the next bytes; True when nothing more is needed. An error's text is waited for as far as it is told."""
        self._said += data
        head, mark, rest = bytes(self._said).partition(b"\r\n\r\n")
        if not mark and len(head) <= MAX_HEAD:
            return False
        self.status = (_status(head) if mark else None) or 0
        self.is_complete = self.status in (0, *SWITCHED) or len(rest) >= min(_length(head), MAX_HEAD)
        self.rest = rest if self.status in SWITCHED else rest[:MAX_HEAD]
        return self.is_complete


def _status(head: bytes) -> int | None:
    parts = head.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/1.") and parts[1].isdigit() else None


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0
