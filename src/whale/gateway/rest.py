"""The plain HTTP routes: version, containers, logs, probes, metrics. openapi.yaml describes them."""

from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from whale import __version__
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.model.container import Container
from whale.model.errors import UsageError, WhaleError
from whale.model.exec import ExitStatus, Stream
from whale.wire.frames import PREFIXES
from whale.wire.framing import MEDIA_TYPE, encode_framed
from whale.wire.messages import Status, encode_status

API_VERSION = "1.0"
MAX_TAIL = 1_000_000


class EngineBody(msgspec.Struct):
    """An engine in `GET /1.0/version`."""

    name: str
    kind: str
    version: str


class ContainerBody(msgspec.Struct):
    """A container in `GET /1.0/containers`."""

    id: str
    name: str
    image: str
    state: str
    status: str
    engine: str
    created: int
    labels: dict[str, str]


async def version(request: web.Request) -> web.Response:
    """Say what runs here. An engine that can't be reached is left out: the gateway itself is fine."""
    _only(request)
    engines: list[EngineBody] = []
    try:
        info = await request.app[CONTEXT].broker.engine_info()
        engines.append(EngineBody(info.name, info.kind, info.version))
    except WhaleError:
        pass
    return json_response({"version": __version__, "api": API_VERSION, "engines": engines})


async def containers(request: web.Request) -> web.Response:
    """List containers."""
    _only(request, "all")
    found = await request.app[CONTEXT].broker.containers(request[PRINCIPAL], all=_flag(request, "all"))
    return json_response({"containers": [_container_body(container) for container in found]})


async def logs(request: web.Request) -> web.StreamResponse:
    """Stream a container's log: as whale frames to who asks for them, else as the bytes themselves."""
    _only(request, "follow", "tail")
    pieces = await request.app[CONTEXT].broker.logs(
        request[PRINCIPAL], request.match_info["reference"], follow=_flag(request, "follow"), tail=_tail(request)
    )
    framed = MEDIA_TYPE in request.headers.get("Accept", "")
    try:
        return await _stream_logs(request, pieces, framed=framed)
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


async def healthz(request: web.Request) -> web.Response:
    """The process answers."""
    _only(request)
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """New sessions are possible: the server is not stopping and its engine answers."""
    _only(request)
    context = request.app[CONTEXT]
    if context.is_stopping():
        return web.Response(text="stopping\n", status=503)
    try:
        await context.broker.engine_info()
    except WhaleError:
        return web.Response(text="engine unavailable\n", status=503)
    return web.Response(text="ok\n")


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    _only(request)
    body = request.app[CONTEXT].render_metrics()
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _stream_logs(
    request: web.Request, pieces: AsyncIterator[tuple[Stream, bytes]], *, framed: bool
) -> web.StreamResponse:
    # The first piece is fetched before the status line goes out, so that an error still gets its own status.
    first = await anext(pieces, None)
    content_type = MEDIA_TYPE if framed else "application/octet-stream"
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
    await response.prepare(request)
    totals = {Stream.STDOUT: 0, Stream.STDERR: 0}
    piece = first
    while piece is not None:
        stream, data = piece
        totals[stream] += len(data)
        await response.write(encode_framed(PREFIXES[stream] + data) if framed else data)
        piece = await anext(pieces, None)
    if framed:
        end = Status(ExitStatus(code=0), "", stdout=totals[Stream.STDOUT], stderr=totals[Stream.STDERR])
        await response.write(encode_framed(encode_status(end)))
    await response.write_eof()
    return response


def _container_body(container: Container) -> ContainerBody:
    return ContainerBody(
        id=container.id,
        name=container.name,
        image=container.image,
        state=container.state.value,
        status=container.status,
        engine=container.engine,
        created=container.created,
        labels=container.labels,
    )


def _only(request: web.Request, *names: str) -> None:
    """Refuse parameters nobody reads: a misspelt one would be silently without effect."""
    unknown = [name for name in request.query if name not in names]
    if unknown or len(request.query) > len(set(request.query)):
        known = f"there are: {', '.join(names)}" if names else "there are none"
        raise UsageError("a parameter is unknown or given twice", hint=known)


def _flag(request: web.Request, name: str) -> bool:
    value = request.query.get(name, "false")
    if value not in ("true", "false"):
        raise UsageError(f"the parameter {name} is true or false")
    return value == "true"


def _tail(request: web.Request) -> int | None:
    value = request.query.get("tail", "all")
    if value == "all":
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 7 and int(value) <= MAX_TAIL):
        raise UsageError(f"the parameter tail is a number of lines up to {MAX_TAIL}, or all")
    return int(value)
