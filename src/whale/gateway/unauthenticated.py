"""Connections from which nothing was let in yet: how many there are, and which one goes when there are too many.

Nobody is turned away at the door for them: the oldest one goes, of the address that has the most. A client that knows
what it wants needs its place for milliseconds; who opens connections and says nothing loses them to the next one.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

from whale.model.limits import MAX_UNAUTHENTICATED, MAX_UNAUTHENTICATED_PER_ADDRESS
from whale.model.network import network_of


class Cuttable(Protocol):
    """The transport of a connection, or what makes one."""

    def abort(self) -> None:
        """Close at once."""
        ...


class ConnectionLimits(NamedTuple):
    """What an operator may move."""

    overall: int = MAX_UNAUTHENTICATED
    per_address: int = MAX_UNAUTHENTICATED_PER_ADDRESS


class Unauthenticated:
    """One per server. Connections are known by any object that stands for them."""

    def __init__(
        self,
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008
        *,
        is_shared: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        """`is_shared` says whether an address stands for many clients, which have no limit of their own then."""
        self._limits = limits
        self._is_shared = is_shared
        self._networks: dict[str, OrderedDict[object, Cuttable]] = {}
        self._network_of: dict[object, str] = {}
        self.cut = 0
        """Connections that had to go."""

    def __len__(self) -> int:
        return len(self._network_of)

    def made(self, connection: object, transport: Cuttable, *, address: str) -> None:
        """Note a new connection, for which another one may have to go; or how one that is known is cut from now on."""
        network = network_of(address)
        mine = self._networks.setdefault(network, OrderedDict())
        mine[connection] = transport
        self._network_of[connection] = network
        if len(mine) > self._limits.per_address and not self._is_shared(address):
            self._cut_oldest(mine)
        elif len(self) > self._limits.overall:
            self._cut_oldest(max(self._networks.values(), key=len))

    def over(self, connection: object) -> None:
        """Note that a connection was let in, or is lost. Idempotent."""
        network = self._network_of.pop(connection, None)
        if network is not None:
            mine = self._networks[network]
            del mine[connection]
            if not mine:
                del self._networks[network]

    def _cut_oldest(self, connections: OrderedDict[object, Cuttable]) -> None:
        connection, transport = next(iter(connections.items()))
        self.over(connection)
        self.cut += 1
        transport.abort()
