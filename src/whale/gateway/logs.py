"""`GET /1.0/containers/{reference}/logs`: a container's own log, streamed.

One task pulls from the engine, the handler sends; between them is one piece, so a slow reader slows the engine
down. A log that broke off never looks like one that ended.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from whale.broker.broker import ContainerLog
from whale.gateway.context import CONTEXT
from whale.gateway.parameters import asker, flag, only, tail
from whale.model.errors import AccessDenied, WhaleError
from whale.model.exec import ExitStatus, Stream
from whale.model.limits import HEARTBEAT_INTERVAL
from whale.model.outcomes import outcome_of
from whale.wire.frames import PREFIXES
from whale.wire.framing import MEDIA_TYPE, encode_framed
from whale.wire.messages import Status, encode_status

FIRST_PATIENCE = 1.0
"""Seconds the engine has to refuse, so that its error gets a status line of its own; then the head is sent, also of
a log that says nothing for hours."""

REVOKED_PATIENCE = 0.5
"""Seconds that a reader who may not read any more has to take the last words; the whole may take two."""

HEARTBEAT = encode_framed(PREFIXES[Stream.STDOUT])
"""No output; keeps proxies from closing a silent log, and finds out that the reader is gone."""

Pieces = AsyncGenerator[tuple[Stream, bytes], None]
_Queue = asyncio.Queue[tuple[Stream, bytes] | WhaleError | None]


async def logs(request: web.Request) -> web.StreamResponse:
    """Stream a log: as whale frames to who asks for them, else as the bytes themselves."""
    only(request, "follow", "tail", "reason")
    log = await request.app[CONTEXT].broker.logs(
        asker(request), request.match_info["reference"], follow=flag(request, "follow"), tail=tail(request)
    )
    answer = _LogAnswer(request, framed=MEDIA_TYPE in request.headers.get("Accept", ""))
    queue: _Queue = asyncio.Queue(1)
    async with aclosing(log.pieces):
        async with asyncio.TaskGroup() as tasks:
            pulling = tasks.create_task(_pull(log.pieces, queue), name="log")
            refusal = await _send(answer, queue, request, pulling, log)
            pulling.cancel()
    if refusal is not None:
        raise refusal
    return answer.response


async def _send(
    answer: "_LogAnswer", queue: _Queue, request: web.Request, pulling: asyncio.Task[None], log: ContainerLog
) -> WhaleError | None:
    """Send until the log ends, the reader is gone, or may not read it any more."""
    loop = asyncio.get_running_loop()

    def ended(error: WhaleError) -> None:
        pulling.cancel()
        if not queue.empty():
            queue.get_nowait()
        queue.put_nowait(error)
        limit.reschedule(loop.time() + REVOKED_PATIENCE)

    try:
        async with asyncio.timeout(None) as limit:
            with request.app[CONTEXT].broker.reading(log, ended):
                return await answer.send(queue)
    except TimeoutError:
        answer.cut()
        return None


async def _pull(pieces: Pieces, queue: _Queue) -> None:
    try:
        async for piece in pieces:
            await queue.put(piece)
        await queue.put(None)
    except WhaleError as error:
        await queue.put(error)


class _LogAnswer:
    def __init__(self, request: web.Request, *, framed: bool) -> None:
        self._request = request
        self._framed = framed
        self._totals = {Stream.STDOUT: 0, Stream.STDERR: 0}
        content_type = MEDIA_TYPE if framed else "application/octet-stream"
        self.response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def send(self, queue: _Queue) -> WhaleError | None:
        """Send until the log ends or the reader is gone. Returns an error that came before the head went out."""
        try:
            while True:
                item = await self._next(queue)
                if isinstance(item, WhaleError):
                    return await self._break_off(item)
                if not self.response.prepared:
                    await self.response.prepare(self._request)
                if item is None:
                    await self._end(ExitStatus(code=0), "")
                    return None
                await self._write(*item)
        except ConnectionError:
            return None  # the reader is gone

    def cut(self) -> None:
        """End the connection in the midst of the body."""
        if self._request.transport is not None:
            # Without the last chunk the reader's library says that the body was cut.
            self._request.transport.abort()

    async def _next(self, queue: _Queue) -> tuple[Stream, bytes] | WhaleError | None:
        while True:
            patience = HEARTBEAT_INTERVAL if self.response.prepared else FIRST_PATIENCE
            try:
                async with asyncio.timeout(patience):
                    return await queue.get()
            except TimeoutError:
                await self._keep_alive()

    async def _keep_alive(self) -> None:
        if not self.response.prepared:
            await self.response.prepare(self._request)
        elif self._framed:
            await self.response.write(HEARTBEAT)
        elif self._request.transport is None or self._request.transport.is_closing():
            raise ConnectionResetError

    async def _write(self, stream: Stream, data: bytes) -> None:
        self._totals[stream] += len(data)
        await self.response.write(encode_framed(PREFIXES[stream] + data) if self._framed else data)

    async def _break_off(self, error: WhaleError) -> WhaleError | None:
        if not self.response.prepared:
            return error
        if self._framed:
            why = f": {error.hint}" if isinstance(error, AccessDenied) and error.hint else ""
            await self._end(ExitStatus(code=None, reason=error.code), outcome_of(error.code).meaning + why)
        else:
            self.cut()
        return None

    async def _end(self, status: ExitStatus, message: str) -> None:
        if self._framed:
            end = Status(status, message, stdout=self._totals[Stream.STDOUT], stderr=self._totals[Stream.STDERR])
            await self.response.write(encode_framed(encode_status(end)))
        await self.response.write_eof()
