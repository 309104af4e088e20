"""What an operator does with the whole store: a backup, beside a running server, and its way back, without one."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from whale.audit.event import AuditEvent, Kind, timestamp
from whale.model.audit import AuditMark
from whale.model.errors import UsageError, WhaleError
from whale.server.audit import note, verify
from whale.server.config_model import Config
from whale.server.state_lock import hold_state_dir
from whale.store.backup import dump, load
from whale.store.database import Database
from whale.store.dump import MAX_LINE, Head, read_dump
from whale.store.files import prepare_directory


class Restored(NamedTuple):
    """What came back. `time` is when the backup was made, `head` its newest event."""

    rows: int
    time: str
    head: AuditMark


async def backup_to_file(config: Config, file: Path) -> None:
    """Write a backup that only its owner can read, and give it its name when it is whole. Raises `WhaleError`."""
    new = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        with _created(new) as stream:
            await backup(config, stream.write)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
    except OSError as error:
        raise _not_written(error) from error
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)


async def backup(config: Config, write: Callable[[bytes], object]) -> None:
    """Hand a backup over, piece by piece. Raises `WhaleError`, and what `write` raises."""
    async with _opened(config) as database:
        async for piece in dump(database, time=timestamp(time.time())):
            write(piece)


async def restore(config: Config, file: Path, *, replace: bool) -> Restored:
    """Have a backup in place of the store, and check its audit trail. Takes time.

    Raises `WhaleError` before anything is changed: for a backup that is not whole, a store that is not empty and is
    not to be replaced, and a server that runs. Raises `TrailBroken` after it, for a trail that did not hold when the
    backup was made.
    """
    state_dir = Path(config.state_dir)
    with _lines(file) as lines:
        made = _check(lines)
    await asyncio.to_thread(prepare_directory, state_dir)
    async with _opened(config) as database, hold_state_dir(state_dir), database.held():
        with _lines(file) as lines:
            rows = await load(database, lines, replace=replace)
    _, head = await verify(config.store_place)
    event = AuditEvent(
        time=timestamp(time.time()),
        kind=Kind.RESTORED,
        source=f"local uid {os.getuid()}",
        through=head.seq,
        hash=head.hash,
    )
    await note(config.store_place, event)
    return Restored(rows, made, head)


def _created(file: Path) -> BinaryIO:
    return open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _check(lines: Iterator[bytes]) -> str:
    """Read a backup to its end, and say when it was made."""
    made = ""
    for each in read_dump(lines):
        if isinstance(each, Head):
            made = each.time
    return made


@contextlib.contextmanager
def _lines(file: Path) -> Iterator[Iterator[bytes]]:
    try:
        with file.open("rb") as stream:
            yield _read(stream)
    except OSError as error:
        raise UsageError("the backup can't be read", hint="check its name and mode", detail=str(error)) from error


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE):
        yield line


@contextlib.asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[Database]:
    # Patient: whoever takes the pieces may be slow, and a table may be large.
    database = await Database.open(config.store_place, is_patient=True)
    try:
        yield database
    finally:
        await database.aclose()


def _not_written(error: OSError) -> WhaleError:
    return WhaleError(
        "the backup can't be written",
        hint="check the directory, and the free space there",
        detail=str(error),
    )
