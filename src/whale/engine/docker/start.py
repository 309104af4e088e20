"""Plans how a command is started: what the engine is asked to run, and how its first moments are read. Pure.

The plan differs with the engine's age. From API 1.42 the engine sets a terminal's first size itself. Before
that, a command that asks at once is told `0 0`, so a small shell waits for the size and then becomes the
command.
"""

import base64
import json
import re
import secrets
from typing import NamedTuple

from whale.engine.docker.scripts import COMMAND, LOGIN_SHELL, SHELL, WAIT_FOR_SIZE
from whale.model.exec import ExecSpec
from whale.model.ids import SessionId
from whale.model.terminal import TerminalSize

SESSION_VARIABLE = "WHALE_SESSION"

_SERVER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

CONSOLE_SIZE_API = (1, 42)

_FIRST_KEY, _KEY_COUNT = "ctrl-@", 16
_KEYS = tuple(f"ctrl-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")


class StartPlan(NamedTuple):
    """What to create and start."""

    command: tuple[str, ...]
    stdin: bool
    waits_for_size: bool
    """The command is a shell that waits for a newline; see `scripts.WAIT_FOR_SIZE`."""
    mark: bytes
    """What a wrapped command that can't start says first; empty without a wrapper."""
    is_login_shell: bool
    kind: str
    """`docker` or `podman`: they say differently that a start failed."""
    start_body: bytes
    """JSON for the request that starts it."""


def plan_start(spec: ExecSpec, *, api: tuple[int, int], kind: str, wrap: bool = True) -> StartPlan:
    """Plan the start of `spec`. `wrap=False` is for containers without a shell: the size then comes late."""
    waits = spec.tty and spec.size is not None and wrap and not sets_first_size(api, kind)
    mark = b""
    command = spec.command
    first = WAIT_FOR_SIZE if waits else ""
    if not command:
        command = (SHELL, "-c", first + LOGIN_SHELL)
    elif waits:
        mark = secrets.token_hex(16).encode() + b":"
        command = (SHELL, "-c", first + COMMAND, mark.decode(), *command)
    return StartPlan(
        command=command,
        stdin=spec.stdin or waits,
        waits_for_size=waits,
        mark=mark,
        is_login_shell=not spec.command,
        kind=kind,
        start_body=_start_body(spec.tty, spec.size, api=api, kind=kind),
    )


def sets_first_size(api: tuple[int, int], kind: str) -> bool:
    """True for an engine that gives a terminal its size before the command runs."""
    return api >= CONSOLE_SIZE_API or kind == "podman"


def _start_body(tty: bool, size: TerminalSize | None, *, api: tuple[int, int], kind: str) -> bytes:
    body: dict[str, object] = {"Detach": False, "Tty": tty}
    if tty and size is not None:
        if kind == "podman":
            body |= {"h": size.rows, "w": size.cols}
        elif api >= CONSOLE_SIZE_API:
            body["ConsoleSize"] = [size.rows, size.cols]
    return json.dumps(body).encode()


def environment(spec: ExecSpec, mark: str) -> list[str]:
    """The variables to add: the user's, and the mark by which the process tree is found again."""
    own = [f"{name}={value}" for name, value in spec.env if name != SESSION_VARIABLE]
    return [*own, f"{SESSION_VARIABLE}={mark}"]


def session_mark(session: SessionId, *, server: str) -> str:
    """What marks a session's processes: whose it is, if the server has an id, and which.

    It is one variable, because the order of variables is nothing that a script in a container could rely on.
    """
    return f"{server}.{session}" if server else session


def marked_session(mark: str, *, server: str) -> SessionId | None:
    """The session that a mark names, if it is one of that server's."""
    whose, dot, session = mark.partition(".")
    return SessionId(session) if dot and whose == server and session else None


def is_server_id(text: str) -> bool:
    """True for what may be a server's id: it must be harmless in an environment and in a script."""
    return _SERVER_ID.fullmatch(text) is not None


def detach_keys() -> str:
    """Make a sequence that ends the attach and that nobody types, guesses or pastes: 15 of 16 keys are random.

    An engine can't be told to have none: empty means its default, which swallows Ctrl-P. It holds back the
    first key until the next byte shows whether the sequence goes on, so the first one is the key that is missed
    least: Ctrl-@ (NUL), which editors read as "set mark" and little else reads at all.
    """
    return ",".join([_FIRST_KEY, *(secrets.choice(_KEYS) for _ in range(_KEY_COUNT - 1))])


def are_our_keys(told: str) -> bool:
    """True for keys that `detach_keys` made, as engines tell them: Podman as it was told, Docker as bytes in base64."""
    if told.startswith(f"{_FIRST_KEY},"):
        return told.count(",") == _KEY_COUNT - 1
    try:
        keys = base64.b64decode(told, validate=True)
    except ValueError:
        return False
    return len(keys) == _KEY_COUNT and keys[0] == 0
