"""The HTTP routes of recordings: list, look at one, read, delete. openapi.yaml describes them."""

import re
import time
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.gateway.lists import list_response
from whale.gateway.parameters import asker, flag, number, only, word
from whale.gateway.streamed import Form, stream
from whale.model.errors import UsageError, WhaleError
from whale.model.moment import parse_moment
from whale.model.outcomes import outcome_of
from whale.model.recording_proof import RecordingProof, Sealed
from whale.model.recordings import Recording, RecordingQuery

MEDIA_TYPE: Final = "application/x-asciicast"

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_MS: Final = 2**53
MAX_START: Final = 10**9

_PLACE: Final = re.compile(r"([0-9]{1,15})\.([0-9a-f]{1,32})")
_CHUNK: Final = re.compile(r"[0-9]{1,6}")


class ContainerBody(msgspec.Struct):
    """The container of a recording, as it was then."""

    id: str
    name: str
    image: str
    engine: str


class RecordingBody(msgspec.Struct):
    """A recording in `GET /1.0/recordings`. Secrets in it are masked."""

    id: str
    person: str
    container: ContainerBody
    command: tuple[str, ...]
    reason: str
    policies: tuple[str, ...]
    tty: bool
    mode: str
    status: str
    exit_status: int | None
    started: float
    ended: float | None
    seconds: float
    raw_bytes: int
    stored_bytes: int
    chunks: int
    head: str
    encrypted: bool
    label: str
    held: bool


async def recordings(request: web.Request) -> web.Response:
    """Return the newest that fit, newest first."""
    only(request, "person", "container", "text", "label", "held", "since", "until", "before", "limit")
    given, now = request.query, time.time()
    query = RecordingQuery(
        principal=word(request, "person"),
        container=word(request, "container"),
        text=word(request, "text"),
        label=word(request, "label"),
        is_held=flag(request, "held") if "held" in given else None,
        since=parse_moment(given["since"], now=now) // 1000 if "since" in given else None,
        until=parse_moment(given["until"], now=now) // 1000 if "until" in given else None,
        before=_place(given["before"]) if "before" in given else None,
        limit=number(request, "limit", most=MAX_LIMIT) or DEFAULT_LIMIT,
    )
    found = await request.app[CONTEXT].recordings.list(request[PRINCIPAL], query)
    last = found[-1] if len(found) == query.limit else None
    more = f"{last.started}.{last.id}" if last is not None else None
    return await list_response("recordings", found, _body, next=more)


class HitBody(msgspec.Struct):
    """A line in `GET /1.0/recordings/search`."""

    at_ms: int
    kind: str
    line: str


class FoundBody(msgspec.Struct):
    """A recording there, and its lines."""

    recording: RecordingBody
    hits: list[HitBody]


async def search(request: web.Request) -> web.Response:
    """Search in what was recorded."""
    only(request, "q", "recording", "person", "container", "since", "until", "limit", "reason")
    given, now = request.query, time.time()
    query = RecordingQuery(
        principal=word(request, "person"),
        container=word(request, "container"),
        since=parse_moment(given["since"], now=now) // 1000 if "since" in given else None,
        until=parse_moment(given["until"], now=now) // 1000 if "until" in given else None,
        limit=number(request, "limit", most=MAX_LIMIT) or DEFAULT_LIMIT,
    )
    broker = request.app[CONTEXT].recordings
    found = await broker.search(asker(request), word(request, "q"), query, reference=word(request, "recording"))
    made = [FoundBody(_body(one.recording), [HitBody(*line) for line in one.lines]) for one in found.recordings]
    return json_response({"found": made, "whole": found.is_whole, "encrypted": found.encrypted})


async def recording(request: web.Request) -> web.Response:
    """Look at what is known of one."""
    only(request)
    return json_response(
        _body(await request.app[CONTEXT].recordings.find(request[PRINCIPAL], request.match_info["reference"]))
    )


class SealedBody(msgspec.Struct):
    """An event in `GET /1.0/recordings/{reference}/proof`."""

    seq: int
    hash: str
    chunks: int


class ProofBody(msgspec.Struct):
    """What the audit trail says of a recording."""

    id: str
    finished: list[SealedBody]
    anchored: list[SealedBody]
    begun: bool
    problem: str
    seq: int
    head: str


async def proof(request: web.Request) -> web.Response:
    """Say what the audit trail has of one."""
    only(request)
    broker = request.app[CONTEXT].recordings
    found, said = await broker.prove(request[PRINCIPAL], request.match_info["reference"])
    return json_response(_proof_body(found, said))


async def events(request: web.Request) -> web.StreamResponse:
    """Read one as lines of asciicast, from a moment on, and with `follow` to the end of the session."""
    only(request, "from_ms", "follow", "reason")
    from_ms = 0 if request.query.get("from_ms") == "0" else number(request, "from_ms", most=MAX_MS) or 0
    broker = request.app[CONTEXT].recordings
    opened = await broker.read(
        asker(request), request.match_info["reference"], from_ms=from_ms, follow=flag(request, "follow")
    )
    form = Form(MEDIA_TYPE, heartbeat=b"#\n", last_words=_last_words)
    return await stream(request, opened.pieces, partial(broker.reading, opened), form)


async def chunk(request: web.Request) -> web.StreamResponse:
    """Read one of its files as it is stored, for those who have the key."""
    only(request, "start", "reason")
    written = request.match_info["number"]
    if not _CHUNK.fullmatch(written):
        raise UsageError("this can't be the number of a chunk", hint="they are counted from 0")
    start = 0 if request.query.get("start") == "0" else number(request, "start", most=MAX_START) or 0
    broker = request.app[CONTEXT].recordings
    opened = await broker.chunk(asker(request), request.match_info["reference"], int(written), start=start)
    form = Form("application/octet-stream")
    return await stream(request, opened.pieces, partial(broker.reading, opened), form)


async def delete(request: web.Request) -> web.Response:
    """Delete one for good."""
    only(request, "reason")
    await request.app[CONTEXT].recordings.delete(asker(request), request.match_info["reference"])
    return web.Response(status=204)


async def hold(request: web.Request) -> web.Response:
    """Have nobody delete one."""
    only(request, "reason")
    broker = request.app[CONTEXT].recordings
    return json_response(_body(await broker.hold(asker(request), request.match_info["reference"], True)))


async def release(request: web.Request) -> web.Response:
    """Take a hold from one."""
    only(request, "reason")
    broker = request.app[CONTEXT].recordings
    return json_response(_body(await broker.hold(asker(request), request.match_info["reference"], False)))


async def label(request: web.Request) -> web.Response:
    """Say by what one is kept."""
    only(request, "name", "reason")
    broker = request.app[CONTEXT].recordings
    return json_response(
        _body(await broker.label(asker(request), request.match_info["reference"], word(request, "name")))
    )


def _proof_body(found: Recording, said: RecordingProof) -> ProofBody:
    def bodies(seals: tuple[Sealed, ...]) -> list[SealedBody]:
        return [SealedBody(*sealed) for sealed in seals]

    return ProofBody(
        found.id, bodies(said.finished), bodies(said.anchored), said.is_begun, said.problem, said.seq, said.head
    )


def _last_words(error: WhaleError) -> bytes:
    """A comment, which players skip, and whale's own does not."""
    said = {"code": error.code, "message": error.message or outcome_of(error.code).meaning, "hint": error.hint}
    return b"#whale " + msgspec.json.encode({"error": said}) + b"\n"


def _place(written: str) -> tuple[int, str]:
    found = _PLACE.fullmatch(written)
    if found is None:
        raise UsageError("`before` is what the last answer has as `next`")
    return int(found[1]), found[2]


def _body(found: Recording) -> RecordingBody:
    state, container = found.state, found.container
    return RecordingBody(
        id=found.id,
        person=found.principal,
        container=ContainerBody(container.id, container.name, container.image, container.engine),
        command=found.command,
        reason=found.reason,
        policies=found.policies,
        tty=found.tty,
        mode=found.mode.value,
        status=state.status.value,
        exit_status=state.exit_status,
        started=found.started / 1000,
        ended=None if state.ended is None else state.ended / 1000,
        seconds=state.duration / 1000,
        raw_bytes=state.raw_bytes,
        stored_bytes=state.stored_bytes,
        chunks=state.chunks,
        head=state.head,
        encrypted=found.is_encrypted,
        label=found.label,
        held=found.is_held,
    )
