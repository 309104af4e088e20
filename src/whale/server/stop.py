"""Stopping the server that runs on a state directory, and ending what servers have left."""

import asyncio
import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from whale.keeper.lock import Signature, is_process_of, signature_of, take_lock
from whale.model.errors import WhaleError
from whale.server.audit import trail_of
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

PATIENCE: Final = 2.0
"""Seconds for a server that has just started to sign."""

_PAUSE: Final = 0.02


def stop_server(state_dir: Path, *, sessions: bool, grace: float) -> bool:
    """Stop the server and wait until it has; False when none runs. Raises `WhaleError` when it does not stop."""
    deadline = time.monotonic() + grace + MARGIN
    server = _find(state_dir)
    if server is None:
        return False
    with server:
        try:
            server.send(STOP_SIGNALS[sessions])
        except PermissionError as error:
            raise WhaleError(
                f"the server is process {server.process} of another user", hint="stop it as that user, or as root"
            ) from error
        if not server.wait(deadline - time.monotonic()):
            raise WhaleError(
                f"the server, process {server.process}, does not stop", hint="its log says what it waits for"
            )
    return True


def end_left_sessions(config: Config) -> int:
    """End the sessions that a server has left and no server has; return how many there were."""
    configure_logging(config.log.level, config.log.format)
    return asyncio.run(_end_left(config))


async def _end_left(config: Config) -> int:
    state_dir = Path(config.state_dir)
    async with hold_state_dir(state_dir), opened_engine(config, server=server_id(state_dir)) as engine:
        async with trail_of(config) as trail, running_sessions(config, engine, observer=trail) as registry:
            found = registry.live
            registry.end_all()
            await registry.wait_empty()
        return found


class _Server:
    """A process that is known to have the state directory, held fast so that nobody else gets the signal."""

    def __init__(self, process: int, pidfd: int) -> None:
        """`pidfd` is -1 on a system that has none: then it is only known by its number."""
        self.process = process
        self._pidfd = pidfd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def send(self, number: signal.Signals) -> None:
        """Signal it; one that has ended is fine. Raises `PermissionError`."""
        with suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)
            else:
                os.kill(self.process, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when that did not come in time. Its lock has gone by then."""
        if self._pidfd < 0:
            return _wait_for_number(self.process, seconds)
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


def _wait_for_number(process: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(_PAUSE)
    return False


def _find(state_dir: Path) -> _Server | None:
    """Find who has the state directory; None for nobody.

    Between the lock and the signature a server is not known, and the signature is that of an earlier one, whose number
    may be anybody's by now: so it is read again until it is that of a process which runs.
    """
    try:
        directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise not_writable(str(error)) from error
    deadline = time.monotonic() + PATIENCE
    try:
        while _is_locked(directory):
            server = _pinned(signature_of(directory, FILE_NAME))
            if server is not None:
                return server
            if time.monotonic() >= deadline:
                raise WhaleError("a server runs on this state directory, and does not say which process it is")
            time.sleep(_PAUSE)
        return None
    finally:
        os.close(directory)


def _is_locked(directory: int) -> bool:
    try:
        lock = take_lock(directory, FILE_NAME)
    except OSError as error:
        raise not_writable(str(error)) from error
    if lock is not None:
        os.close(lock)
    return lock is None


def _pinned(signature: Signature | None) -> _Server | None:
    """Hold the process fast that signed; None when it has ended."""
    if signature is None:
        return None
    try:
        pidfd = os.pidfd_open(signature.process)
    except (ProcessLookupError, ValueError, OverflowError):
        return None
    except (AttributeError, OSError):
        pidfd = -1  # not Linux, or one before 5.3
    # After it is held: one that has the number now and began when the signature says had it all the time.
    if is_process_of(signature):
        return _Server(signature.process, pidfd)
    if pidfd >= 0:
        os.close(pidfd)
    return None
