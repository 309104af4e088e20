"""How the provider is asked. The composition root brings the one that does it: rooms down here have no network."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from whale.model.limits import KIB
from whale.model.secret import Secret

MAX_DOCUMENT: Final = 256 * KIB
"""Longest answer of a provider that is read. Discovery documents have 5 KiB, key sets of large providers 20."""


class Answer(NamedTuple):
    """What a provider answered, whole."""

    status: int
    body: bytes


class Fetch(Protocol):
    """Asks an address. Never follows a redirect, never reads more than MAX_DOCUMENT, and waits for a limited time.

    Raises `WhaleError`: login.unavailable when there is no answer or one of the 5xx, login.failed for one too long.
    """

    async def get(self, url: str, *, token: Secret | None = None) -> Answer:
        """Get a document; `token` goes into the `Authorization` header."""
        ...

    async def post(self, url: str, form: Mapping[str, str], *, client: tuple[str, Secret] | None) -> Answer:
        """Post a form; `client` is the id and secret for basic authentication."""
        ...
