"""Stopping the server that runs on a state directory, and ending what servers have left."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Final

from whale.keeper.lock import holder_of, take_lock
from whale.model.errors import WhaleError
from whale.server.config_model import Config
from whale.server.engine import opened_engine
from whale.server.identity import server_id
from whale.server.logs import configure_logging
from whale.server.sessions import running_sessions
from whale.server.state_lock import FILE_NAME, hold_state_dir
from whale.store.failures import not_writable

STOP_SIGNALS: Final = {False: signal.SIGTERM, True: signal.SIGUSR1}
"""By whether the sessions are to end with the server."""

MARGIN: Final = 30.0
"""Seconds beyond its grace that a server may take to stop."""

_PAUSE: Final = 0.05


def stop_server(state_dir: Path, *, sessions: bool, grace: float) -> bool:
    """Stop the server and wait until it has; False when none runs. Raises `WhaleError` when it does not stop."""
    deadline = time.monotonic() + grace + MARGIN
    process = _running(state_dir)
    if not process:
        return False
    try:
        os.kill(process, STOP_SIGNALS[sessions])
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise WhaleError(
            f"the server is process {process} of another user", hint="stop it as that user, or as root"
        ) from error
    while _running(state_dir) == process:
        if time.monotonic() >= deadline:
            raise WhaleError(f"the server, process {process}, does not stop", hint="its log says what it waits for")
        time.sleep(_PAUSE)
    return True


def end_left_sessions(config: Config) -> int:
    """End the sessions that a server has left and no server has; return how many there were."""
    configure_logging(config.log.level, config.log.format)
    return asyncio.run(_end_left(config))


async def _end_left(config: Config) -> int:
    state_dir = Path(config.state_dir)
    async with hold_state_dir(state_dir), opened_engine(config, server=server_id(state_dir)) as engine:
        async with running_sessions(config, engine) as registry:
            found = registry.live
            registry.end_all()
            await registry.wait_empty()
        return found


def _running(state_dir: Path) -> int:
    """The process that holds the state directory; 0 for none."""
    try:
        directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise not_writable(str(error)) from error
    try:
        lock = take_lock(directory, FILE_NAME)
        if lock is not None:
            os.close(lock)
        return holder_of(directory, FILE_NAME) if lock is None else 0
    except OSError as error:
        raise not_writable(str(error)) from error
    finally:
        os.close(directory)
