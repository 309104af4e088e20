"""The use cases of recordings: list, read, delete. Who, which one, may they; then do it.

What somebody may not read does not exist for them, whoever's session it was. Recordings are decided about by what their
container was then, and by who began the session.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, NamedTuple, Protocol

import structlog

from whale.broker.decide import require_allowed
from whale.broker.readers import End, Readers, Right
from whale.broker.recording_proof import ProofTrail, prove
from whale.broker.recording_search import RecordingSearch, Search
from whale.broker.removal import Removal
from whale.broker.tail import Flushes, Lines, follow_lines, read_lines
from whale.broker.trail import Trail
from whale.model.errors import RecordingError, UsageError
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal
from whale.model.recording_proof import RecordingProof
from whale.model.recording_search import Found
from whale.model.recordings import LABEL, Recording, RecordingQuery, RecordingStatus
from whale.model.turns import Turns
from whale.policy.seam import Policy
from whale.recording.search_query import SearchQuery

PAGE: Final = 100
"""Rows that are fetched at once: nobody else has a turn while they are read, some milliseconds."""

NOTED_FOR: Final = 60.0
"""Seconds in which who fetches one recording chunk by chunk leaves one event, and not one for each."""

MAX_NOTED: Final = 1000

_ID: Final = re.compile(r"[0-9a-f]{1,32}")

_log = structlog.get_logger("whale.broker")


class RecordingStore(Protocol):
    """What is known of recordings: `whale.store.recordings` has the real one. Raises `WhaleError`."""

    async def search(self, query: RecordingQuery) -> Sequence[Recording]: ...
    async def find(self, id: str) -> Recording | None: ...
    async def set_held(self, id: str, is_held: bool) -> bool: ...
    async def set_label(self, id: str, label: str) -> bool: ...


class Shelf(Protocol):
    """Where the files are: `whale.recording.shelf` has the real one. Blocking, and called in worker threads.

    Raises `RecordingError`.
    """

    def open(self, id: str, *, from_ms: int) -> Lines:
        """Begin to read one as lines of asciicast."""
        ...

    def chunk(self, id: str, number: int, *, start: int) -> Iterator[bytes]:
        """The bytes of one of its files as they are stored, in pieces. Opens it when the first one is asked for."""
        ...

    def search(self, query: SearchQuery, *, deadline: float) -> Search:
        """Begin to search the text of all of them."""
        ...


class OpenRecording(NamedTuple):
    """A recording that somebody may read, for as long as they may."""

    recording: Recording
    right: Right
    pieces: AsyncGenerator[bytes, None]


class Recordings:
    """One per server. Every method that acts for someone takes the principal first."""

    def __init__(
        self,
        store: RecordingStore,
        shelf: Shelf,
        *,
        policy: Policy,
        readers: Readers,
        proofs: ProofTrail,
        removal: Removal,
        trail: Trail | None = None,
        flushes: Flushes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`proofs`: the audit trail as it is read. `flushes`: where who writes recordings says that there is more."""
        self._store = store
        self._shelf = shelf
        self._policy = policy
        self._readers = readers
        self._proofs = proofs
        self._trail = trail or Trail()
        self._clock = clock
        self._noted: dict[tuple[TokenId, str], float] = {}
        self._removal = removal
        self._search = RecordingSearch(shelf, self._readable, self._trail)
        self.flushes = flushes or Flushes()

    async def list(self, principal: Principal, query: RecordingQuery) -> list[Recording]:
        """Search what the caller may read, newest first."""
        found: list[Recording] = []
        async for recording in self._readable(principal, query):
            found.append(recording)
            if len(found) == query.limit:
                break
        self._trail.recordings_listed(principal, len(found))
        return found

    async def find(self, principal: Principal, reference: str) -> Recording:
        """Find one by its id or a unique beginning of it. Raises `RecordingError`."""
        found: list[Recording] = []
        if not _ID.fullmatch(reference):
            raise _not_found()
        async for recording in self._readable(principal, RecordingQuery(id=reference)):
            found.append(recording)
            if len(found) > 1:
                raise RecordingError(
                    "more than one recording fits", code="recording.ambiguous", hint="give more of its id"
                )
        if not found:
            raise _not_found()
        return found[0]

    async def prove(self, principal: Principal, reference: str) -> tuple[Recording, RecordingProof]:
        """Say what the audit trail has of one, so that it can be told from a forged one. Raises as `find` does."""
        recording = await self.find(principal, reference)
        return recording, await prove(self._proofs, recording.id)

    async def search(self, principal: Principal, text: str, query: RecordingQuery, *, reference: str = "") -> Found:
        """Search in what was recorded, of what the caller may read; in one recording, or in all that fit.

        Raises `UsageError` for what can't be searched for, `RecordingError`, and as `find` does.
        """
        only = await self.find(principal, reference) if reference else None
        return await self._search.search(principal, text, query, only=only)

    async def can(self, principal: Principal, action: Action, reference: str) -> tuple[Decision, tuple[str, ...]]:
        """Say what would be decided about one, and what is missing. Raises as `find` does."""
        decision = self._decide(principal, action, await self.find(principal, reference))
        return decision, self._policy.missing(decision)

    async def read(self, principal: Principal, reference: str, *, from_ms: int, follow: bool) -> OpenRecording:
        """Open one as lines of asciicast v3, from a moment on; with `follow` to the end of the session.

        The caller iterates over its pieces, which are whole lines, and closes them when it stops earlier. Raises as
        `find` does; the iteration raises `RecordingError` for what can't be read here, as what is encrypted.
        """
        recording = await self._to_read(principal, reference)

        def open_lines() -> Lines:
            return self._shelf.open(recording.id, from_ms=from_ms)

        async def is_over() -> bool:
            now = await self._store.find(recording.id)
            return now is None or now.state.status is not RecordingStatus.RECORDING

        if follow:
            return self._opened(
                principal, recording, follow_lines(open_lines, self.flushes.turns(recording.id), is_over)
            )
        return self._opened(principal, recording, read_lines(open_lines))

    async def chunk(self, principal: Principal, reference: str, number: int, *, start: int = 0) -> OpenRecording:
        """Open one of its files as it is stored, from a byte on. As `read` otherwise."""
        recording = await self._to_read(principal, reference)
        return self._opened(principal, recording, _in_threads(self._shelf.chunk(recording.id, number, start=start)))

    def reading(self, opened: OpenRecording, on_end: End) -> AbstractContextManager[None]:
        """Read in the block; `on_end` is called there, once, with why, when the principal may not any more."""
        return self._readers.reading(opened.right, on_end)

    async def delete(self, principal: Principal, reference: str) -> None:
        """Delete one for good; that is in the audit trail first.

        Raises as `find` does, `AccessDenied`, and `RecordingError` for what is still recorded or under a hold, or can't
        be deleted wholly now.
        """
        recording = await self.find(principal, reference)
        decision = self._decide(principal, Action.RECORD_DELETE, recording)
        require_allowed(decision, recording.container, None, owner=recording.principal, trail=self._trail)
        if recording.state.status is RecordingStatus.RECORDING:
            raise RecordingError(
                "this is still recorded", code="recording.going_on", hint="delete it when its session is over"
            )
        if not await self._removal.remove(recording, partial(self._trail.recording_deleting, decision)):
            if await self._store.find(recording.id) is None:
                raise _not_found()
            raise RecordingError("the recording is under a hold", code="recording.held")
        _log.info("recording.deleted", recording=recording.id, principal=principal.name)

    async def hold(self, principal: Principal, reference: str, is_held: bool) -> Recording:
        """Put one under a hold, so that nobody deletes it, or take that away; return it as it is then.

        That is in the audit trail first. Raises as `find` does, and `AccessDenied`.
        """
        decision, recording = await self._to_keep(principal, reference)
        changed = recording._replace(is_held=is_held)
        if changed != recording:
            await self._trail.recording_keeping(decision, changed)()
            if not await self._store.set_held(recording.id, is_held):
                raise _not_found()
        return changed

    async def label(self, principal: Principal, reference: str, label: str) -> Recording:
        """Say by what one is kept, or with nothing by its age. As `hold` otherwise, and raises `UsageError`."""
        if label and not LABEL.fullmatch(label):
            raise UsageError("this can't be a label", hint="40 small letters, digits, dots and dashes at most")
        decision, recording = await self._to_keep(principal, reference)
        changed = recording._replace(label=label)
        if changed != recording:
            await self._trail.recording_labelling(decision, changed)()
            if not await self._store.set_label(recording.id, label):
                raise _not_found()
        return changed

    async def _to_keep(self, principal: Principal, reference: str) -> tuple[Decision, Recording]:
        recording = await self.find(principal, reference)
        decision = self._decide(principal, Action.RECORD_KEEP, recording)
        require_allowed(decision, recording.container, None, owner=recording.principal, trail=self._trail)
        return decision, recording

    async def _to_read(self, principal: Principal, reference: str) -> Recording:
        recording = await self.find(principal, reference)
        now, key = self._clock(), (principal.token_id, recording.id)
        if now - self._noted.get(key, -NOTED_FOR) >= NOTED_FOR:
            self._noted.pop(key, None)
            self._noted[key] = now
            if len(self._noted) > MAX_NOTED:
                self._noted.pop(next(iter(self._noted)))
            self._trail.recording_read(self._decide(principal, Action.RECORD_READ, recording), recording)
        return recording

    def _opened(self, principal: Principal, recording: Recording, pieces: AsyncGenerator[bytes, None]) -> OpenRecording:
        right = Right(principal, Action.RECORD_READ, recording.container, owner=recording.principal)
        return OpenRecording(recording, right, pieces)

    def _decide(self, principal: Principal, action: Action, recording: Recording) -> Decision:
        return self._policy.decide(principal, action, recording.container, None, owner=recording.principal)

    async def _readable(self, principal: Principal, query: RecordingQuery) -> AsyncIterator[Recording]:
        """All that fit and may be read, newest first. Others get their turns meanwhile."""
        turns = Turns()
        decided: dict[tuple[object, ...], bool] = {}
        page = await self._store.search(query._replace(limit=PAGE))
        while page:
            for recording in page:
                # Most are of few people and containers, and a decision takes longer than all the rest.
                about = _about(recording)
                if (allowed := decided.get(about)) is None:
                    allowed = decided[about] = self._decide(principal, Action.RECORD_READ, recording).allowed
                if allowed:
                    yield recording
                await turns.give()
            last = page[-1]
            page = await self._store.search(query._replace(limit=PAGE, before=(last.started, last.id)))


def _about(recording: Recording) -> tuple[object, ...]:
    """All that is decided by."""
    id, name, image, _, engine, *_, labels = recording.container
    return recording.principal, id, name, image, engine, *labels.items()


def _not_found() -> RecordingError:
    hint = "`whale recordings` lists those that you may read"
    return RecordingError("no such recording", code="recording.not_found", hint=hint)


async def _in_threads(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
