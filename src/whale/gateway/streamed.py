"""An answer whose body comes piece by piece, for as long as its reader may have it.

One task pulls the pieces, the handler sends; between them is one piece, so a slow reader slows down what is read. A
body that broke off never looks like one that ended.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from typing import Final, NamedTuple

from aiohttp import web

from whale.broker.readers import End
from whale.model.errors import WhaleError
from whale.model.limits import HEARTBEAT_INTERVAL

FIRST_PATIENCE: Final = 1.0
"""Seconds until the head is sent although nothing has come: before it an error has a status line of its own."""

LAST_PATIENCE: Final = 0.5
"""Seconds that a reader who may not read any more has to take the last words; the whole may take two."""

Pieces = AsyncGenerator[bytes, None]
_Queue = asyncio.Queue[bytes | WhaleError | None]


class Form(NamedTuple):
    """How a body looks beside its pieces."""

    content_type: str
    heartbeat: bytes = b""
    """What may be sent at any time and says nothing; empty where there is no such thing."""
    last_words: Callable[[WhaleError], bytes] = lambda error: b""  # noqa: ARG005
    """What is sent before the connection is cut."""


async def stream(
    request: web.Request, pieces: Pieces, reading: Callable[[End], AbstractContextManager[None]], form: Form
) -> web.StreamResponse:
    """Send the pieces. `reading` is entered meanwhile; its end cuts the body. Raises what came before the head."""
    body = _Body(request, form)
    async with aclosing(pieces), asyncio.TaskGroup() as tasks:
        pulling = tasks.create_task(_pull(pieces, body.queue), name="streamed body")

        def ended(error: WhaleError) -> None:
            pulling.cancel()
            body.end(error)

        with reading(ended):
            refusal = await body.send()
        pulling.cancel()
    if refusal is not None:
        raise refusal
    return body.response


async def _pull(pieces: Pieces, queue: _Queue) -> None:
    try:
        async for piece in pieces:
            await queue.put(piece)
        await queue.put(None)
    except WhaleError as error:
        await queue.put(error)


class _Body:
    def __init__(self, request: web.Request, form: Form) -> None:
        self.queue: _Queue = asyncio.Queue(1)
        self._request = request
        self._form = form
        self._limit = asyncio.timeout(None)
        headers = {"Content-Type": form.content_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        self.response = web.StreamResponse(headers=headers)

    def end(self, error: WhaleError) -> None:
        """Send no more of the body, and cut it soon, whether the reader reads or not."""
        if not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(error)
        self._limit.reschedule(asyncio.get_running_loop().time() + LAST_PATIENCE)

    async def send(self) -> WhaleError | None:
        """Send until the end, or until the reader is gone. Returns an error that came before the head went out."""
        try:
            async with self._limit:
                return await self._send()
        except TimeoutError:
            self._cut()
        except ConnectionError:
            pass  # the reader is gone
        return None

    async def _send(self) -> WhaleError | None:
        while True:
            item = await self._next()
            if isinstance(item, WhaleError):
                if not self.response.prepared:
                    return item
                await self.response.write(self._form.last_words(item))
                self._cut(gently=True)
                return None
            if not self.response.prepared:
                await self.response.prepare(self._request)
            if item is None:
                await self.response.write_eof()
                return None
            await self.response.write(item)

    async def _next(self) -> bytes | WhaleError | None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_INTERVAL if self.response.prepared else FIRST_PATIENCE):
                    return await self.queue.get()
            except TimeoutError:
                await self._keep_alive()

    async def _keep_alive(self) -> None:
        if not self.response.prepared:
            await self.response.prepare(self._request)
        elif self._form.heartbeat:
            await self.response.write(self._form.heartbeat)
        elif self._request.transport is None or self._request.transport.is_closing():
            raise ConnectionResetError

    def _cut(self, *, gently: bool = False) -> None:
        """End the connection in the midst of the body: without the last chunk the reader's library says so."""
        transport = self._request.transport
        if transport is None:
            return
        if gently:
            transport.close()  # what was written goes out first
            asyncio.get_running_loop().call_later(LAST_PATIENCE, transport.abort)
        else:
            transport.abort()
