"""The error tree, arranged by who must act.

    WhaleError
    ├── UsageError                 the caller asked for something that makes no sense
    ├── ConfigError                a setting is wrong; `path` says which
    ├── ProtocolError              the peer broke PROTOCOL.md
    ├── TransportError             the network, or the other program, is not there
    ├── AuthenticationError        the credential is wrong, expired or revoked
    ├── TooManyAttempts            too many credentials before this one were wrong
    ├── AccessDenied               the credential is good, the policy says no
    ├── TargetError                the container is not there or can't run an exec now
    ├── ExecError                  the engine could not start the command
    ├── SessionError               the session is gone, or there are too many
    ├── EngineError                the engine refused or failed
    │   └── EngineUnavailable      the engine can't be reached
    ├── KeeperError                descriptors can't be kept for the next server
    │   ├── KeeperFull             there are too many
    │   └── KeeperLost             what kept them is gone
    └── RecordingError             a recording can't be written or read

Every error has a stable `code` (docs/reference/errors.md lists all), a `message` and a `hint` that are safe to
show to the user who asked, and `str()` for the operator's log, which adds `detail`. `detail` never leaves the
server. `hint` says what to do next.
"""

from typing import ClassVar


class WhaleError(Exception):
    """Root of all errors whale raises on purpose."""

    default_code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, code: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text} [{self.detail}]" if self.detail else text


class UsageError(WhaleError):
    """The caller asked for something that makes no sense."""

    default_code = "usage"


class ConfigError(WhaleError):
    """A setting is wrong. `path` is its dotted name."""

    default_code = "config.invalid"

    def __init__(self, message: str, *, path: str = "", code: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message, code=code, hint=hint, detail=detail)
        self.path = path


class ProtocolError(WhaleError):
    """The peer broke PROTOCOL.md."""

    default_code = "protocol.violation"


class TransportError(WhaleError):
    """The network, or the program at its other end, is not there."""

    default_code = "transport.lost"


class AuthenticationError(WhaleError):
    """The credential is missing, wrong, expired or revoked. `is_spent`: it was right once, so nobody has guessed."""

    default_code = "auth.invalid"

    def __init__(
        self, message: str, *, code: str = "", hint: str = "", detail: str = "", is_spent: bool = False
    ) -> None:
        super().__init__(message, code=code, hint=hint, detail=detail)
        self.is_spent = is_spent


class TooManyAttempts(WhaleError):
    """Too many credentials before this one were wrong; it was not looked at. `retry_after` is in seconds."""

    default_code = "auth.limited"

    def __init__(
        self, message: str, *, code: str = "", hint: str = "", detail: str = "", retry_after: float = 1.0
    ) -> None:
        super().__init__(message, code=code, hint=hint, detail=detail)
        self.retry_after = max(1, int(-(-retry_after // 1)))  # the next whole second: `math` is not imported for it


class AccessDenied(WhaleError):
    """The credential is good, the policy says no."""

    default_code = "access.denied"


class TargetError(WhaleError):
    """The container is not there, or can't run an exec in the state it is in."""

    default_code = "target.not_found"


class ExecError(WhaleError):
    """The engine could not start the command."""

    default_code = "exec.not_started"


class SessionError(WhaleError):
    """The session is gone, or there are too many."""

    default_code = "session.gone"


class EngineError(WhaleError):
    """The engine refused or failed."""

    default_code = "engine.failed"


class EngineUnavailable(EngineError):
    """The engine can't be reached."""

    default_code = "engine.unavailable"


class KeeperError(WhaleError):
    """Descriptors can't be kept for the next server."""

    default_code = "keeper.unavailable"


class KeeperFull(KeeperError):
    """There is no room for more descriptors; those that are kept stay."""

    default_code = "keeper.full"


class KeeperLost(KeeperError):
    """What kept the descriptors is gone, and they with it."""

    default_code = "keeper.lost"


class RecordingError(WhaleError):
    """A recording can't be written or read; `code` says which."""

    default_code = "recording.unavailable"
