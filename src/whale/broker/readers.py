"""Who goes on by a right for as long as nobody ends it and has no session: follows a log or a recording,
waits for an approval.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from whale.model.container import Container
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action, Principal


class Right(NamedTuple):
    """What somebody goes on by."""

    principal: Principal
    action: Action
    container: Container
    spec: ExecSpec | None = None
    owner: str = ""
    """Who began the session that it is about, where it is about what was recorded of one."""


End = Callable[[WhaleError], None]


class Readers:
    """One per server. Each reader is there for the length of a block."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[Right, End]] = {}

    @contextmanager
    def reading(self, right: Right, on_end: End) -> Iterator[None]:
        """Go on; in the block `on_end` is called, once at most, with why, when the token or the right is gone."""
        key = object()
        self._open[key] = (right, on_end)
        try:
            yield
        finally:
            self._open.pop(key, None)

    def rights(self) -> list[tuple[object, Right]]:
        """What is gone on by, each with what `end` takes."""
        return [(key, right) for key, (right, _) in self._open.items()]

    def tokens(self) -> set[TokenId]:
        """The tokens that are gone on by."""
        return {right.principal.token_id for right, _ in self._open.values()}

    def revoke(self, tokens: Collection[TokenId]) -> list[Right]:
        """End everybody who goes on by one of these, and return who that is."""
        found = [(key, right) for key, right in self.rights() if right.principal.token_id in tokens]
        for key, _ in found:
            self.end(key, AuthenticationError("the credential was revoked, or has expired", code="auth.revoked"))
        return [right for _, right in found]

    def end(self, key: object, why: WhaleError) -> None:
        """End one. No error when it has ended meanwhile."""
        if (found := self._open.pop(key, None)) is not None:
            found[1](why)
