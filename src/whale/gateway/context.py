"""What the handlers share, and the typed keys under which the framework keeps it."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from whale.broker.broker import Broker
from whale.broker.device import DeviceLogins
from whale.broker.logins import Logins
from whale.broker.sessions import SessionBroker
from whale.model.principal import Principal


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to the application by the composition root."""

    broker: Broker
    sessions: SessionBroker
    logins: Logins
    device: DeviceLogins | None
    """None without an identity provider."""
    origins: frozenset[str]
    """Browser origins that may ask; empty means none."""
    render_metrics: Callable[[], bytes]
    is_stopping: Callable[[], bool]


CONTEXT = web.AppKey("context", Context)
PRINCIPAL = web.RequestKey("principal", Principal)
