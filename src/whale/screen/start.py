"""Starts the process with the emulators: it gets a socket and nothing else of the server's.

It is of no terminal, in no directory of anybody's, and has of the environment only what the interpreter needs to find
its files.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

_NEEDED: Final = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")


def command() -> list[str]:
    """What is run. Without the current directory and the user's own packages in the path: it is what is installed."""
    return [sys.executable, "-P", "-s", "-m", "whale.screen"]


def start_process(
    command: Sequence[str], *, environ: Mapping[str, str] = os.environ
) -> "tuple[subprocess.Popen[bytes], socket.socket]":
    """Start it; return it with our end of the socket, which does not block. Raises `OSError`."""
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        with theirs:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env=needed_environment(environ),
            )
    except BaseException:
        ours.close()
        raise
    return process, ours


def needed_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what the interpreter needs to find its files."""
    return {name: environ[name] for name in _NEEDED if name in environ}
