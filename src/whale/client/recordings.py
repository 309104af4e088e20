"""A server's recordings: which there are, and what is in them."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple
from urllib.parse import urlencode

from whale.client.http import REQUEST_TIMEOUT, Exchange, ask, ask_json, escape_segment, not_understood
from whale.client.profile import Profile
from whale.client.remote import remote_error
from whale.model.errors import ProtocolError, RecordingError, TransportError
from whale.model.limits import KIB, MIB
from whale.model.recording_proof import RecordingProof, Sealed

MEDIA_TYPE: Final = "application/x-asciicast"
PIECE: Final = 64 * KIB
PAGE: Final = 1000

MAX_LINE: Final = 16 * MIB
"""Longest line that is read; the events of a recording have a chunk's bytes at most, of which each may become six."""

MAX_CHUNKS: Final = 1_000_000

_ERROR: Final = b'#whale {"error":'


class RecordingInfo(NamedTuple):
    """What a server says of a recording. Times are Unix seconds."""

    id: str
    person: str
    container: str
    container_id: str
    image: str
    engine: str
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


def list_recordings(
    profile: Profile, query: Mapping[str, str], *, limit: int | None, timeout: float = REQUEST_TIMEOUT
) -> list[RecordingInfo]:
    """List those that fit, newest first, at most so many or all of them. Raises `WhaleError`."""
    found: list[RecordingInfo] = []
    asked = {name: value for name, value in query.items() if value}
    while True:
        asked["limit"] = str(PAGE if limit is None else min(PAGE, limit - len(found)))
        body = ask_json(profile, f"/1.0/recordings?{urlencode(asked)}", timeout=timeout)
        try:
            found += [_recording(entry) for entry in body["recordings"]]
            following = body["next"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise not_understood() from error
        if following is None or asked.get("before") == following or (limit is not None and len(found) >= limit):
            return found
        asked["before"] = str(following)


class FoundHit(NamedTuple):
    """A line in which something was found."""

    at_ms: int
    kind: str
    line: str


class FoundRecording(NamedTuple):
    """A recording, and its lines in the order of time."""

    recording: RecordingInfo
    hits: tuple[FoundHit, ...]


class Found(NamedTuple):
    """The answer to a search."""

    recordings: list[FoundRecording]
    is_whole: bool
    """False when there may be more."""
    encrypted: int
    """How many recordings were left out because the server can't read them."""


def search_recordings(profile: Profile, text: str, query: Mapping[str, str], *, limit: int) -> Found:
    """Search in what was recorded. Raises `WhaleError`."""
    asked = {"q": text} | {name: value for name, value in query.items() if value} | {"limit": str(limit)}
    body = ask_json(profile, f"/1.0/recordings/search?{urlencode(asked)}")
    try:
        found = [FoundRecording(_recording(one["recording"]), tuple(map(_hit, one["hits"]))) for one in body["found"]]
        return Found(found, body["whole"] is True, int(body["encrypted"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def get_recording(profile: Profile, reference: str) -> RecordingInfo:
    """Look at what is known of one, by its id or a prefix of it. Raises `WhaleError`."""
    body = ask_json(profile, f"/1.0/recordings/{escape_segment(reference)}")
    try:
        return _recording(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def get_proof(profile: Profile, reference: str) -> RecordingProof:
    """Ask what the audit trail has of one. Raises `WhaleError`."""
    body = ask_json(profile, f"/1.0/recordings/{escape_segment(reference)}/proof")
    try:
        return RecordingProof(
            finished=tuple(map(_sealed, body["finished"])),
            anchored=tuple(map(_sealed, body["anchored"])),
            is_begun=body["begun"] is True,
            problem=str(body["problem"]),
            seq=int(body["seq"]),
            head=str(body["head"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def delete_recording(profile: Profile, reference: str, *, reason: str = "") -> None:
    """Delete one for good. Raises `WhaleError`."""
    query = "?" + urlencode({"reason": reason}) if reason else ""
    ask_json(profile, f"/1.0/recordings/{escape_segment(reference)}{query}", method="DELETE")


def hold_recording(profile: Profile, reference: str, *, is_held: bool, reason: str = "") -> None:
    """Have nobody delete one, or take that away. Raises `WhaleError`."""
    query = "?" + urlencode({"reason": reason}) if reason else ""
    path = f"/1.0/recordings/{escape_segment(reference)}/hold{query}"
    ask_json(profile, path, method="PUT" if is_held else "DELETE")


def label_recording(profile: Profile, reference: str, label: str, *, reason: str = "") -> None:
    """Say by what one is kept, or with nothing by its age. Raises `WhaleError`."""
    query = urlencode({"name": label} | ({"reason": reason} if reason else {}))
    ask_json(profile, f"/1.0/recordings/{escape_segment(reference)}/label?{query}", method="PUT")


class CastLines:
    """The lines of a recording as they come, without their ends."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        """Yield them. Raises `WhaleError` when the server breaks off, and why, where it says that."""
        held = bytearray()
        while data := self._exchange.read(PIECE):
            begin = len(held)
            held += data
            if held.find(b"\n", begin) < 0:
                if len(held) > MAX_LINE:
                    raise ProtocolError("a line of the recording is too long", code="protocol.too_big")
                continue
            *lines, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            for line in lines:
                if line.startswith(_ERROR):
                    raise _said(line)
                yield line
        if held:
            raise TransportError("the recording was cut before its end", hint="check the server")

    def interrupt(self) -> None:
        """End the iteration from another thread: what it waits for does not come any more."""
        with suppress(OSError):
            self._exchange.sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def open_cast(
    profile: Profile, reference: str, *, from_ms: int = 0, follow: bool = False, reason: str = ""
) -> Iterator[CastLines]:
    """Ask for the lines of one, from a moment on, and as they come; in the block iterate over them."""
    query = {"from_ms": str(from_ms), "follow": str(follow).lower()} | ({"reason": reason} if reason else {})
    path = f"/1.0/recordings/{escape_segment(reference)}/events?{urlencode(query)}"
    with ask(profile, path, accept=MEDIA_TYPE) as exchange:
        if exchange.response.headers.get_content_type() != MEDIA_TYPE:
            raise ProtocolError("the server's answer is no recording", hint="its version may not fit: whale version")
        yield CastLines(exchange)


def fetch_chunks(profile: Profile, id: str, directory: Path, *, reason: str = "") -> int:
    """Copy the files of one as they are stored into a directory; return how many. Raises `WhaleError`."""
    for number in range(MAX_CHUNKS):
        with (directory / f"{number:06}.chunk").open("xb") as file:
            if fetch_chunk(profile, id, number, file, reason=reason):
                continue
        Path(file.name).unlink()
        return number
    return MAX_CHUNKS


def fetch_chunk(profile: Profile, id: str, number: int, file: BinaryIO, *, start: int = 0, reason: str = "") -> bool:
    """Add one of the files of a recording to a file, from a byte on. False when there is none of that number.

    Raises `WhaleError`; of a recording that is there, the first one is.
    """
    query = urlencode(({"start": start} if start else {}) | ({"reason": reason} if reason else {}))
    path = f"/1.0/recordings/{escape_segment(id)}/chunks/{number}" + (f"?{query}" if query else "")
    deadline = time.monotonic() + REQUEST_TIMEOUT
    try:
        with ask(profile, path, accept="application/octet-stream", deadline=deadline) as exchange:
            while piece := exchange.read(PIECE, deadline=deadline):
                file.write(piece)
    except RecordingError as error:
        if error.code == "recording.not_found" and number:
            return False
        raise
    return True


def _said(line: bytes) -> Exception:
    try:
        error = json.loads(line.removeprefix(b"#whale "))["error"]
        return remote_error(str(error["code"]), str(error["message"]), str(error["hint"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return not_understood()


def _sealed(entry: dict[str, Any]) -> Sealed:
    return Sealed(int(entry["seq"]), str(entry["hash"]), int(entry["chunks"]))


def _hit(entry: dict[str, Any]) -> FoundHit:
    return FoundHit(int(entry["at_ms"]), str(entry["kind"]), str(entry["line"]))


def _recording(entry: dict[str, Any]) -> RecordingInfo:
    container, status, ended = entry["container"], entry["exit_status"], entry["ended"]
    return RecordingInfo(
        id=str(entry["id"]),
        person=str(entry["person"]),
        container=str(container["name"]),
        container_id=str(container["id"]),
        image=str(container["image"]),
        engine=str(container["engine"]),
        command=tuple(map(str, entry["command"])),
        reason=str(entry["reason"]),
        policies=tuple(map(str, entry["policies"])),
        tty=entry["tty"] is True,
        mode=str(entry["mode"]),
        status=str(entry["status"]),
        exit_status=None if status is None else int(status),
        started=float(entry["started"]),
        ended=None if ended is None else float(ended),
        seconds=float(entry["seconds"]),
        raw_bytes=int(entry["raw_bytes"]),
        stored_bytes=int(entry["stored_bytes"]),
        chunks=int(entry["chunks"]),
        head=str(entry["head"]),
        encrypted=entry["encrypted"] is True,
        label=str(entry["label"]),
        held=entry["held"] is True,
    )
