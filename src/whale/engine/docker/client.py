"""The engine's REST calls, typed, each with a deadline, each failure translated.

Knows nothing of streams: `stream.py` has those. It holds no connection that outlives the engine's own: when the
engine comes back, the next call works.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import aiodocker
import aiohttp
import msgspec
from aiodocker.exceptions import DockerError

from whale.engine.docker.dial import Address
from whale.engine.docker.errors import engine_call, from_answer, not_found, unavailable
from whale.engine.docker.start import StartPlan, are_our_keys, detach_keys, environment
from whale.engine.seam import EngineInfo
from whale.model.errors import EngineError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.terminal import TerminalSize

OLDEST_API = (1, 41)
NEWEST_API = (1, 44)
"""Newest version we ask for: an engine may speak newer ones, whose changes nobody here has read."""

_REFERENCE = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_CONNECTIONS = 256
_PING_TIMEOUT = 5.0
_AGREED_FOR = 60.0


class ExecState(NamedTuple):
    """What the engine says of an exec."""

    is_running: bool
    code: int | None
    pid: int
    """In the engine's own process namespace; 0 while not started, and for ever when it could not be."""


class EngineVersion(NamedTuple):
    """What was agreed with the engine."""

    info: EngineInfo
    api: tuple[int, int]


class EngineClient:
    """One engine's REST interface. Made from the event loop that uses it."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name
        self._docker = aiodocker.Docker(
            url=address.rest_url,
            connector=_connector(address),
            timeout=aiohttp.ClientTimeout(total=None),
            api_version="v1.41",
        )
        self._version: EngineVersion | None = None
        self._version_until = 0.0

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._docker.close()
        await self._docker.connector.close()

    async def version(self, *, again: bool = False) -> EngineVersion:
        """Agree on an API version; `again` asks at once, else once a minute: an engine may be upgraded meanwhile.

        Raises `EngineError` for an engine that is too old.
        """
        now = asyncio.get_running_loop().time()
        if self._version is None or again or now >= self._version_until:
            self._version = await self._agree()
            self._version_until = now + _AGREED_FOR
        return self._version

    async def _agree(self) -> EngineVersion:
        what = "GET /version"
        async with engine_call(what, _PING_TIMEOUT):
            # Not through aiodocker: it would ask for a version's own path, which needs what is asked for here.
            async with self._docker.session.get(f"{self._docker.docker_host}/version") as said:
                if said.status != 200:
                    raise from_answer(said.status, await said.text(), what)
                answer = await said.json(content_type=None)
            newest = _api(answer["ApiVersion"])
            oldest = _api(answer.get("MinAPIVersion") or "1.12")
        if newest < OLDEST_API:
            raise EngineError(
                "the container engine is too old",
                hint="Docker Engine 20.10 or Podman 4 is the oldest that works.",
                detail=f"API {newest[0]}.{newest[1]}, whale needs 1.41",
            )
        api = max(min(newest, NEWEST_API), oldest)
        self._docker.api_version = f"v{api[0]}.{api[1]}"
        components = [str(c.get("Name", "")) for c in answer.get("Components") or []]
        kind = "podman" if any("podman" in c.lower() for c in components) else "docker"
        info = EngineInfo(self._name, kind, str(answer.get("Version", "")), f"{api[0]}.{api[1]}")
        return EngineVersion(info, api)

    def path(self, rest: str) -> str:
        """The path of a request that does not go through this client, with the agreed version."""
        return f"/{self._docker.api_version}/{rest}"

    # --- containers

    async def list_containers(self, *, all: bool) -> list[msgspec.Raw]:
        """List containers as the engine describes them in lists: an object of JSON for each."""
        await self.version()
        async with engine_call("GET /containers/json"):
            # Not `containers.list`: that takes 10 ms for 1,000 containers, in which no key of any shell is passed on.
            async with self._docker._query("containers/json", params={"all": all}) as answer:
                return msgspec.json.decode(await answer.read(), type=list[msgspec.Raw])

    async def inspect_container(self, reference: str) -> dict[str, Any]:
        """Describe one container by name, id or unique prefix of its id."""
        if not _REFERENCE.fullmatch(reference):
            raise not_found(f"not a name: {reference!r}")
        await self.version()
        async with engine_call(f"GET /containers/{reference}/json"):
            return await self._docker.containers.container(reference.lstrip("/")).show()

    # --- execs

    async def create_exec(self, container: ContainerId, spec: ExecSpec, plan: StartPlan, mark: str) -> str:
        """Create an exec and return its id. Nothing runs yet."""
        async with engine_call(f"POST /containers/{container}/exec"):
            made = await self._docker.containers.container(container).exec(
                plan.command,
                stdin=plan.stdin,
                tty=spec.tty,
                privileged=spec.privileged,
                user=spec.user,
                environment=environment(spec, mark),
                workdir=spec.workdir or None,
                detach_keys=detach_keys(),
            )
            return made.id

    async def running_execs(self, container: ContainerId) -> list[ExecSpec]:
        """Ask as which users a whale's commands run in a container. Known by their detach keys, like nobody else's."""
        found: dict[tuple[str, bool], ExecSpec] = {}
        for exec_id in (await self.inspect_container(container)).get("ExecIDs") or []:
            async with engine_call(f"GET /exec/{exec_id}/json"):
                try:
                    answer = await self._docker.containers.exec(str(exec_id)).inspect()
                except DockerError as error:
                    if error.status == 404:
                        continue
                    raise
                process = answer["ProcessConfig"]
                user, privileged = str(process.get("user") or ""), bool(process.get("privileged"))
                if answer["Running"] and are_our_keys(str(answer.get("DetachKeys", ""))):
                    found[user, privileged] = ExecSpec(user=user, privileged=privileged)
        return list(found.values())

    async def inspect_exec(self, exec_id: str) -> ExecState | None:
        """Ask for an exec's state; None when the engine no longer knows it."""
        await self.version()
        async with engine_call(f"GET /exec/{exec_id}/json"):
            try:
                answer = await self._docker.containers.exec(exec_id).inspect()
            except DockerError as error:
                if error.status == 404:
                    return None
                raise
            code = answer.get("ExitCode")
            return ExecState(bool(answer["Running"]), code if isinstance(code, int) else None, int(answer["Pid"]))

    async def resize_exec(self, exec_id: str, size: TerminalSize) -> None:
        """Set a terminal's size. Docker answers only when the command is up."""
        await self.version()
        async with engine_call(f"POST /exec/{exec_id}/resize"):
            await self._docker.containers.exec(exec_id).resize(h=size.rows, w=size.cols)

    # --- logs

    async def log_chunks(
        self, container: ContainerId, *, follow: bool, tail: int | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield a log as the engine sends it. The deadline covers the answer's head; a log may be silent."""
        await self.version()
        url = f"{self._docker.docker_host}{self.path(f'containers/{container}/logs')}"
        query = {"stdout": "1", "stderr": "1", "follow": str(int(follow)), "tail": "all" if tail is None else str(tail)}
        what = f"GET /containers/{container}/logs"
        async with engine_call(what):
            answer = await self._docker.session.get(url, params=query)
        try:
            if answer.status != 200:
                async with engine_call(what):
                    raise from_answer(answer.status, await answer.text(), what)
            while chunk := await _read_some(answer, what):
                yield chunk
        finally:
            answer.close()


async def _read_some(answer: aiohttp.ClientResponse, what: str) -> bytes:
    try:
        return await answer.content.readany()
    except (aiohttp.ClientError, OSError) as error:
        raise unavailable(f"{what}: {error}") from error


def _connector(address: Address) -> aiohttp.BaseConnector:
    if address.path:
        return aiohttp.UnixConnector(address.path, limit=_CONNECTIONS)
    return aiohttp.TCPConnector(ssl=address.tls or False, limit=_CONNECTIONS)


def _api(text: object) -> tuple[int, int]:
    major, _, minor = str(text).partition(".")
    return int(major), int(minor or 0)
