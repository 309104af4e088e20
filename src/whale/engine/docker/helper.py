"""Finds and signals a session's processes with a small script in the container: for an engine elsewhere.

The script runs as the session's own user with the session's own privileges, so that a container whose shell is
not what it seems gains nothing. Needs /bin/sh in the container. Cannot find a command that replaced itself by
one with an empty environment and left nothing marked behind.
"""

import asyncio
import math
import re

from whale.engine.demux import Demultiplexer
from whale.engine.docker.client import EngineClient
from whale.engine.docker.errors import engine_call
from whale.engine.docker.notes import Notes
from whale.engine.docker.scripts import END_TREE, FIND_SESSIONS, SHELL, SIGNAL_GROUP
from whale.engine.docker.start import plan_start
from whale.engine.docker.stream import Dial, open_stream
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.ids import ContainerId, new_session_id
from whale.model.limits import ENGINE_TIMEOUT, KIB

_PAUSE = 0.05
"""Seconds between two looks of the script."""

_MAX_ANSWER = 64 * KIB

_ID = re.compile(r"[0-9a-f]{32}")
"""A session's id."""


class Helper:
    """Runs the scripts of one engine."""

    def __init__(self, client: EngineClient, dial: Dial, buffer: memoryview) -> None:
        self._client = client
        self._dial = dial
        self._buffer = buffer

    async def end(self, container: ContainerId, spec: ExecSpec, mark: str, signal: str, patience: float) -> bool:
        """Signal the whole tree and wait up to `patience` seconds; True when nothing is left."""
        tries = math.ceil(patience / _PAUSE) + 1
        answer = await self._run(container, spec, (END_TREE, mark, signal, str(tries)), patience)
        return answer == "gone"

    async def find(self, container: ContainerId, spec: ExecSpec, server: str) -> list[str]:
        """Find the marks of a server's sessions whose command runs, as far as this user can see them."""
        answer = await self._run(container, spec, (FIND_SESSIONS, server), 0)
        return [f"{server}.{line}" for line in answer.split("\n") if _ID.fullmatch(line)]

    async def signal(self, container: ContainerId, spec: ExecSpec, mark: str, signal: Signal) -> bool:
        """Signal the command's process group; True when there was one."""
        answer = await self._run(container, spec, (SIGNAL_GROUP, mark, signal.value, "0"), 0)
        return answer == "sent"

    async def _run(self, container: ContainerId, spec: ExecSpec, script: tuple[str, ...], patience: float) -> str:
        text, *arguments = script
        command = (SHELL, "-c", text, "whale", *arguments)
        helper = ExecSpec(command=command, user=spec.user, privileged=spec.privileged)
        version = await self._client.version()
        plan = plan_start(helper, api=version.api, kind=version.info.kind)
        exec_id = await self._client.create_exec(container, helper, plan, new_session_id())
        answer = _Answer()
        stream = await open_stream(
            self._dial,
            self._client.path(f"exec/{exec_id}/start"),
            plan.start_body,
            owner=answer,
            buffer=self._buffer,
            notes=Notes(),
            has_input=False,
        )
        try:
            async with engine_call("helper script", ENGINE_TIMEOUT + patience * 2):
                await answer.ended
        finally:
            stream.close()
        return answer.text()


class _Answer:
    """Collects the little that a script says."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._demux = Demultiplexer()
        self._said = b""

    def bytes_received(self, data: memoryview) -> None:
        for stream, part in self._demux.feed(data):
            if stream is Stream.STDOUT:
                self._said = (self._said + part)[:_MAX_ANSWER]
        if self._demux.error is not None:
            self._end(self._demux.error)

    def stream_ended(self, error: Exception | None) -> None:
        self._end(error)

    def stdin_drained(self) -> None:
        """It has no input."""

    def text(self) -> str:
        return self._said.decode("ascii", "replace").strip()

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
