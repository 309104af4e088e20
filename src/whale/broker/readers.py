"""Who reads what goes on for as long as nobody ends it, such as a log that is followed, and by which token."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from whale.model.ids import TokenId
from whale.model.principal import Principal


class Readers:
    """One per server. Each reader is there for the length of a block."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[Principal, Callable[[], None]]] = {}

    @contextmanager
    def reading(self, principal: Principal, on_revoked: Callable[[], None]) -> Iterator[None]:
        """Read; in the block `on_revoked` is called, once at most, when the principal's token is not valid any more."""
        key = object()
        self._open[key] = (principal, on_revoked)
        try:
            yield
        finally:
            self._open.pop(key, None)

    def tokens(self) -> set[TokenId]:
        """The tokens that are read by."""
        return {principal.token_id for principal, _ in self._open.values()}

    def revoke(self, tokens: Collection[TokenId]) -> list[Principal]:
        """Tell everybody who reads by one of these, and return who that is."""
        found = [(key, *reader) for key, reader in self._open.items() if reader[0].token_id in tokens]
        for key, _, on_revoked in found:
            del self._open[key]
            on_revoked()
        return [principal for _, principal, _ in found]
