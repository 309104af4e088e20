"""The settings of the audit trail."""

import math
from typing import Annotated
from urllib.parse import urlsplit

from whale.audit.recorder import OnFailure
from whale.model.errors import ConfigError
from whale.model.limits import AUDIT_SPOOL
from whale.model.network import is_loopback
from whale.server.config_section import Section, about


class AuditSection(Section, frozen=True):
    """The audit trail."""

    on_failure: Annotated[
        OnFailure,
        about("When an event can't be written: refuse shells and commands, or alarm (a log line, a metric) and go on."),
    ] = "refuse"
    file: Annotated[str, about("File that events are appended to, one JSON object to a line.", kind="path")] = ""
    syslog: Annotated[
        str, about("Syslog that events are sent to: unix:///path, udp://host:port or tcp://host:port.")
    ] = ""
    url: Annotated[str, about("Address that events are posted to, in batches.")] = ""
    url_token: Annotated[
        str, about("File with the bearer token for that address; read for every request.", kind="file", sensitive=True)
    ] = ""
    spool: Annotated[
        int, about("Events that a sink may be behind; older ones are skipped, which is an event.", ge=1, le=10**12)
    ] = AUDIT_SPOOL
    keep: Annotated[float, about("Days that events are kept in the database; 0 keeps all.", ge=0, le=36_500)] = 0.0

    def check(self) -> None:
        """Check the addresses, and that the number is one."""
        if not math.isfinite(self.keep):
            raise ConfigError("must be a number of days", path="keep")
        if self.syslog:
            _check_syslog(self.syslog)
        if self.url:
            _check_audit_url(self.url, has_token=bool(self.url_token))
        elif self.url_token:
            raise ConfigError("is of no use without audit.url", path="url_token")


def _check_syslog(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_there = bool(parts.hostname and parts.port) if parts.scheme in ("udp", "tcp") else parts.path.startswith("/")
    except ValueError:
        parts, is_there = urlsplit(""), False
    if parts.scheme not in ("unix", "udp", "tcp") or not is_there or (parts.scheme == "unix" and parts.netloc):
        raise ConfigError(
            "is not the address of a syslog",
            path="syslog",
            hint="for example unix:///dev/log or tcp://logs.example:601",
        )


def _check_audit_url(url: str, *, has_token: bool) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, valid = urlsplit(""), False
    if not valid or parts.username is not None or parts.password is not None or parts.fragment:
        raise ConfigError(
            "is not an address without a user and password", path="url", hint="the token goes into audit.url_token"
        )
    if has_token and parts.scheme == "http" and parts.hostname != "localhost" and not is_loopback(parts.hostname or ""):
        raise ConfigError("would send its token in the clear", path="url", hint="use https://")
