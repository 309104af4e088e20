"""One server at a time on a state directory: two would end each other's sessions.

The lock is gone when its process is, so nothing has to be cleaned up after a crash.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from whale.keeper.lock import holder_of, sign, take_lock
from whale.model.errors import ConfigError
from whale.store.failures import not_writable

FILE_NAME: Final = "server.lock"

PATIENCE: Final = 2.0
"""Seconds for a server that was killed to be gone: the kernel takes its memory apart before its locks."""

_PAUSE: Final = 0.02


@asynccontextmanager
async def hold_state_dir(state_dir: Path) -> AsyncIterator[None]:
    """Hold an existing state directory until the end of the block.

    Raises `ConfigError` when another server does, which says what process that is, and `WhaleError` when the
    directory can't be written.
    """
    lock = await _wait_for_lock(state_dir)
    try:
        sign(lock)
        yield
    finally:
        os.close(lock)


async def _wait_for_lock(state_dir: Path) -> int:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    try:
        directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            while (lock := take_lock(directory, FILE_NAME)) is None:
                if asyncio.get_running_loop().time() >= deadline:
                    raise _in_use(holder_of(directory, FILE_NAME))
                await asyncio.sleep(_PAUSE)
        finally:
            os.close(directory)
    except OSError as error:
        raise not_writable(str(error)) from error
    return lock


def _in_use(process: int) -> ConfigError:
    return ConfigError(
        "state_dir: another whale-server runs on this state directory" + (f", process {process}" if process else ""),
        path="state_dir",
        hint="stop that one first, or give this one another --state-dir",
    )
