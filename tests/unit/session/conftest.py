"""A fake engine with one container, a decision that allows, and sessions that are over at the end of the test."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy, Engine
from whale.keeper.seam import NoKeeper
from whale.model.container import Container
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import TokenId, new_session_id
from whale.model.limits import MIN_LOG, WINDOW_PIPE
from whale.model.principal import Action, Decision, Principal
from whale.session.attachment import Attachment
from whale.session.memory import SessionMemory, layout
from whale.session.run import run_session
from whale.session.session import Session
from whale.session.shelf import Shelf

ALICE = Principal("alice", TokenId("abc"))
BOB = Principal("bob", TokenId("def"))
ALLOWED = Decision(True, Action.EXEC, ALICE, "a test")
QUICK = EndPolicy(hup=0.1, term=0.1, kill=1.0)
CAT = ExecSpec(command=("cat",), stdin=True)
KEY = "5f" * 16


def new_session(
    engine: Engine,
    container: Container,
    spec: ExecSpec = CAT,
    *,
    keep: float = 0.0,
    window: int = WINDOW_PIPE,
    name: str = "",
    shared: bool = False,
    shelf: Shelf | None = None,
) -> Session:
    memory = SessionMemory.create(layout(window, tty=spec.tty), shared=shared)
    return Session(
        id=new_session_id(),
        engine=engine,
        container=container,
        spec=spec,
        decision=ALLOWED,
        memory=memory,
        shelf=shelf or Shelf(NoKeeper("a test")),
        end=QUICK,
        window=window,
        keep=keep,
        name=name,
    )


def offsets(stdout: int, stderr: int = 0) -> dict[Stream, int]:
    return {Stream.STDOUT: stdout, Stream.STDERR: stderr}


class Kept(NamedTuple):
    """A session with its first controller, and the task that runs it."""

    session: Session
    attachment: Attachment
    task: asyncio.Task[None]


class Run:
    """Makes sessions and runs each in a task that is over at the end of the test."""

    def __init__(self, engine: FakeEngine, container: Container, tasks: asyncio.TaskGroup) -> None:
        self.engine = engine
        self.container = container
        self._tasks = tasks
        self.made: list[Session] = []

    def start(
        self, spec: ExecSpec, *, keep: float = 0.0, window: int = WINDOW_PIPE
    ) -> tuple[Session, asyncio.Task[None]]:
        session = new_session(self.engine, self.container, spec, keep=keep, window=window)
        self.made.append(session)
        return session, self._tasks.create_task(run_session(session))

    async def kept(self, spec: ExecSpec, *, keep: float = 60.0, window: int = MIN_LOG) -> Kept:
        """Start a session whose controller may come back."""
        session, task = self.start(spec, keep=keep, window=window)
        attachment = session.attendance.attach(ALICE, key=KEY, size=spec.size)
        await session.wait_started()
        return Kept(session, attachment, task)


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    made = FakeEngine.from_url("fake://web", name="local")
    yield made
    await made.aclose()


@pytest.fixture
async def container(engine: FakeEngine) -> Container:
    return await engine.container("web")


@pytest.fixture
async def session(engine: FakeEngine, container: Container) -> Session:
    """One that is not run: its output is what the test says."""
    return new_session(engine, container)


@pytest.fixture
async def run(engine: FakeEngine, container: Container) -> AsyncIterator[Run]:
    async with asyncio.TaskGroup() as tasks:
        made = Run(engine, container, tasks)
        yield made
        for session in made.made:
            session.attendance.release(at_once=True)
            session.end()


def write(session: Session, stream: Stream, data: bytes) -> None:
    """Let a command write, as an engine tells it."""
    session.output_received(stream, data)
    session.output_committed()
