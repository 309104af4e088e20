"""What programs ask terminals, taken out of output that a terminal must not answer.

Output that was written while nobody looked is shown later: the program that asked then has been answered, or waits no
longer, and an answer now would be typed into whatever runs. Pure: bytes in, bytes out; whatever the pieces they come
in, the outcome is the same. Everything that is no query passes as it is.
"""

import re

MAX_HELD = 4096
"""Longest control sequence that is looked at whole; what is longer passes."""

_SEQUENCE = re.compile(
    rb"\x05"
    rb"|\x1b\[(?P<private>[<-?]?)(?P<params>[0-;]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    rb"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    rb"|\x1bP(?P<dcs>[^\x1b]*)\x1b\\"
    rb"|\x1b_(?P<apc>[^\x1b]*)\x1b\\"
    rb"|\x1bZ"
)
"""Every sequence that could be a query (ECMA-48 sections 5.4 and 5.6), whole."""

_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[P_][^\x1b]*\x1b?)?\Z")
"""The beginning of one, at the end of what has come."""

_REPORTS = frozenset({b"11", b"13", b"14", b"15", b"16", b"18", b"19", b"20", b"21"})
"""XTWINOPS that report something."""

_CSI = frozenset(
    {
        (b"", b"", b"c"), (b">", b"", b"c"), (b"=", b"", b"c"),
        (b"", b"", b"n"), (b"?", b"", b"n"),
        (b"", b"$", b"p"), (b"?", b"$", b"p"),
        (b"", b"", b"x"), (b">", b"", b"q"), (b"?", b"", b"u"), (b"?", b"", b"m"), (b"?", b"", b"S"),
        (b"", b"*", b"y"), (b"", b"$", b"w"), (b"", b'"', b"v"), (b"", b"&", b"u"),
    }
)  # fmt: skip
"""Attributes, status, modes, parameters, version, keyboard, graphics, checksum, state, extent, character set."""


class QueryFilter:
    """Takes output, gives it back without queries. An unfinished control sequence waits for its end."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def held(self) -> int:
        """Bytes that wait."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what may be shown of everything so far."""
        if self._held:
            data, self._held = self._held + data, b""
        if b"\x1b" not in data and b"\x05" not in data:
            return data
        unfinished = _UNFINISHED.search(data, max(0, len(data) - MAX_HELD))
        if unfinished is not None:
            data, self._held = data[: unfinished.start()], data[unfinished.start() :]
        return _SEQUENCE.sub(_passed, data)

    def finish(self) -> bytes:
        """Return what waits, at the end of what is looked at."""
        held, self._held = self._held, b""
        return held


def _passed(found: "re.Match[bytes]") -> bytes:
    return b"" if _is_query(found) else found[0]


def _is_query(found: "re.Match[bytes]") -> bool:
    if found["final"] is not None:
        kind = (found["private"], found["between"], found["final"])
        if kind == (b"", b"", b"t"):
            return found["params"].split(b";")[0] in _REPORTS
        return kind in _CSI
    if found["osc"] is not None:
        fields = found["osc"].split(b";")
        return b"?" in fields[1:] or any(field.endswith(b"=?") for field in fields[1:])
    if found["dcs"] is not None:
        return bool(found["dcs"].startswith((b"$q", b"+q")))
    if found["apc"] is not None:
        return _asks(found["apc"])
    return True


def _asks(command: bytes) -> bool:
    """True for a query of the kitty graphics protocol."""
    return command.startswith(b"G") and b"a=q" in command[1:].partition(b";")[0].split(b",")
