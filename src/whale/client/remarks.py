"""What is said to the user about a session, in words. Pure."""

from whale.model.errors import SessionError, TransportError
from whale.model.role import Role
from whale.wire.websocket import CloseReceived

STOPPING_CLOSE = 1001


def role_remark(role: Role) -> str:
    """Say whose the keyboard is now."""
    return "you have the keyboard" if role is Role.CONTROLLER else "you only look on; ~v takes the keyboard"


def missed_remark(missed: int) -> str:
    """Say that so many bytes are gone."""
    return f"{missed} bytes of output were not kept meanwhile"


def detached(session: str, keep: int | None) -> SessionError:
    """How a session ends here that goes on there; `keep`: for so many seconds, None where that is not known."""
    hint = f"come back with: whale attach {session[:12]}"
    for_how_long = f"; it goes on for {_duration(keep)} without you" if keep else ""
    return SessionError(f"detached from the session{for_how_long}", code="session.detached", hint=hint)


def closed(event: CloseReceived) -> TransportError:
    """What a close of the server's means that nothing announced."""
    if event.code == STOPPING_CLOSE:
        return TransportError("the server is shutting down", code="server.stopping", hint="try again in a moment")
    return TransportError(f"the server closed the connection (code {event.code})", hint="see the server's log")


def _duration(seconds: int) -> str:
    return (
        f"{seconds / 3600:.3g} h" if seconds >= 3600 else f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds} s"
    )
