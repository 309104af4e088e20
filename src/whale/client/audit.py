"""Searching a server's audit trail."""

import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from whale.client.http import REQUEST_TIMEOUT, ask
from whale.client.profile import Profile
from whale.model.errors import ProtocolError
from whale.model.limits import MIB

MAX_ANSWER = 64 * MIB
PIECE = 64 * 1024


def search_audit(profile: Profile, query: Mapping[str, str]) -> list[str]:
    """The lines of the newest events that fit, the oldest first. Raises `WhaleError`."""
    deadline = time.monotonic() + REQUEST_TIMEOUT
    asked = urlencode({name: value for name, value in query.items() if value})
    body = bytearray()
    with ask(profile, f"/1.0/audit?{asked}", accept="application/json", deadline=deadline) as exchange:
        while piece := exchange.read(PIECE, deadline=deadline):
            body += piece
            if len(body) > MAX_ANSWER:
                raise ProtocolError("the server's answer is too long", code="protocol.too_big")
    try:
        events = json.loads(body)["events"]
        return [_line(event) for event in events]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProtocolError("the server's answer is not understood", hint="its version may not fit") from error


def _line(event: object) -> str:
    """Write an event as its server did: it is that what was hashed."""
    if not isinstance(event, dict) or not {"time", "kind"} <= event.keys():
        raise ValueError(event)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
