"""Starts the keeper's process, so that nothing which ends the server ends it: its own session, parent and directory.

It inherits three descriptors, a log, and of the environment only what the interpreter needs to find its files.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from whale.keeper.place import LOG_NAME, Place
from whale.model.errors import KeeperError
from whale.model.limits import KEEPER_ANSWER

_NEEDED: Final = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")
_BROKEN: Final = "the keeper's process could not be started"


def start_keeper(place: Place, *, lock: int, listener: socket.socket, environ: Mapping[str, str]) -> None:
    """Start a keeper that has the lock and listens there. The caller closes its own copies of both.

    It can be connected to at once, and answers when it is up. Raises `KeeperError`.
    """
    inherited = (place.directory, lock, listener.fileno())
    # Without the current directory and the user's own packages in the path: what runs for long is what is installed.
    command = [sys.executable, "-P", "-s", "-m", "whale.keeper", str(place.state_dir), *map(str, inherited)]
    try:
        log = place.open_log()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                start_new_session=True,
                cwd="/",
                env={name: environ[name] for name in _NEEDED if name in environ},
            )
        finally:
            os.close(log)
    except OSError as error:
        raise KeeperError(_BROKEN, detail=str(error)) from error
    _wait(process)


def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the first process, which leaves the keeper to be nobody's child."""
    try:
        status = process.wait(KEEPER_ANSWER)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise KeeperError(_BROKEN, detail="it did not come up in time") from error
    if status != 0:
        raise KeeperError(_BROKEN, hint=f"see {LOG_NAME} in the state directory", detail=f"status {status}")
