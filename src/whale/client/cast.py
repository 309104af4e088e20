"""Lines of asciicast v3 as events. Needs nothing but the standard library, so that every `whale` can play. Pure.

Lines are hostile: of what is none `ProtocolError` is raised, and kinds of events that nobody knows are passed over.
"""

import base64
import json
from typing import Any, Final, NamedTuple

from whale.model.errors import ProtocolError

OUTPUT, ERROR_OUTPUT, INPUT, RESIZE, MARKER, EXIT = "oeirmx"
SHOWN: Final = (OUTPUT, ERROR_OUTPUT)

_OWN: Final = b"#whale "
_REPLACED: Final = "\ufffd"
"""Stands for bytes that are no text; what they were is in a comment behind the line."""

MAX_INTERVAL: Final = 2**40
"""Milliseconds: thirty years."""


class CastEvent(NamedTuple):
    """Something that happened."""

    at: int
    """Milliseconds since the recording began."""
    code: str
    data: bytes


class CastReader:
    """Feed it the lines, in order, and take the events."""

    def __init__(self) -> None:
        self.header: dict[str, Any] | None = None
        """The first line, when it has come."""
        self._at = 0
        self._held: CastEvent | None = None

    def feed(self, line: bytes) -> list[CastEvent]:
        """Take a line; return what is whole by now. Raises `ProtocolError`."""
        if line.startswith(b"#"):
            return self._comment(line)
        done = self.finish()
        if not line.strip():
            return done
        if self.header is None:
            self.header = _header(line)
            return done
        event, is_exact = self._event(line)
        if event is not None and not is_exact:
            self._held = event
        elif event is not None:
            done.append(event)
        return done

    def finish(self) -> list[CastEvent]:
        """Return what waits for a comment that does not come."""
        held, self._held = self._held, None
        return [held] if held is not None else []

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows that it begins with."""
        try:
            term = (self.header or {})["term"]
            return int(term["cols"]), int(term["rows"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return 80, 24

    def _comment(self, line: bytes) -> list[CastEvent]:
        own = _own(line) if line.startswith(_OWN) else {}
        if self._held is not None and isinstance(own.get("raw"), str):
            try:
                data = base64.b64decode(own["raw"], validate=True)
            except ValueError as error:
                raise _none() from error
            self._held = self._held._replace(data=data)
            return self.finish()
        if isinstance(own.get("key"), dict) and isinstance(own["key"].get("at"), int):
            self._at = own["key"]["at"]
        return []

    def _event(self, line: bytes) -> tuple[CastEvent | None, bool]:
        """One event, and whether its text is all of it; None for one of an unknown kind."""
        try:
            interval, code, text = json.loads(line)
            self._at += min(max(0, round(interval * 1000)), MAX_INTERVAL)
            data = text.encode("utf-8", "replace")
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise _none() from error
        if code not in (OUTPUT, ERROR_OUTPUT, INPUT, RESIZE, MARKER, EXIT):
            return None, True
        return CastEvent(self._at, code, data), _REPLACED not in text


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _none() from error
    if not isinstance(header, dict) or header.get("version") != 3:
        raise ProtocolError("the server's answer is no asciicast v3", hint="its version may not fit: whale version")
    return header


def _own(line: bytes) -> dict[str, Any]:
    try:
        own = json.loads(line[len(_OWN) :])
    except (ValueError, RecursionError):
        return {}
    return own if isinstance(own, dict) else {}


def _none() -> ProtocolError:
    return ProtocolError("a line of the recording is none")
