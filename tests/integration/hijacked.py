"""Two servers, one after the other, that talk to one shell over the engine's hijacked socket.

`python -m tests.integration.hijacked first|second STATE ENGINE CONTAINER TTY`. The first one starts the shell, has its
keeper keep the socket and is killed; the second one takes it back.
"""

import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

from scripts.provision.api import EngineApi
from whale.keeper.open import open_keeper

SESSION = "5e55" * 8
TIMEOUT = 20.0


def start_shell(engine: str, container: str, *, tty: bool) -> socket.socket:
    """Start `sh` in a container and return the engine's connection, which is the shell's from here on."""
    body = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": tty, "Cmd": ["sh"]}
    made = EngineApi(engine).call("POST", f"/containers/{container}/exec", body)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    connection.connect(engine.removeprefix("unix://"))
    start = json.dumps({"Detach": False, "Tty": tty})
    head = (
        f"POST /exec/{made['Id']}/start HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(start)}\r\n\r\n{start}"
    )
    connection.sendall(head.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return connection


def ask(connection: socket.socket, line: str, answer: str) -> str:
    """Type a line and return what it prints, once that has come."""
    connection.sendall(f"{line}\n".encode())
    heard = b""
    while not (found := re.search(answer.encode(), heard)):
        data = connection.recv(65536)
        assert data, f"the shell ended: {heard!r}"
        heard += data
    return found[0].decode()


def first(state: Path, engine: str, container: str, *, tty: bool) -> None:
    keeper = open_keeper(state, environ=os.environ)
    connection = start_shell(engine, container, tty=tty)
    print(keeper.kind, ask(connection, "kept=4$((1+1)); echo shell-$$-$kept", r"shell-\d+-42"), flush=True)
    keeper.put(SESSION, [connection.fileno()])
    os.kill(os.getpid(), signal.SIGKILL)


def second(state: Path) -> None:
    keeper = open_keeper(state, environ=os.environ)
    (item,) = keeper.take_all()
    assert item.name == SESSION
    with socket.socket(fileno=item.descriptors[0]) as connection:
        connection.settimeout(TIMEOUT)
        print(keeper.kind, ask(connection, "echo shell-$$-$kept", r"shell-\d+-42"), flush=True)
        connection.sendall(b"exit\n")
        while connection.recv(65536):
            pass
    keeper.remove(SESSION)
    keeper.close()


if __name__ == "__main__":
    which, directory, url, name, terminal = sys.argv[1:]
    if which == "first":
        first(Path(directory), url, name, tty=terminal == "tty")
    else:
        second(Path(directory))
