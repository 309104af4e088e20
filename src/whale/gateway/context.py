"""What the handlers share, and the typed keys under which the framework keeps it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from whale.broker.approvals import Approvals
from whale.broker.broker import Broker
from whale.broker.exchange import Exchange
from whale.broker.logins import Logins
from whale.broker.recordings import Recordings
from whale.broker.sessions import SessionBroker
from whale.gateway.client_address import ClientAddresses
from whale.gateway.unauthenticated import Unauthenticated
from whale.model.principal import Principal

if TYPE_CHECKING:
    from whale.broker.device import DeviceLogins


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to the application by the composition root."""

    broker: Broker
    sessions: SessionBroker
    approvals: Approvals
    recordings: Recordings
    logins: Logins
    exchange: Exchange
    device: "DeviceLogins | None"
    """None without an identity provider."""
    origins: frozenset[str]
    """Browser origins that may ask; empty means none."""
    render_metrics: Callable[[], bytes]
    is_stopping: Callable[[], bool]
    ask_store: Callable[[], Awaitable[None]]
    """Raises `WhaleError` when the database does not answer."""
    addresses: ClientAddresses = field(default_factory=ClientAddresses)
    unauthenticated: Unauthenticated = field(default_factory=Unauthenticated)


CONTEXT = web.AppKey("context", Context)
PRINCIPAL = web.RequestKey("principal", Principal)
