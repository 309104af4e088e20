"""Run one command in a container, with this process's own input, output, terminal and signals.

What is not needed to ask for the command is imported after it was asked for: the engine takes 60 ms to start it, and
whatever happens here meanwhile costs nothing. Nothing is created on the server before the local side was checked.
"""

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from whale.client.link import Link, enter, knock
from whale.client.profile import Profile
from whale.model.errors import UsageError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.text import printable

if TYPE_CHECKING:
    from whale.client.reconnect import Reconnect
    from whale.wire.client import ClientConnection

EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE: what a shell reports for a program whose reader went away, and so for `docker exec`."""


class SessionRequest(NamedTuple):
    """What to run where. With `listens`, `~.` and the other keys of escape.py work on a terminal.

    With `resumes` a connection that breaks is not the end: the session goes on over the next one.
    """

    container: str
    spec: ExecSpec
    listens: bool = True
    resumes: bool = True


def run_session(profile: Profile, request: SessionRequest) -> int:
    """Run a command and return its exit status, or 128 + the number of the signal that ended whale.

    Raises `WhaleError` for a failure of whale's own, with the terminal as it was found.
    """
    guard_descriptors()
    is_raw = request.spec.tty and request.spec.stdin
    if is_raw and not os.isatty(0):
        raise UsageError(
            "a terminal was asked for, and the input is none",
            code="usage.no_terminal",
            hint="drop -t, or use a terminal",
        )
    knocked = knock(profile)
    # From here on the server has something to do.
    from whale.wire.client import ClientConnection

    spec = _with_size(request.spec)
    link = enter(knocked)
    connection = ClientConnection()
    try:
        link.send(connection.open(request.container, spec, attachment=os.urandom(16).hex() if request.resumes else ""))
    except WhaleError:
        link.close()
        raise
    return _converse(profile, link, connection, request._replace(spec=spec))


def _reconnect(profile: Profile, seconds: float) -> "Reconnect":
    from whale.client.reconnect import Reconnect  # threads and chance cost 2 ms to import, and nearly nobody needs them

    return Reconnect(profile, seconds)


def guard_descriptors() -> None:
    """Make sure that 0, 1 and 2 are no one else's: a socket opened as descriptor 1 would get the output.

    One that was closed becomes one that can't be used for its purpose, so that its use fails and is not lost.
    """
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest that is free: this one


def _with_size(spec: ExecSpec) -> ExecSpec:
    if not spec.tty:
        return spec
    from whale.client.terminal import terminal_size

    return spec._replace(size=terminal_size((1, 0, 2)))


def _converse(profile: Profile, link: Link, connection: "ClientConnection", request: SessionRequest) -> int:
    from whale.client.conversation import Conversation
    from whale.client.escape import EscapeReader
    from whale.client.inlet import Inlet
    from whale.client.loop import run_loop
    from whale.client.outlet import Outlet
    from whale.client.say import say
    from whale.client.signals import SignalInbox
    from whale.client.status_line import StatusLine
    from whale.client.terminal import RawTerminal
    from whale.client.user import LISTENED, LISTENED_RAW, Interrupted, User

    spec = request.spec
    is_raw = spec.tty and spec.stdin
    terminal = RawTerminal(0) if is_raw else None
    outlets = {Stream.STDOUT: Outlet(1), Stream.STDERR: Outlet(2)}
    status = StatusLine(raw=is_raw, term=os.environ.get("TERM", ""))
    conversation = Conversation(
        link,
        connection,
        outlets=outlets,
        say=lambda text: say(f"whale: {printable(text)}\n", raw=is_raw),
        size=spec.size,
        status=status,
        reconnect=partial(_reconnect, profile) if request.resumes else None,
    )
    inlet = None
    if spec.stdin:
        escapes = EscapeReader() if is_raw and request.listens else None
        inlet = Inlet(0, escapes=escapes, read_ahead=is_raw)
    try:
        with SignalInbox(LISTENED_RAW if is_raw else LISTENED) as inbox:
            user = User(conversation, inbox=inbox, inlet=inlet, has_tty=spec.tty, terminal=terminal)
            try:
                if terminal is not None:
                    terminal.make_raw()
                return run_loop(conversation, user)
            finally:
                if terminal is not None:
                    terminal.restore()
    except Interrupted as interrupted:
        return interrupted.status
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    finally:
        conversation.link.close(heard=True)  # unless it is closed already: the user left in the middle
        status.restore()
        for outlet in outlets.values():
            outlet.close()
