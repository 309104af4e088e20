"""Run one command in a container, with this process's own input, output, terminal and signals.

What is not needed to ask for the command is imported after it was asked for: the engine takes 60 ms to start it, and
whatever happens here meanwhile costs nothing. Nothing is created on the server before the local side was checked.
"""

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from whale.client.link import Knock, Link, enter, knock
from whale.client.profile import Profile
from whale.model.errors import AuthenticationError, UsageError, WhaleError
from whale.model.exec import ExecSpec, Stream
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.model.text import printable

if TYPE_CHECKING:
    from whale.client.conversation import Conversation
    from whale.client.display import Display
    from whale.client.inlet import Inlet
    from whale.client.race import Target
    from whale.client.reconnect import Reconnect
    from whale.client.status_line import StatusLine
    from whale.client.terminal import RawTerminal
    from whale.client.user import User
    from whale.wire.client import ClientConnection

EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE: what a shell reports for a program whose reader went away, and so for `docker exec`."""


class SessionRequest(NamedTuple):
    """What to run where. With `listens`, `~.` and the other keys of escape.py work on a terminal.

    With `resumes` a connection that breaks is not the end: the session goes on over the next one. A session of the
    user's that has the `name` is joined instead.
    """

    container: str
    spec: ExecSpec
    listens: bool = True
    resumes: bool = True
    name: str = ""
    reason: str = ""


class JoinRequest(NamedTuple):
    """Which session to join, and as what. It has a terminal (`tty`) or takes input (`stdin`) as the server says."""

    session: str
    role: Role
    tty: bool
    stdin: bool
    listens: bool = True
    reason: str = ""


class _Local(NamedTuple):
    """What a session needs of this process."""

    tty: bool
    stdin: bool
    size: TerminalSize | None
    listens: bool
    resumes: bool
    keeps_name: bool


def run_session(profile: Profile, request: SessionRequest) -> int:
    """Run a command and return its exit status, or 128 + the number of the signal that ended whale.

    Raises `WhaleError` for a failure of whale's own, with the terminal as it was found.
    """
    guard_descriptors()
    _check_terminal(request.spec.tty and request.spec.stdin)
    knocked = knock(profile)
    # From here on the server has something to do.
    from whale.wire.client import ClientConnection

    spec = request.spec._replace(size=_size(tty=request.spec.tty))
    profile, link = _enter(profile, knocked)
    connection = ClientConnection()
    key = os.urandom(16).hex() if request.resumes else ""
    try:
        link.send(connection.open(request.container, spec, attachment=key, name=request.name, reason=request.reason))
    except WhaleError:
        link.close()
        raise
    local = _Local(spec.tty, spec.stdin, spec.size, request.listens, request.resumes, bool(request.name))
    return _converse(profile, link, connection, local)


def join_session(profile: Profile, request: JoinRequest) -> int:
    """Join a session and return its exit status when it ends; otherwise as `run_session`."""
    guard_descriptors()
    _check_terminal(request.tty and request.role is Role.CONTROLLER)
    from whale.wire.client import ClientConnection

    size = _size(tty=request.tty)
    stdin = request.stdin and (not request.tty or os.isatty(0))
    profile, link = _enter(profile, knock(profile))
    connection = ClientConnection()
    key = os.urandom(16).hex()
    message = connection.join(
        request.session,
        role=request.role,
        attachment=key,
        tty=request.tty,
        stdin=stdin,
        size=size,
        reason=request.reason,
    )
    try:
        link.send(message)
    except WhaleError:
        link.close()
        raise
    local = _Local(request.tty, stdin, size, request.listens, resumes=True, keeps_name=True)
    return _converse(profile, link, connection, local)


def _enter(profile: Profile, knocked: Knock) -> tuple[Profile, Link]:
    """Wait for the answer; a login whose token is refused is refreshed, once."""
    try:
        return profile, enter(knocked)
    except AuthenticationError:
        if profile.refresh is None:
            raise
    from whale.client.renew import renewed

    profile = renewed(profile)
    return profile, enter(knock(profile))


def _check_terminal(needed: bool) -> None:
    if needed and not os.isatty(0):
        raise UsageError(
            "a terminal was asked for, and the input is none",
            code="usage.no_terminal",
            hint="drop -t, or use a terminal",
        )


def _reconnect(profile: Profile, seconds: float, attach: bytes | None, known: "Target | None") -> "Reconnect":
    from whale.client.reconnect import Reconnect  # threads and chance cost 2 ms to import, and nearly nobody needs them

    return Reconnect(profile, seconds, attach=attach, known=known)


def guard_descriptors() -> None:
    """Make sure that 0, 1 and 2 are no one else's: a socket opened as descriptor 1 would get the output.

    One that was closed becomes one that can't be used for its purpose, so that its use fails and is not lost.
    """
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest that is free: this one


def _size(*, tty: bool) -> "TerminalSize | None":
    if not tty:
        return None
    from whale.client.terminal import terminal_size

    return terminal_size((1, 0, 2))


def _converse(profile: Profile, link: Link, connection: "ClientConnection", local: _Local) -> int:
    from whale.client.conversation import Conversation
    from whale.client.say import say
    from whale.client.signals import SignalInbox
    from whale.client.terminal import RawTerminal
    from whale.client.user import LISTENED, LISTENED_RAW, Interrupted, User

    is_raw = local.tty and local.stdin
    terminal = RawTerminal(0) if is_raw else None
    display, status = _outputs(local, is_raw=is_raw)
    conversation = Conversation(
        link,
        connection,
        display=display,
        say=lambda text: say(f"whale: {printable(text)}\n", raw=is_raw),
        size=local.size,
        status=status,
        reconnect=partial(_reconnect, profile) if local.resumes else None,
    )
    try:
        with SignalInbox(LISTENED_RAW if is_raw else LISTENED) as inbox:
            user = User(
                conversation,
                inbox=inbox,
                inlet=_input(local, is_raw=is_raw),
                has_tty=local.tty,
                terminal=terminal,
                keeps_name=local.keeps_name,
            )
            return _run(conversation, user, terminal, status)
    except Interrupted as interrupted:
        return interrupted.status
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    finally:
        conversation.close()  # unless it is closed already: the user left in the middle
        status.restore()
        for outlet in display.outlets.values():
            outlet.close()


def _outputs(local: _Local, *, is_raw: bool) -> "tuple[Display, StatusLine]":
    """Make what is written to, and what says how the connection is."""
    from whale.client.bottom_line import WITHOUT_CURSOR, BottomLine
    from whale.client.display import Display
    from whale.client.outlet import Outlet
    from whale.client.status_line import StatusLine
    from whale.client.terminal import is_terminal, terminal_size

    outlets, term = {Stream.STDOUT: Outlet(1), Stream.STDERR: Outlet(2)}, os.environ.get("TERM", "")
    line = None
    if is_raw and term not in WITHOUT_CURSOR and is_terminal(1):
        hint = "; ~. leaves" if local.listens else ""
        line = BottomLine(outlets[Stream.STDOUT], size=partial(terminal_size, (1,)), hint=hint)
    return Display(outlets, line=line), StatusLine(raw=is_raw, term=term, line=line)


def _input(local: _Local, *, is_raw: bool) -> "Inlet | None":
    """Make what is read, if the command reads anything."""
    from whale.client.escape import EscapeReader
    from whale.client.inlet import Inlet

    if not local.stdin:
        return None
    return Inlet(0, escapes=EscapeReader() if is_raw and local.listens else None, read_ahead=is_raw)


def _run(conversation: "Conversation", user: "User", terminal: "RawTerminal | None", status: "StatusLine") -> int:
    """Run with the local terminal in raw mode, and give it back as it was found."""
    from whale.client.loop import run_loop
    from whale.client.terminal import leave_terminal

    try:
        if terminal is not None:
            terminal.make_raw()
        return run_loop(conversation, user)
    finally:
        conversation.display.waiting.clear()
        status.restore()
        if terminal is not None:
            if not conversation.ending.is_exit:
                leave_terminal(alternate=conversation.display.is_alternate)
            terminal.restore()
