"""The registry: all sessions of a server, how they are found again, and the task group they run in."""

import asyncio
from collections.abc import Collection, Coroutine
from types import TracebackType
from typing import Any, Self

import structlog

from whale.engine.seam import EndPolicy, Engine, Exec
from whale.keeper.seam import Item, Keeper, NoKeeper
from whale.model.container import Container
from whale.model.errors import RecordingError, SessionError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import SessionId, new_session_id
from whale.model.keep import Keep
from whale.model.limits import MAX_ENDED, MAX_PRINCIPAL_SESSIONS, MAX_SESSIONS, WINDOW_PIPE
from whale.model.principal import Decision, Principal
from whale.model.recording import OnUnrecorded
from whale.session.adoption import adopt_session
from whale.session.attachment import Attachment
from whale.session.audience import Index
from whale.session.memory import SessionMemory, layout
from whale.session.observer import NO_OBSERVER, Observer
from whale.session.recorder import Recorder
from whale.session.recordings import Recordings
from whale.session.rest import rest_idle
from whale.session.run import AskPermit, follow_session, run_session
from whale.session.session import Session
from whale.session.shelf import Shelf
from whale.session.totals import Totals

MIN_PREFIX = 4
"""Digits of an id that are enough, where they fit one session alone."""

_log = structlog.get_logger("whale.session")


class Registry:
    """An async context manager: leaving it ends all sessions and waits until their processes are gone."""

    def __init__(
        self,
        *,
        max_sessions: int = MAX_SESSIONS,
        max_principal_sessions: int = MAX_PRINCIPAL_SESSIONS,
        end: EndPolicy = EndPolicy(),  # noqa: B008
        keep: Keep = Keep(),  # noqa: B008
        keeper: Keeper | None = None,
        observer: Observer = NO_OBSERVER,
        recordings: Recordings | None = None,
    ) -> None:
        """`keeper` has what outlives this server; `observer` is told what becomes of sessions; `recordings` keeps
        what is recorded of those whose policy wants it.
        """
        self.shelf = Shelf(keeper or NoKeeper("none was given"))
        self._sessions: dict[SessionId, Session] = {}
        self._ended: dict[SessionId, Session] = {}
        """Those of them that have, the first one first."""
        self._index: Index = {}
        self._max_sessions = max_sessions
        self._max_principal_sessions = max_principal_sessions
        self._end = end
        self._keep = keep
        self._observer = observer
        self._recordings = recordings
        self._tasks = asyncio.TaskGroup()
        self._emptied = asyncio.Event()
        self.is_stopping = False
        self.totals = Totals()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._rest = self._tasks.create_task(rest_idle(self.sessions), name="idle sessions")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._rest.cancel()
        self.end_all()
        # Without the error: it is the body's own, and a task group would wrap it.
        await self._tasks.__aexit__(None, None, None)

    def __len__(self) -> int:
        return len(self._sessions)

    def sessions(self) -> list[Session]:
        """List all sessions, those included that have ended and whose end somebody may still ask for."""
        return list(self._sessions.values())

    @property
    def live(self) -> int:
        """How many sessions have not ended."""
        return sum(not session.is_over for session in self._sessions.values())

    @property
    def waiting(self) -> int:
        """How many sessions wait for a controller, those included that have ended."""
        return sum(not session.audience.is_controlled for session in self._sessions.values())

    @property
    def held_bytes(self) -> int:
        """Output held for clients, of sessions that have ended as well."""
        return sum(log.end - log.start for session in self._sessions.values() for log in session.logs.values())

    @property
    def memory_bytes(self) -> int:
        """Room for the output, the record and the pictures of all sessions, used or not."""
        return sum(session.memory.size for session in self._sessions.values())

    @property
    def picture_bytes(self) -> int:
        """Saved pictures of terminals."""
        return sum(session.memory.picture_size for session in self._sessions.values() if session.picture is not None)

    @property
    def emulators(self) -> int:
        """How many terminals are emulated at the moment."""
        return sum(session.picture is not None and session.picture.is_emulated for session in self._sessions.values())

    @property
    def notices(self) -> int:
        """Notices that clients have not been sent."""
        return sum(len(member.notices) for session in self._sessions.values() for member in session.audience.members)

    def find(self, reference: str) -> tuple[list[Session], list[Session], list[Session]]:
        """Find sessions by their id, by name, and by a prefix of their id. Whoever asks may see only some of them."""
        exact = self._sessions.get(SessionId(reference))
        named = [session for session in self._sessions.values() if session.name and session.name == reference]
        begun = [session for id, session in self._sessions.items() if id.startswith(reference)]
        return [exact] if exact is not None else [], named, begun if len(reference) >= MIN_PREFIX else []

    def find_named(self, principal: Principal, name: str) -> Session | None:
        """Find the session of a principal that has a name, if it has not ended."""
        return next(
            (
                session
                for session in self._sessions.values()
                if session.name == name and session.owner == principal.name and not session.is_over
            ),
            None,
        )

    def find_attachment(self, principal: Principal, key: str) -> Attachment | None:
        """Find a principal's attachment by the key that its client made up, be it lost or not known to be."""
        return self._index.get((principal.name, key))

    def stop_accepting(self, *, message: str) -> None:
        """Take no new sessions, and tell the clients of those that do not go on."""
        self.is_stopping = True
        for session in self._sessions.values():
            if not session.is_over and not session.is_abandoned:
                session.notify(code="server.stopping", message=message)

    def ids(self) -> Collection[SessionId]:
        """The ids of all sessions, as they are whenever it is looked at."""
        return self._sessions.keys()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run something beside the sessions; it must have its own deadline, and is waited for at the end."""
        self._tasks.create_task(work, name=name)

    def abandon(self) -> int:
        """Leave every session that is kept, and that somebody can come back to, to the next server; return how many."""
        kept = [s for s in self._sessions.values() if s.id in self.shelf and s.attendance.is_awaited]
        for session in kept:
            session.abandon()
        return len(kept)

    def end_all(self, *, at_once: bool = False) -> None:
        """Ask every session to end and take no new ones; `at_once` skips the polite signals."""
        self.is_stopping = True
        for session in list(self._sessions.values()):  # also those that have ended: nobody can be told any more
            session.end(reason="server.stopping", at_once=at_once)

    async def wait_empty(self) -> None:
        """Wait until no session is left. The caller puts the limit around it."""
        while self._sessions:
            self._emptied.clear()
            await self._emptied.wait()

    def create(
        self,
        engine: Engine,
        container: Container,
        spec: ExecSpec,
        *,
        decision: Decision,
        window: int = WINDOW_PIPE,
        key: str = "",
        name: str = "",
        ask: AskPermit | None = None,
    ) -> Attachment:
        """Create a session and attach its first controller; the exec is started by the session's own task.

        `window` is how many bytes of one stream the client lets be unacknowledged; `key` is what it made up to come
        back with when its connection breaks; nothing runs before the permit that `ask` returns. Raises `SessionError`
        when there are too many or the server is stopping.
        The decision is the proof that somebody was asked: one that denies is a programming error.
        """
        if not decision.allowed:
            raise ValueError("a session needs a decision that allows it")
        if self.is_stopping:
            raise SessionError("the server is shutting down", code="server.stopping", hint="try again in a moment")
        if len(self._sessions) - len(self._ended) >= self._max_sessions:
            raise SessionError("too many sessions at once", code="session.limit", hint="end some, or try again later")
        if self._live_of(decision.principal.name) >= self._max_principal_sessions:
            raise SessionError(
                f"you have {self._max_principal_sessions} sessions, and may have no more at once",
                code="session.limit",
                hint="`whale sessions` lists them, `whale kill` ends one",
            )
        room = layout(window, tty=spec.tty, is_recorded=self._is_recorded(decision))
        memory = SessionMemory.create(room, shared=self.shelf.is_useful)
        session = self._made(
            new_session_id(), engine, container, spec, decision=decision, memory=memory, window=window, name=name
        )
        self._sessions[session.id] = session
        attached = session.attendance.attach(decision.principal, key=key, size=spec.size)
        self.totals.opened += 1
        self._tasks.create_task(self._run(session, run_session(session, ask)), name=f"session {session.id}")
        return attached

    def adopt(self, engine: Engine, item: Item) -> None:
        """Go on with a session that an earlier server left. One that can't be is let go of, and logged."""
        try:
            session, exec = adopt_session(engine, item, make=self._made)
        except WhaleError as error:
            _log.error("session.not_adopted", session=item.name, error=str(error))
            self.shelf.discard(item)
            return
        self._sessions[session.id] = session
        self.shelf.put(session.id, (session.memory.descriptor, *(exec.descriptors() if exec is not None else ())))
        work = _resumed(session, exec)
        self._tasks.create_task(self._run(session, work), name=f"session {session.id}")
        if not session.is_over:
            self._observer.session_adopted(session)
        _log.info("session.adopted", session=session.id, principal=session.owner, state=session.state.name.lower())

    def _live_of(self, owner: str) -> int:
        return sum(session.owner == owner and not session.is_over for session in self._sessions.values())

    def _made(
        self,
        id: SessionId,
        engine: Engine,
        container: Container,
        spec: ExecSpec,
        *,
        decision: Decision,
        memory: SessionMemory,
        window: int,
        name: str,
    ) -> Session:
        session = Session(
            id=id,
            engine=engine,
            container=container,
            spec=spec,
            decision=decision,
            memory=memory,
            shelf=self.shelf,
            end=self._end,
            window=window,
            keep=self._keep.terminal if spec.tty else self._keep.pipe,
            name=name,
            index=self._index,
        )
        session.observer = self._observer
        if memory.journal is not None and self._recordings is not None:
            session.recorder = Recorder(session, self._recordings)
        return session

    def _is_recorded(self, decision: Decision) -> bool:
        """Raise `RecordingError` for what must be recorded where nothing can be."""
        wish = decision.recording
        if wish.is_recorded and self._recordings is None and wish.failure is not OnUnrecorded.ALARM:
            raise RecordingError("the policy wants a recording, and this server makes none")
        return wish.is_recorded and self._recordings is not None

    async def _run(self, session: Session, work: Coroutine[Any, Any, None]) -> None:
        was_over = session.is_over  # where it ended somebody has been told
        try:
            await (session.recorder.around(work) if session.recorder is not None else work)
        except Exception:  # noqa: BLE001 - the one place where a fault in a session must not end all others
            _log.exception("session.crashed", session=session.id)
            session.finish(failure=WhaleError("a fault in the server ended the session"))
        try:
            if session.is_abandoned:
                return
            self.totals.add(session)
            self._hold_ended(session)
            if not was_over:
                self._observer.session_ended(session)
            await session.attendance.wait_released()
        finally:
            del self._sessions[session.id]
            self._ended.pop(session.id, None)
            if not session.is_abandoned:
                self.shelf.remove(session.id)
            session.close()
            if not self._sessions:
                self._emptied.set()

    def _hold_ended(self, session: Session) -> None:
        """Keep it for who asks how it ended. Of too many the first one goes to which nobody is attached."""
        self._ended[session.id] = session
        if len(self._ended) > MAX_ENDED:
            idle = (s for s in self._ended.values() if all(member.is_lost for member in s.audience.members))
            if (first := next(idle, None)) is not None:
                first.attendance.give_up_all()


async def _resumed(session: Session, exec: Exec | None) -> None:
    """Go on with what an earlier server left. A session that has ended has nothing to run."""
    if session.recorder is not None:
        await session.recorder.resume()
    if exec is not None:
        await follow_session(session, exec)
