"""A keeper of one exec, and its servers, one after the other, each killed until one sees the exec to its end.

Run as a program of its own, because it forks. The keeper has what a real one has: the descriptors, the description,
the memory of the notes, and the memory into which a session writes output. A killed server leaves nothing else. Input
is what a client would send: from the byte on that the server says it has.

Reads one `Task` as JSON, writes one `Result` as JSON.
"""

import asyncio
import json
import mmap
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import uvloop

import whale.engine.demux
import whale.engine.docker
from scripts.provision.api import EngineApi
from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.dial import parse_address
from whale.engine.seam import NOTES_SIZE, EndPolicy, Exec
from whale.model.errors import ExecError, TargetError
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import ContainerId, new_session_id
from whale.model.terminal import TerminalSize

LOG_SIZE = 64 << 20
LIMIT = 60.0
"""Seconds after which a server that has not ended is a failure."""

QUIET = 0.15
"""Seconds after which a server with nothing to do will not get any further."""

NOT_REACHED = 3

_ADAPTER = str(Path(whale.engine.docker.__file__).parent)
_TRACED = {f"{_ADAPTER}/{name}.py" for name in ("local", "piped", "notes", "outflow", "guard")}
_TRACED |= {str(whale.engine.demux.__file__), __file__}


class Task(NamedTuple):
    """What to do."""

    engine: str
    container: str
    command: tuple[str, ...]
    directory: str
    """Where `out` and `err` are written at the end."""
    tty: bool = False
    seed: int = 0
    inputs: tuple[str, ...] = ()
    """What each source writes, in latin-1."""
    half_close: bool = False
    await_first: str = ""
    """Input begins when the output holds this."""
    piece: int = 1000
    """Largest piece of input."""
    kills: int = 0
    """How many servers are killed, each at a random moment."""
    longest: float = 0.02
    """Seconds that such a server has at most."""
    each_step: int = 0
    """Kill servers after 1, 1 + this, 1 + 2 * this … instructions of the adapter instead, until one does not get that
    far. Each of them sends one piece."""
    pause: float = 0.0
    """Seconds without a server before the last one."""
    before_last: str = ""
    """What happens then: `stop` or `remove` the container."""


class Result(NamedTuple):
    """What came of it."""

    status: int | None
    reason: str
    failure: str
    """The code of the error that says that the command was never started."""
    delivered: list[int]
    servers: int


class Log:
    """The memory into which the session writes one stream."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, LOG_SIZE)
        self.end = 0

    def write(self, data: bytes) -> None:
        self.memory[self.end : self.end + len(data)] = data
        self.end += len(data)


class Session:
    """What a server has of a session."""

    def __init__(self, task: Task, logs: dict[Stream, Log]) -> None:
        self.task = task
        self.logs = logs
        self.ended = asyncio.Event()
        self.news = asyncio.Event()

    def output_received(self, stream: Stream, data: bytes) -> None:
        self.logs[stream].write(data)
        self.news.set()

    def output_committed(self) -> None:
        """Nothing leaves this process."""

    def output_ended(self) -> None:
        self.ended.set()
        self.news.set()

    def stdin_drained(self) -> None:
        self.news.set()

    async def feed(self, running: Exec, chance: random.Random, *, pieces: int) -> None:
        """Send each source's input from where it was, in pieces, the sources in turn."""
        first, log = self.task.await_first.encode(), self.logs[Stream.STDOUT]
        while first not in log.memory[: min(log.end, 4096)]:
            await self._changed()
        inputs = [text.encode("latin-1") for text in self.task.inputs]
        at = [running.stdin_delivered(source) for source in range(len(inputs))]
        while pieces and (left := [source for source, data in enumerate(inputs) if at[source] < len(data)]):
            pieces -= 1
            source = chance.choice(left)
            piece = inputs[source][at[source] :][: chance.randint(1, self.task.piece)]
            running.write_stdin(piece, source=source)
            at[source] += len(piece)
            while running.stdin_pending > 1 << 18:
                await self._changed()
            await asyncio.sleep(0)
        if self.task.half_close and pieces:
            running.end_stdin()

    async def _changed(self) -> None:
        self.news.clear()
        await self.news.wait()


def kill_after(count: int) -> None:
    """Kill this process after so many instructions of the adapter."""

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in _TRACED:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count -= 1
            if count <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


class Keeper:
    """Keeps one exec, and forks its servers."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.notes = mmap.mmap(-1, NOTES_SIZE)
        self.logs = {Stream.STDOUT: Log(), Stream.STDERR: Log()}
        self.session = new_session_id()
        self.description = b""
        self.kept: list[int] = []
        self.servers = 0
        self.outcome: dict[str, Any] = {}

    def run(self) -> Result:
        """Fork server after server, and say what the last one saw."""
        chance = random.Random(self.task.seed)
        self.serve(patience=0.1)
        for _ in range(self.task.kills):
            if not self.outcome:
                self.serve(patience=chance.uniform(0, self.task.longest))
        step = 1
        while self.task.each_step and not self.outcome and self.serve(patience=LIMIT, instructions=step):
            step += self.task.each_step
        if not self.outcome:
            self._interlude()
            self.serve(patience=LIMIT)
        assert self.outcome, "the last server did not see the end"
        for stream, name in ((Stream.STDOUT, "out"), (Stream.STDERR, "err")):
            end = self.outcome["ends"][str(int(stream))]
            Path(self.task.directory, name).write_bytes(self.logs[stream].memory[:end])
        return Result(**{name: self.outcome[name] for name in Result._fields[:-1]}, servers=self.servers)

    def _interlude(self) -> None:
        path = f"/containers/{self.task.container}"
        if self.task.before_last == "stop":
            EngineApi(self.task.engine).call("POST", f"{path}/stop?t=0")
        elif self.task.before_last == "remove":
            EngineApi(self.task.engine).call("DELETE", f"{path}?force=1&v=1")
        time.sleep(self.task.pause)

    def serve(self, *, patience: float, instructions: int = 0) -> bool:
        """Run one server, for as long as the patience lasts; true when it was killed."""
        self.servers += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._be_server(theirs, instructions)
        theirs.close()
        with ours:
            if not self.kept:
                self.description, self.kept, _, _ = socket.recv_fds(ours, 1 << 16, 4)
            ours.settimeout(patience)
            try:
                said = ours.recv(1 << 16)
            except (TimeoutError, BlockingIOError):
                said = b""
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        if said:
            self.outcome = json.loads(said)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in (0, NOT_REACHED), f"a server failed: {status}"
        return os.WIFSIGNALED(status)

    def _be_server(self, news: socket.socket, instructions: int) -> None:
        status = 1
        try:
            if instructions:
                kill_after(instructions)
            status = uvloop.run(self._serve(news, is_counted=instructions > 0))
        except BaseException:  # noqa: BLE001 - a process of its own, which says so and ends
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    async def _serve(self, news: socket.socket, *, is_counted: bool) -> int:
        engine = DockerEngine(parse_address(self.task.engine), name="x", server="nursery")
        session = Session(self.task, self.logs)
        running = await self._exec(engine, session, news)
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(session.feed(running, random.Random(), pieces=1 if is_counted else 1 << 30))
            running.resume_output()
            if is_counted:
                await asyncio.sleep(QUIET)
                return os._exit(NOT_REACHED)
            await session.ended.wait()
            feeding.cancel()
        news.send(json.dumps(await self._say_outcome(running)).encode())
        await running.aclose()
        await engine.aclose()
        return 0

    async def _exec(self, engine: DockerEngine, session: Session, news: socket.socket) -> Exec:
        task, memory = self.task, memoryview(self.notes)
        if self.kept:
            running: Exec = engine.adopt_exec(
                self.description, [os.dup(fd) for fd in self.kept], memory, session=self.session, output=session
            )
            for stream, log in self.logs.items():
                log.end = running.output_delivered(stream)
            return running
        size = TerminalSize(cols=80, rows=24) if task.tty else None
        spec = ExecSpec(command=tuple(task.command), tty=task.tty, stdin=bool(task.inputs), size=size)
        running = await engine.start_exec(
            ContainerId(task.container), spec, session=self.session, output=session, notes=memory
        )
        socket.send_fds(news, [running.describe()], list(running.descriptors()))
        return running

    async def _say_outcome(self, running: Exec) -> dict[str, Any]:
        failure, status, reason = "", None, ""
        try:
            status, reason = await running.wait()
        except (ExecError, TargetError) as error:
            failure = error.code
        await running.end(EndPolicy(hup=0.1, term=0.1, kill=5.0))
        return {
            "status": status,
            "reason": reason,
            "failure": failure,
            "ends": {int(stream): running.output_delivered(stream) for stream in self.logs},
            "delivered": [running.stdin_delivered(source) for source in range(len(self.task.inputs))],
        }


if __name__ == "__main__":
    print(json.dumps(Keeper(Task(**json.load(sys.stdin))).run()._asdict()))
