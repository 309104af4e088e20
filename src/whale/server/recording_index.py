"""Has the text of recordings indexed, by a process of its own that runs when nobody else has something to do.

What is behind is found out at each start, so nothing has to be remembered. What fails is tried again with the next
part, or at the next start: a recording is not lost with its index.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from whale.model.errors import RecordingError, WhaleError
from whale.model.recordings import Recording, RecordingQuery, RecordingStatus
from whale.recording.index import shard_files
from whale.recording.index_process import URGENT, Begin, Done, Task
from whale.recording.shelf import INDEX, RecordingShelf
from whale.screen.start import needed_environment
from whale.server.config_recording import RecordingSection
from whale.store.recordings import RecordingTable

PATIENCE: Final = 120.0
"""Seconds for one part: it has 2 MiB, and the process has only what nobody else wants of the processor."""

IDLE: Final = 30.0
"""Seconds after which the process is ended when there is nothing to do: it has 35 MB."""

RETRY: Final = 60.0
"""Seconds after which it is tried again to read what could not be reached."""

PAGE: Final = 200

_log = structlog.get_logger("whale.server")


class RecordingIndex:
    """One per server. `run` until it is cancelled."""

    def __init__(self, config: RecordingSection, shelf: RecordingShelf, table: RecordingTable) -> None:
        self._config = config
        self._shelf = shelf
        self._table = table
        self._process: asyncio.subprocess.Process | None = None
        self._is_urgent = False
        """Whether the process is one that somebody waits for."""
        self._urgent = 0
        """Who waits."""
        self._is_busy = asyncio.Lock()
        self._due: dict[str, None] = {}
        self._later: dict[str, None] = {}
        """What is in an object store that could not be reached."""
        self._is_due = asyncio.Event()

    def changed(self, recording: Recording) -> None:
        """Note that there is a part more of one."""
        if not recording.is_encrypted:
            self._due[recording.id] = None
            self._is_due.set()

    async def run(self) -> None:
        """Index what is there, and what comes."""
        try:
            await self._find_behind()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._is_due.wait()
                if self._due:
                    await self._advance()
                elif self._process is not None:
                    await self._end()
                else:
                    self._due, self._later = self._later, {}
                    self._is_due.set()
        finally:
            await self._end()

    async def delete(self, id: str) -> None:
        """Delete one whose row says so, so that nothing of it is left in the index.

        Raises `RecordingError` when that is not certain.
        """
        self._due.pop(id, None)
        self._later.pop(id, None)
        if not await asyncio.to_thread(shard_files, self._shelf.directory / INDEX):
            return
        self._urgent += 1
        try:
            if self._process is not None and not self._is_urgent:
                self._kill(self._process)  # what it is at may take long where others need the processors
            await self._ask(Task(delete=(id,)))
        finally:
            self._urgent -= 1

    def _pause(self) -> float | None:
        if self._process is not None:
            return IDLE
        return RETRY if self._later else None

    async def _find_behind(self) -> None:
        """Begin with the oldest, so that the newest are the last ones in the index."""
        try:
            if await asyncio.to_thread(shard_files, self._shelf.directory / INDEX):
                await self._ask(Task(prune=True))
            found: list[str] = []
            query = RecordingQuery(is_encrypted=False, limit=PAGE)
            while page := await self._table.search(query):
                found += [row.id for row in page if row.state.status is not RecordingStatus.FAILED]
                query = query._replace(before=(page[-1].started, page[-1].id))
            self._due = dict.fromkeys(reversed(found)) | self._due
            if self._due:
                self._is_due.set()
        except WhaleError as error:
            _log.error("recordings.not_indexed", error=str(error))

    async def _advance(self) -> None:
        id = next(iter(self._due))
        del self._due[id]
        try:
            done = await self._ask(Task(advance=id))
            is_more = done.is_more
            if done.elsewhere is not None:
                is_more = await self._bring(id, done.elsewhere)
        except WhaleError as error:
            _log.warning("recording.not_indexed", recording=id, error=str(error))
            is_more = self._urgent > 0
        if is_more:
            self._due[id] = None
        if not self._due:
            self._is_due.clear()

    async def _bring(self, id: str, number: int) -> bool:
        """Have a part here that is in the object store alone; tell whether it is. Raises `RecordingError`."""
        try:
            await asyncio.to_thread(self._shelf.bring, id, number)
        except RecordingError as error:
            if error.code != "recording.unavailable":
                raise
            _log.warning("recording.not_indexed_yet", recording=id, error=str(error))
            self._later[id] = None
            return False
        return True

    async def _ask(self, task: Task) -> Done:
        """Have something done. Raises `RecordingError`."""
        async with self._is_busy:
            if task.advance and await self._table.find(task.advance) is None:
                return Done()  # it is deleted, and must not come back
            is_new = self._process is None
            try:
                done = await self._done(task)
            except RecordingError:
                if is_new or (self._urgent and task.advance):
                    raise
                done = await self._done(task)  # it had ended before
        if done.error:
            raise RecordingError("the index of recordings can't be written", detail=done.error)
        return done

    async def _done(self, task: Task) -> Done:
        try:
            async with asyncio.timeout(PATIENCE):
                is_urgent = not task.advance
                if self._process is not None and self._is_urgent is not is_urgent:
                    await self._end()
                if self._process is None:
                    self._is_urgent = is_urgent
                    await self._begin()
                return await self._answer(task)
        except (OSError, TimeoutError, msgspec.MsgspecError) as error:
            await self._end()
            raise RecordingError("the index of recordings can't be written", detail=repr(error)) from error
        except BaseException:
            await self._end()  # what it answers now would be taken for the next answer
            raise

    async def _begin(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *command(is_urgent=self._is_urgent),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env=needed_environment(),
        )
        begin = Begin(str(self._shelf.directory.absolute()), self._config.expressions)
        done = await self._answer(Task(begin=begin))
        if done.error:
            raise OSError(done.error)

    async def _answer(self, task: Task) -> Done:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        await process.stdin.drain()
        return msgspec.json.decode(await process.stdout.readline(), type=Done)

    async def _end(self) -> None:
        """End the process, wherever it is: what it was at is done again."""
        process, self._process = self._process, None
        if process is not None:
            self._kill(process)
            await process.wait()

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()


def command(*, is_urgent: bool) -> Sequence[str]:
    """What is run: as with the emulators."""
    return [sys.executable, "-P", "-s", "-m", "whale.recording.index_process", *([URGENT] if is_urgent else [])]
