"""The settings of sessions: how many, how long, how they end, and who allows them."""

from typing import Annotated

from whale.engine.seam import EndPolicy
from whale.model.approval import ApprovalTimes
from whale.model.limits import (
    APPROVAL_TIME,
    APPROVAL_WAIT,
    AUTH_FAILURES,
    AUTH_LOCKOUT,
    KEEP,
    KEEP_TERMINAL,
    MAX_APPROVAL_TIME,
    MAX_PRINCIPAL_SESSIONS,
    MAX_SESSIONS,
    MAX_UNAUTHENTICATED,
    MAX_UNAUTHENTICATED_PER_ADDRESS,
)
from whale.server.config_section import Section, about, check_finite

_END = EndPolicy()


class ApprovalsSection(Section, frozen=True):
    """What policies want a second person for."""

    wait: Annotated[float, about("Seconds that a request waits for somebody to allow it.", ge=1, le=86_400)] = (
        APPROVAL_WAIT
    )
    time: Annotated[
        float,
        about("Seconds that it is allowed for, unless whoever allows it says.", ge=60, le=MAX_APPROVAL_TIME),
    ] = APPROVAL_TIME

    @property
    def times(self) -> ApprovalTimes:
        """The section as the broker takes it."""
        return ApprovalTimes(self.wait, self.time)


class LimitsSection(Section, frozen=True):
    """Caps an operator may move."""

    max_sessions: Annotated[
        int, about("Live sessions at once; each needs four file descriptors.", ge=1, le=1_000_000)
    ] = MAX_SESSIONS
    max_principal_sessions: Annotated[int, about("Live sessions of one principal at once.", ge=1, le=1_000_000)] = (
        MAX_PRINCIPAL_SESSIONS
    )
    auth_failures: Annotated[
        int,
        about(
            "Refused credentials of one account from one address before it is locked there; five times as many of all"
            " accounts lock the address.",
            ge=1,
            le=1_000_000,
        ),
    ] = AUTH_FAILURES
    auth_lockout: Annotated[
        float, about("Seconds of the first lockout; each one after it is twice as long, up to 900.", ge=1, le=900)
    ] = AUTH_LOCKOUT
    unauthenticated: Annotated[
        int, about("Connections from which nothing was let in yet; one more makes an old one go.", ge=1, le=1_000_000)
    ] = MAX_UNAUTHENTICATED
    unauthenticated_per_address: Annotated[
        int, about("The same of one address, or of one /64 of IPv6.", ge=1, le=1_000_000)
    ] = MAX_UNAUTHENTICATED_PER_ADDRESS

    def check(self) -> None:
        """Check that the number is one."""
        check_finite(self.auth_lockout, "auth_lockout")


class SessionsSection(Section, frozen=True):
    """How long sessions live."""

    keep: Annotated[
        float,
        about(
            "Seconds a session without a terminal waits for a client that broke off or detached; 0 ends it at once.",
            ge=0,
            le=604_800,
        ),
    ] = KEEP
    keep_terminal: Annotated[float, about("The same for a session with a terminal.", ge=0, le=2_592_000)] = (
        KEEP_TERMINAL
    )

    outlive_server: Annotated[
        bool, about("Let sessions go on when the server is stopped, upgraded or killed; the next one has them.")
    ] = True

    def check(self) -> None:
        """Check that the number is one."""
        check_finite(self.keep, "keep")
        check_finite(self.keep_terminal, "keep_terminal")


class ShutdownSection(Section, frozen=True):
    """How the server stops."""

    grace: Annotated[float, about("Seconds that sessions have to end after SIGTERM.", ge=0, le=3600)] = 10.0

    def check(self) -> None:
        """Check that the number is one."""
        check_finite(self.grace, "grace")


class EndSection(Section, frozen=True):
    """How a session's processes are ended: seconds each step may take."""

    hup: Annotated[float, about("Seconds after HUP before TERM.", ge=0, le=600)] = _END.hup
    term: Annotated[float, about("Seconds after TERM before KILL.", ge=0, le=600)] = _END.term
    kill: Annotated[float, about("Seconds after KILL before giving up.", ge=0, le=600)] = _END.kill

    def check(self) -> None:
        """Check that the numbers are ones."""
        for name in ("hup", "term", "kill"):
            check_finite(getattr(self, name), name)
