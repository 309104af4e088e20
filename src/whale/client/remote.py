"""Errors that a server sent, turned back into whale's own.

A server may be newer than this program: a code nobody here knows keeps its text.
"""

from whale.model.errors import (
    AccessDenied,
    AuthenticationError,
    ConfigError,
    EngineError,
    EngineUnavailable,
    ExecError,
    ProtocolError,
    RecordingError,
    SessionError,
    TargetError,
    TransportError,
    UsageError,
    WhaleError,
)

FAMILIES: dict[str, type[WhaleError]] = {
    "usage": UsageError,
    "config": ConfigError,
    "protocol": ProtocolError,
    "transport": TransportError,
    "auth": AuthenticationError,
    "login": AuthenticationError,
    "access": AccessDenied,
    "target": TargetError,
    "exec": ExecError,
    "session": SessionError,
    "engine": EngineError,
    "approval": AccessDenied,
    "recording": RecordingError,
}


def remote_error(code: str, message: str, hint: str = "") -> WhaleError:
    """Make the error that a server's code names."""
    family = EngineUnavailable if code == "engine.unavailable" else FAMILIES.get(code.partition(".")[0], WhaleError)
    return family(message or f"the server failed ({code})", code=code, hint=hint)


def refusal(status: int, body: bytes) -> WhaleError:
    """Make the error of an HTTP answer that is not a success. A redirect is one: no credential follows it."""
    if 300 <= status < 400:
        return TransportError(
            "the server answered with a redirect, and a token does not follow one",
            code="transport.redirected",
            hint="log in to the address it redirects to",
        )
    import json  # late: the session's own messages need it, but only after the first bytes are out

    try:
        fields = json.loads(body)["error"]
        return remote_error(str(fields["code"]), str(fields["message"]), str(fields.get("hint", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _foreign(status)


def _foreign(status: int) -> WhaleError:
    """The error of an answer that whale-server did not write: something else listens there, or stands between."""
    if status == 401:
        return AuthenticationError("the server does not accept the token", hint="run: whale login URL")
    if status == 403:
        return AccessDenied("the server refuses this")
    hint = "check that the address is whale-server's"
    return TransportError(f"the server answered with HTTP status {status}", code="transport.lost", hint=hint)
