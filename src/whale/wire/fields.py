"""Read the fields of a JSON control message, one checked field at a time.

Written by hand and not with a validating library: the command line reads four small messages, and importing such
a library costs more than its whole start. Every function raises `ProtocolError` and nothing else.
"""

import json
from typing import Any, Never

from whale.model.errors import ProtocolError
from whale.model.limits import MAX_CONTROL
from whale.model.terminal import TerminalSize

Fields = dict[str, Any]

MAX_OFFSET = 2**63 - 1
"""Largest byte offset; a session would need 2,900 years at 100 MB/s."""


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


# Made once: with any option, `json.loads` and `json.dumps` make a new one for each call.
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def decode_object(payload: bytes | memoryview) -> Fields:
    """Decode one JSON object. Duplicate keys: the last one counts, as everywhere in JSON."""
    if len(payload) > MAX_CONTROL:
        raise ProtocolError("a control message is too long", code="protocol.too_big")
    try:
        value = _decode(str(payload, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a control message is not JSON", detail=type(error).__name__) from error
    if not isinstance(value, dict):
        raise ProtocolError("a control message is not a JSON object")
    return value


def encode_object(fields: Fields) -> bytes:
    """Encode a control message compactly. Raises `UnicodeEncodeError` for text that UTF-8 can't carry."""
    return _encode(fields).encode()


def text(fields: Fields, name: str, default: str | None = None) -> str:
    """Read a string that UTF-8 can carry (a lone surrogate can't go to an engine)."""
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise ProtocolError(f"field {name!r} must be a string")
    return _checked(name, value)


def flag(fields: Fields, name: str, *, default: bool = False) -> bool:
    """Read a boolean; 0 and 1 are not booleans."""
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise ProtocolError(f"field {name!r} must be true or false")
    return value


def count(fields: Fields, name: str, default: int | None = None, *, most: int = MAX_OFFSET) -> int:
    """Read a whole number from 0 to `most`."""
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ProtocolError(f"field {name!r} must be a whole number from 0 to {most}")
    return value


def texts(fields: Fields, name: str, *, most: int) -> tuple[str, ...]:
    """Read a list of at most `most` strings; absent means empty."""
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > most or not all(isinstance(v, str) for v in value):
        raise ProtocolError(f"field {name!r} must be a list of at most {most} strings")
    return tuple(_checked(name, v) for v in value)


def pairs(fields: Fields, name: str, *, most: int) -> tuple[tuple[str, str], ...]:
    """Read an object of at most `most` strings; absent means empty."""
    value = fields.get(name, {})
    if not isinstance(value, dict) or len(value) > most or not all(isinstance(v, str) for v in value.values()):
        raise ProtocolError(f"field {name!r} must be an object of at most {most} strings")
    return tuple((_checked(name, k), _checked(name, v)) for k, v in value.items())


def child(fields: Fields, name: str) -> Fields:
    """Read an object; absent means empty."""
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise ProtocolError(f"field {name!r} must be an object")
    return value


def size(fields: Fields) -> TerminalSize:
    """Read `cols` and `rows`."""
    value = TerminalSize(cols=count(fields, "cols"), rows=count(fields, "rows"))
    if not value.is_valid:
        raise ProtocolError("a terminal size must be from 1 to 65535 columns and rows")
    return value


def optional_size(fields: Fields, name: str) -> TerminalSize | None:
    """Read a terminal size that may be absent or null."""
    if fields.get(name) is None:
        return None
    return size(child(fields, name))


def _checked(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ProtocolError(f"field {name!r} holds text that UTF-8 can't carry") from error
    return value
