"""A TCP proxy that delays both directions by a fixed time, or cuts: a slow link on loopback."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PIECE = 64 * 1024
IN_FLIGHT = 64
"""Pieces on the way in one direction: 4 MiB, the bandwidth-delay product of a fast link."""


class DelayProxy:
    """Runs in a thread of its own; `port` is where to connect."""

    def __init__(self, port: int, *, delay: float) -> None:
        self._target = port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        """Cut all connections and stop listening."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Cut all connections, abruptly, and go on listening."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._abort()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)

        async def receive() -> None:
            data = b"first"
            while data:
                try:
                    data = await reader.read(PIECE)
                except OSError:
                    data = b""
                await queue.put((self._loop.time() + self._delay, data))

        async def send() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                try:
                    if not data:
                        writer.write_eof()
                        return
                    writer.write(data)
                    await writer.drain()
                except OSError:
                    return

        receiving = asyncio.ensure_future(receive())  # noqa: TID251 - awaited three lines below
        await send()
        receiving.cancel()
        await asyncio.wait([receiving])


@contextmanager
def delayed(port: int, *, delay: float) -> Iterator[DelayProxy]:
    """Put a link with `delay` seconds in each direction before a port."""
    proxy = DelayProxy(port, delay=delay)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
