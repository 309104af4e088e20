"""Streams a container's own log.

Backpressure is the reader's: what it does not take stays in the engine's socket. The bytes are the container's,
hostile and unchanged.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from whale.engine.demux import Demultiplexer
from whale.engine.docker.client import EngineClient
from whale.engine.docker.errors import unavailable
from whale.model.exec import Stream
from whale.model.ids import ContainerId


async def stream_logs(
    client: EngineClient, container: ContainerId, *, follow: bool, tail: int | None
) -> AsyncGenerator[tuple[Stream, bytes], None]:
    """Yield the log's pieces; with `follow` until the container ends. Close the iterator to stop earlier.

    A container with a terminal has one stream, so all of it is STDOUT. Raises `TargetError` for a container that
    does not exist, `EngineUnavailable` when the engine goes away.
    """
    described = await client.inspect_container(container)
    is_raw = bool((described.get("Config") or {}).get("Tty"))
    demux = Demultiplexer()
    async with aclosing(client.log_chunks(container, follow=follow, tail=tail)) as chunks:
        async for chunk in chunks:
            if is_raw:
                yield Stream.STDOUT, chunk
                continue
            for part in demux.feed(chunk):
                yield part
            if demux.error is not None:
                raise demux.error
    if not demux.is_between_frames:
        raise unavailable(f"the log of {container} ended within a frame")
