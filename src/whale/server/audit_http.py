"""The sink that posts events to an address: one JSON object to a line, as `application/x-ndjson`.

Any status from 200 to 299 takes all of them. Everything else, and no answer, means that they come again.
"""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp

from whale import __version__
from whale.model.errors import TransportError
from whale.model.limits import AUDIT_SINK_TIMEOUT

MEDIA_TYPE = "application/x-ndjson"


class HttpSink:
    """One address."""

    def __init__(self, url: str, *, token: Callable[[], str] | None = None, name: str = "url") -> None:
        """`token` is read for every request, so that it can be replaced."""
        self.name = name
        self._url = url
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, lines: Sequence[str]) -> None:
        """Post lines. Raises `TransportError`."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=AUDIT_SINK_TIMEOUT)
            self._session = aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": f"whale/{__version__}"})
        headers = {"Content-Type": MEDIA_TYPE}
        try:
            if self._token is not None:
                headers["Authorization"] = f"Bearer {self._token()}"
            body = "".join(f"{line}\n" for line in lines).encode()
            # The token is for this address and no other.
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportError("nobody takes audit events at that address", detail=type(error).__name__) from error
        if not 200 <= status < 300:
            raise TransportError("the audit events were not taken", detail=f"status {status}")

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # the transports close in the next turn of the loop
