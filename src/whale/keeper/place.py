"""The keeper's files in the state directory: its lock, its socket, its log. Raises what the system raises.

The lock belongs to the keeper as long as it lives, and to who starts one. Only who has it may make or remove the
socket, so two that start at once can't take each other's away.
"""

import os
import socket
import stat
from pathlib import Path
from typing import Final, Self

from whale.keeper.lock import take_lock
from whale.keeper.process import SOCKET_NAME

LOCK_NAME: Final = "keeper.lock"
LOG_NAME: Final = "keeper.log"

_LONGEST_ADDRESS: Final = 107
"""Bytes of a path that a socket's address has room for."""

_BACKLOG: Final = 8


class Place:
    """A state directory, by a descriptor of it."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.absolute()
        self.directory = os.open(self.state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.directory)

    @property
    def address(self) -> str:
        """Where the socket is. A path that is too long goes by way of the descriptor of the directory."""
        path = str(self.state_dir / SOCKET_NAME)
        if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
            return path
        return f"/proc/self/fd/{self.directory}/{SOCKET_NAME}"

    def lock(self) -> int | None:
        """Take the lock; None while there is a keeper, or somebody who starts one."""
        return take_lock(self.directory, LOCK_NAME)

    def connect(self) -> socket.socket:
        """Connect to the keeper. `FileNotFoundError` or `ConnectionRefusedError`: there is none."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.setblocking(False)
            connection.connect(self.address)
        except BaseException:
            connection.close()
            raise
        return connection

    def listen(self) -> socket.socket:
        """Make the socket, in place of one that a keeper left behind. Only for who has the lock."""
        self._clear()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.bind(self.address)
            os.chmod(SOCKET_NAME, 0o600, dir_fd=self.directory)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener

    def open_log(self) -> int:
        """Open the log anew. Nothing is written there unless a keeper fails."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(LOG_NAME, flags, 0o600, dir_fd=self.directory)

    def _clear(self) -> None:
        try:
            mode = os.stat(SOCKET_NAME, dir_fd=self.directory, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise FileExistsError(f"{SOCKET_NAME} is there and is no socket")
        os.unlink(SOCKET_NAME, dir_fd=self.directory)
