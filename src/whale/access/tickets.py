"""Tickets: what stands in for a credential once, for seconds, where no header can be sent, as in a browser's WebSocket.

A ticket is for one principal, one purpose and one origin. Whoever shows it uses it up, also when something else about
it is wrong. Only hashes are kept, in memory, and so few that who makes many loses their own oldest ones. Pure.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from whale.access.tokens import BASE62, TOKEN_PREFIX
from whale.model.errors import AuthenticationError
from whale.model.limits import MAX_PRINCIPAL_TICKETS, MAX_TICKETS, TICKET_LIFETIME
from whale.model.principal import Principal
from whale.model.secret import Secret

SECRET_LENGTH: Final = 43
"""Characters: 256 bits."""


class Purpose(StrEnum):
    """What a ticket can be for."""

    SHELL = "shell"


class _Ticket(NamedTuple):
    principal: Principal
    purpose: Purpose
    origin: str
    until: float


class Tickets:
    """One per server."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[bytes, _Ticket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def issue(self, principal: Principal, purpose: Purpose, *, origin: str) -> Secret:
        """Make a ticket. `origin` is what the request for it came from; empty for who is no browser."""
        now = self._clock()
        self._forget_old(now)
        own = [key for key, ticket in self._found.items() if ticket.principal.name == principal.name]
        if len(own) >= MAX_PRINCIPAL_TICKETS:
            del self._found[own[0]]
        elif len(self._found) >= MAX_TICKETS:
            self._found.popitem(last=False)
        text = TOKEN_PREFIX + "".join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))
        self._found[_digest(text)] = _Ticket(principal, purpose, origin, now + TICKET_LIFETIME)
        return Secret(text)

    def redeem(self, text: str, purpose: Purpose, *, origin: str) -> Principal:
        """Use a ticket up, and say whose it was. The caller asks whether that credential is still good.

        Raises `AuthenticationError` for one that is unknown, used, too old or for something else.
        """
        # The hash is what is looked up: how long that takes says nothing of the ticket.
        ticket = self._found.pop(_digest(text), None)
        if ticket is None or ticket.until <= self._clock() or (ticket.purpose, ticket.origin) != (purpose, origin):
            raise AuthenticationError("the ticket is not valid", hint="each is good once, for seconds")
        return ticket.principal

    def _forget_old(self, now: float) -> None:
        while self._found and next(iter(self._found.values())).until <= now:
            self._found.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
