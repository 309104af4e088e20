"""Keeps the engine's own words out of the command's output, at its beginning and at its end. Pure.

An engine that can't start a command writes the reason into the output. Those texts begin with one of a few
prefixes, so output is held back only while it could be one of them, and never more than 8 KiB of it. Whoever
owns the guard then asks the engine whether the command ran at all: a command that prints such a text is shown.
"""

import re

from whale.model.limits import KIB

MAX_HELD = 8 * KIB

DOCKER_PREFIXES = (
    b"OCI runtime exec failed: ",
    b"unable to find user ",
    b"unable to find group ",
    b"no matching entries in ",
    b"failed to create ",
    b"failed to start ",
    b"Container ",
    b"container ",
    b"cannot exec in a ",
)
PODMAN_PREFIXES = (b"Error: runc: ", b"Error: crun: ", b"Error: OCI ", b"Error: exec failed: ", b"Error: unable to ")
"""How the texts begin. Docker writes them to standard output, Podman to standard error."""

ECHO = b"\r\n"
"""What a terminal makes of the newline that a waiting shell is sent."""


class OutputGuard:
    """Looks at the beginning of one exec's output."""

    __slots__ = ("_echo", "_held", "_is_open", "_prefixes")

    def __init__(self, prefixes: tuple[bytes, ...], *, echo: bytes = b"", held: bytes = b"") -> None:
        """Hold back what begins with one of `prefixes`; first drop `echo`, if it is the very first to come.

        `held` is what another guard with the same prefixes holds back, for one that goes on in its place.
        """
        self._prefixes = prefixes
        self._echo = echo
        self._held = held
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """True when nothing is held back any more; the guard is then of no further use."""
        return self._is_open

    @property
    def is_match(self) -> bool:
        """True when what is held begins with a whole prefix."""
        return bool(self._held) and self._held.startswith(self._prefixes)

    @property
    def held(self) -> bytes:
        """What is held back."""
        return self._held

    @property
    def awaits_echo(self) -> bool:
        """True while the echo may still come."""
        return bool(self._echo)

    def feed(self, data: bytes) -> bytes:
        """Take the next output and return what may be shown of everything so far."""
        if self._is_open:
            return data
        self._held += data
        if self._echo and not self._drop_echo():
            return b""
        if len(self._held) <= MAX_HELD and self._may_match():
            return b""
        return self.release()

    def release(self) -> bytes:
        """Stop holding back, and return what was held."""
        self._is_open = True
        held, self._held = self._held, b""
        return held

    def _drop_echo(self) -> bool:
        """Drop the echo; False while it is not all there."""
        if len(self._held) < len(self._echo) and self._echo.startswith(self._held):
            return False
        if self._held.startswith(self._echo):
            self._held = self._held[len(self._echo) :]
        self._echo = b""
        return True

    def _may_match(self) -> bool:
        if self._held.startswith(self._prefixes):
            return True
        return any(prefix.startswith(self._held) for prefix in self._prefixes)


_PODMAN_TRAILER = re.compile(rb"Error: (?:read|write) unixpacket @->/proc/self/fd/\d+/attach: [^\n]{1,80}\n\Z")
MAX_TRAILER = 160
"""Only so much of the end is looked at."""


class TrailerGuard:
    """Looks at the end of one exec's standard error, where Podman complains of input that nobody read.

    It then also stops passing on output, so some may be missing when the trailer is there.
    """

    __slots__ = ("_held",)

    def __init__(self, held: bytes = b"") -> None:
        self._held = held

    @property
    def held(self) -> bytes:
        """What may be the trailer: all of it, or nothing."""
        return self._held

    @property
    def has_trailer(self) -> bool:
        """True when the last that came is the trailer."""
        return bool(self._held)

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return what may be shown. What could be the trailer waits for what follows it."""
        data, self._held = self._held + data, b""
        found = _PODMAN_TRAILER.search(data, max(0, len(data) - MAX_TRAILER))
        if found is None:
            return data
        self._held = data[found.start() :]
        return data[: found.start()]
