"""The plain HTTP routes: version, containers, probes, metrics. openapi.yaml describes them."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from whale import __version__
from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.gateway.lists import list_response
from whale.gateway.parameters import flag, only
from whale.model.container import Container
from whale.model.errors import WhaleError

API_VERSION = "1.0"

STORE_TIMEOUT: Final = 2.0
"""Seconds the database has to answer a probe."""


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
    only(request)
    engines: list[EngineBody] = []
    try:
        info = await request.app[CONTEXT].broker.engine_info()
        engines.append(EngineBody(info.name, info.kind, info.version))
    except WhaleError:
        pass
    return json_response({"version": __version__, "api": API_VERSION, "engines": engines})


async def containers(request: web.Request) -> web.Response:
    """List containers."""
    only(request, "all")
    found = await request.app[CONTEXT].broker.containers(request[PRINCIPAL], all=flag(request, "all"))
    return await list_response("containers", found, _container_body)


async def healthz(request: web.Request) -> web.Response:
    """The process answers."""
    only(request)
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """New sessions are possible: the server is not stopping, and its database and engine answer."""
    only(request)
    context = request.app[CONTEXT]
    if context.is_stopping():
        return web.Response(text="stopping\n", status=503)
    try:
        async with asyncio.timeout(STORE_TIMEOUT):
            await context.ask_store()
    except (WhaleError, TimeoutError):
        return web.Response(text="database unavailable\n", status=503)
    try:
        await context.broker.engine_info()
    except WhaleError:
        return web.Response(text="engine unavailable\n", status=503)
    return web.Response(text="ok\n")


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text format."""
    only(request)
    body = request.app[CONTEXT].render_metrics()
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


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
