"""One look at a document for all who want it at once, and a pause after one that failed.

Whoever shows a token makes the server look for its issuer's keys, and needs no right to do so.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from whale.access.oidc.fetch import Answer, Fetch
from whale.model.errors import WhaleError
from whale.model.secret import Secret

PAUSE: Final = 5.0
"""Seconds after a failure in which the same one is the answer."""

MAX_KNOWN: Final = 4
"""Documents whose last answers are kept: an issuer has two."""


class SharedFetch:
    """Implements `Fetch` for the documents of one issuer, which anybody may read."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._last: dict[str, tuple[float, Answer | WhaleError]] = {}

    async def get(self, url: str, *, token: Secret | None = None) -> Answer:
        """Get a document, or what somebody else got who waited for it at the same time."""
        asked = self._clock()
        async with self._lock:
            outcome = self._known(url, asked)
            if outcome is None:
                outcome = await self._ask(url, token)
        if isinstance(outcome, WhaleError):
            raise outcome.with_traceback(None)
        return outcome

    async def post(self, url: str, form: Mapping[str, str], *, client: tuple[str, Secret] | None) -> Answer:
        """Post a form, each by itself."""
        return await self._fetch.post(url, form, client=client)

    def _known(self, url: str, asked: float) -> Answer | WhaleError | None:
        at, outcome = self._last.get(url, (0.0, None))
        is_failure = isinstance(outcome, WhaleError)
        return outcome if at > asked or (is_failure and self._clock() - at < PAUSE) else None

    async def _ask(self, url: str, token: Secret | None) -> Answer | WhaleError:
        try:
            outcome: Answer | WhaleError = await self._fetch.get(url, token=token)
        except WhaleError as error:
            outcome = error
        if url not in self._last and len(self._last) >= MAX_KNOWN:
            self._last.clear()
        self._last[url] = self._clock(), outcome
        return outcome
