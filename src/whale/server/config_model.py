"""The server's settings as one typed tree. Reads nothing: `config.py` fills it.

Every setting carries its description, flag and limits here and nowhere else; `settings()` lists them for the
loader, for `whale-server config check` and for the test that holds docs/reference/config.md to it.
"""

import ipaddress
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints
from urllib.parse import urlsplit

import msgspec

from whale.audit.recorder import OnFailure
from whale.engine.seam import EndPolicy
from whale.model.approval import ApprovalTimes
from whale.model.errors import ConfigError
from whale.model.keep import Keep
from whale.model.limits import (
    APPROVAL_TIME,
    APPROVAL_WAIT,
    AUDIT_SPOOL,
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
from whale.model.network import parse_ip
from whale.policy.shipped import Sharing
from whale.server.config_oidc import OidcSection
from whale.server.config_section import Section
from whale.server.config_section import about as _about
from whale.store.place import StorePlace, parse_postgres_url

ENV_PREFIX = "WHALE_SERVER_"
ENGINE_SCHEMES = ("unix", "tcp", "http", "https", "fake")

_DEFAULT_PORTS = (("http", 80), ("https", 443))

_NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63})*")
"""A host name."""

_END = EndPolicy()


class EngineSection(Section, frozen=True):
    """Which container engine to use."""

    url: Annotated[
        str,
        _about("Address of the engine: unix:///path or tcp://host:port. Empty: found.", flag="--engine"),
    ] = ""
    name: Annotated[str, _about("Name of the engine in listings.")] = "local"
    tls_ca: Annotated[str, _about("CA certificate that the engine's must be signed by.", kind="file")] = ""
    tls_cert: Annotated[str, _about("Client certificate for the engine.", kind="file")] = ""
    tls_key: Annotated[str, _about("Key of the client certificate.", kind="file", sensitive=True)] = ""

    def check(self) -> None:
        """Check the address and that the TLS files fit together."""
        if not self.name or not self.name.isprintable() or " " in self.name:
            raise ConfigError("must be a word without spaces", path="name")
        _check_pair(self.tls_cert, self.tls_key, "tls_cert", "tls_key")
        scheme = _check_engine_url(self.url) if self.url else ""
        if (self.tls_ca or self.tls_cert) and scheme not in ("tcp", "https"):
            raise ConfigError(
                "is only for an engine at a tcp:// address",
                path="tls_ca" if self.tls_ca else "tls_cert",
                hint="set engine.url",
            )


class TlsSection(Section, frozen=True):
    """TLS on the server's own port."""

    cert: Annotated[
        str, _about("Certificate chain in PEM, the server's own first.", flag="--tls-cert", kind="file")
    ] = ""
    key: Annotated[str, _about("Private key in PEM.", flag="--tls-key", kind="file", sensitive=True)] = ""
    own_ca: Annotated[
        bool, _about("Make certificates with an authority of the server's own, and keep them fresh.", flag="--tls-self")
    ] = False
    names: Annotated[
        tuple[str, ...], _about("Names and addresses that clients use, for that certificate; the first is in the link.")
    ] = ()
    behind_proxy: Annotated[
        bool, _about("A proxy in front speaks TLS; listening without it is fine.", flag="--behind-tls-proxy")
    ] = False

    def check(self) -> None:
        """Check that certificate and key come together, or none."""
        _check_pair(self.cert, self.key, "cert", "key")
        if self.cert and self.own_ca:
            raise ConfigError("has no meaning beside tls.cert", path="own_ca", hint="take one of them out")
        if not all(_NAME.fullmatch(name) or parse_ip(name) for name in self.names):
            raise ConfigError("each must be a name or an address", path="names", hint="without scheme and port")

    @property
    def is_on(self) -> bool:
        """True when the server speaks TLS itself."""
        return bool(self.cert) or self.own_ca


class PolicySection(Section, frozen=True):
    """What valid tokens may do."""

    dir: Annotated[
        str,
        _about(
            "Directory of Cedar policies. Empty: all may do what the next three settings allow.",
            kind="directory",
        ),
    ] = ""
    allow_privileged: Annotated[
        bool, _about("Allow `whale exec --privileged`, which is root on the engine's host.")
    ] = False
    sessions: Annotated[
        Sharing, _about("What a token may do with the sessions of others: own (nothing), view, or control.")
    ] = "own"
    audit: Annotated[bool, _about("Let every valid token search the audit trail, with `whale audit`.")] = False

    def check(self) -> None:
        """Check that who has policies writes everything there."""
        given = {"allow_privileged": self.allow_privileged, "sessions": self.sessions != "own", "audit": self.audit}
        if self.dir and any(given.values()):
            raise ConfigError(
                "has no meaning beside policy.dir",
                path=next(name for name, is_given in given.items() if is_given),
                hint="take it out, and permit it in a policy",
            )


class ApprovalsSection(Section, frozen=True):
    """What policies want a second person for."""

    wait: Annotated[float, _about("Seconds that a request waits for somebody to allow it.", ge=1, le=86_400)] = (
        APPROVAL_WAIT
    )
    time: Annotated[
        float,
        _about("Seconds that it is allowed for, unless whoever allows it says.", ge=60, le=MAX_APPROVAL_TIME),
    ] = APPROVAL_TIME

    @property
    def times(self) -> ApprovalTimes:
        """The section as the broker takes it."""
        return ApprovalTimes(self.wait, self.time)


class LimitsSection(Section, frozen=True):
    """Caps an operator may move."""

    max_sessions: Annotated[
        int, _about("Live sessions at once; each needs four file descriptors.", ge=1, le=1_000_000)
    ] = MAX_SESSIONS
    max_principal_sessions: Annotated[int, _about("Live sessions of one principal at once.", ge=1, le=1_000_000)] = (
        MAX_PRINCIPAL_SESSIONS
    )
    auth_failures: Annotated[
        int,
        _about(
            "Refused credentials of one account from one address before it is locked there; five times as many of all"
            " accounts lock the address.",
            ge=1,
            le=1_000_000,
        ),
    ] = AUTH_FAILURES
    auth_lockout: Annotated[
        float, _about("Seconds of the first lockout; each one after it is twice as long, up to 900.", ge=1, le=900)
    ] = AUTH_LOCKOUT
    unauthenticated: Annotated[
        int, _about("Connections from which nothing was let in yet; one more makes an old one go.", ge=1, le=1_000_000)
    ] = MAX_UNAUTHENTICATED
    unauthenticated_per_address: Annotated[
        int, _about("The same of one address, or of one /64 of IPv6.", ge=1, le=1_000_000)
    ] = MAX_UNAUTHENTICATED_PER_ADDRESS

    def check(self) -> None:
        """Check that the number is one."""
        _check_finite(self.auth_lockout, "auth_lockout")


class SessionsSection(Section, frozen=True):
    """How long sessions live."""

    keep: Annotated[
        float,
        _about(
            "Seconds a session without a terminal waits for a client that broke off or detached; 0 ends it at once.",
            ge=0,
            le=604_800,
        ),
    ] = KEEP
    keep_terminal: Annotated[float, _about("The same for a session with a terminal.", ge=0, le=2_592_000)] = (
        KEEP_TERMINAL
    )

    outlive_server: Annotated[
        bool, _about("Let sessions go on when the server is stopped, upgraded or killed; the next one has them.")
    ] = True

    def check(self) -> None:
        """Check that the number is one."""
        _check_finite(self.keep, "keep")
        _check_finite(self.keep_terminal, "keep_terminal")


class ShutdownSection(Section, frozen=True):
    """How the server stops."""

    grace: Annotated[float, _about("Seconds that sessions have to end after SIGTERM.", ge=0, le=3600)] = 10.0

    def check(self) -> None:
        """Check that the number is one."""
        _check_finite(self.grace, "grace")


class EndSection(Section, frozen=True):
    """How a session's processes are ended: seconds each step may take."""

    hup: Annotated[float, _about("Seconds after HUP before TERM.", ge=0, le=600)] = _END.hup
    term: Annotated[float, _about("Seconds after TERM before KILL.", ge=0, le=600)] = _END.term
    kill: Annotated[float, _about("Seconds after KILL before giving up.", ge=0, le=600)] = _END.kill

    def check(self) -> None:
        """Check that the numbers are ones."""
        for name in ("hup", "term", "kill"):
            _check_finite(getattr(self, name), name)


class LogSection(Section, frozen=True):
    """What the server logs, to stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], _about("Least level logged.", flag="--log-level")
    ] = "info"
    format: Annotated[Literal["console", "json"], _about("Form of a log line.", flag="--log-format")] = "console"


class AuditSection(Section, frozen=True):
    """The audit trail."""

    on_failure: Annotated[
        OnFailure,
        _about(
            "When an event can't be written: refuse shells and commands, or alarm (a log line, a metric) and go on."
        ),
    ] = "refuse"
    file: Annotated[str, _about("File that events are appended to, one JSON object to a line.", kind="path")] = ""
    syslog: Annotated[
        str, _about("Syslog that events are sent to: unix:///path, udp://host:port or tcp://host:port.")
    ] = ""
    url: Annotated[str, _about("Address that events are posted to, in batches.")] = ""
    url_token: Annotated[
        str, _about("File with the bearer token for that address; read for every request.", kind="file", sensitive=True)
    ] = ""
    spool: Annotated[
        int, _about("Events that a sink may be behind; older ones are skipped, which is an event.", ge=1, le=10**12)
    ] = AUDIT_SPOOL
    keep: Annotated[float, _about("Days that events are kept in the database; 0 keeps all.", ge=0, le=36_500)] = 0.0

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


class StoreSection(Section, frozen=True):
    """Where tokens and the audit trail are kept."""

    url: Annotated[
        str,
        _about(
            "PostgreSQL database: postgresql://user@host/database. Empty: SQLite, in the state directory.",
            flag="--store-url",
            sensitive=True,
        ),
    ] = ""
    password_file: Annotated[
        str, _about("File with the password of that database; read at every connect.", kind="file", sensitive=True)
    ] = ""

    def check(self) -> None:
        """Check the address."""
        if self.url:
            parse_postgres_url(self.url)
        elif self.password_file:
            raise ConfigError("is of no use without store.url", path="password_file")


class ListenAddress(NamedTuple):
    """Where the server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when nobody outside this machine can connect. Of names, only localhost is trusted to be."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class Config(Section, frozen=True):
    """All settings of the server."""

    listen: Annotated[str, _about("Address and port to listen on.", flag="--listen")] = "127.0.0.1:7433"
    state_dir: Annotated[
        str,
        _about("Directory of what outlives a server, the database too.", flag="--state-dir", kind="directory"),
    ] = ""
    """Absolute once loaded."""
    public_url: Annotated[
        str, _about("Address by which people reach the server, as https://host[:port]. Empty: where it listens.")
    ] = ""
    origins: Annotated[tuple[str, ...], _about("Origins whose pages may connect, as https://host[:port].")] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        _about("Networks of proxies that are believed where a request comes from, as 192.0.2.0/24."),
    ] = ()
    forwarded_header: Annotated[
        Literal["x-forwarded-for", "forwarded"],
        _about("The header that those proxies write it into; they must replace or extend what clients send there."),
    ] = "x-forwarded-for"
    engine: EngineSection = msgspec.field(default_factory=EngineSection)
    tls: TlsSection = msgspec.field(default_factory=TlsSection)
    policy: PolicySection = msgspec.field(default_factory=PolicySection)
    approvals: ApprovalsSection = msgspec.field(default_factory=ApprovalsSection)
    limits: LimitsSection = msgspec.field(default_factory=LimitsSection)
    sessions: SessionsSection = msgspec.field(default_factory=SessionsSection)
    shutdown: ShutdownSection = msgspec.field(default_factory=ShutdownSection)
    end: EndSection = msgspec.field(default_factory=EndSection)
    log: LogSection = msgspec.field(default_factory=LogSection)
    audit: AuditSection = msgspec.field(default_factory=AuditSection)
    store: StoreSection = msgspec.field(default_factory=StoreSection)
    oidc: OidcSection = msgspec.field(default_factory=OidcSection)

    @property
    def store_place(self) -> StorePlace:
        """Where the database is, as the store takes it."""
        if not self.store.url:
            return Path(self.state_dir)
        return parse_postgres_url(self.store.url, password_file=self.store.password_file)

    @property
    def address(self) -> ListenAddress:
        """`listen`, taken apart."""
        return parse_listen(self.listen)

    @property
    def end_policy(self) -> EndPolicy:
        """The `end` section as the engine room takes it."""
        return EndPolicy(hup=self.end.hup, term=self.end.term, kill=self.end.kill)

    @property
    def keep(self) -> Keep:
        """How long sessions wait, as the session room takes it."""
        return Keep(pipe=self.sessions.keep, terminal=self.sessions.keep_terminal)

    def check(self) -> None:
        """Check every section, then what spans sections. Raises `ConfigError` with the dotted path."""
        for name in self.__struct_fields__:
            section = getattr(self, name)
            if isinstance(section, Section):
                try:
                    section.check()
                except ConfigError as error:
                    raise ConfigError(error.message, path=f"{name}.{error.path}", hint=error.hint) from error
        for origin in self.origins:
            _check_origin(origin, "origins")
        if self.public_url:
            _check_origin(self.public_url, "public_url")
        for network in self.trusted_proxies:
            _check_network(network)
        if not self.address.is_loopback and not self.tls.is_on and not self.tls.behind_proxy:
            raise ConfigError(
                "refusing to listen beyond this machine without TLS: it would send tokens in the clear",
                path="listen",
                hint="give --tls-cert and --tls-key, or --tls-self, or --behind-tls-proxy if a TLS proxy is in front",
            )


class Setting(NamedTuple):
    """One leaf of the tree, as users meet it."""

    path: str
    type: Any
    """The annotated type, for `msgspec.convert`."""
    default: object
    description: str
    env: str
    flag: str
    kind: str
    """`file` (readable), `path`, `directory` or empty. Relative ones in a file are relative to that file."""
    sensitive: bool
    """The value is never repeated in a message: people paste keys where a file name belongs."""


def settings() -> dict[str, Setting]:
    """All settings by dotted path, in the order of the tree."""
    return _settings_of(Config, "")


def _settings_of(section: type[Section], prefix: str) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        path = prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, Section):
            found |= _settings_of(field.type, f"{path}.")
            continue
        meta: msgspec.Meta = hints[field.name].__metadata__[0]
        extra = meta.extra or {}
        env = ENV_PREFIX + path.replace(".", "_").upper()
        found[path] = Setting(
            path, hints[field.name], field.default, meta.description or "", env,
            extra["flag"], extra["kind"], extra["sensitive"],
        )  # fmt: skip
    return found


def parse_listen(text: str) -> ListenAddress:
    """Take `host:port` or `[ipv6]:port` apart. Raises `ConfigError` for the path `listen`."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError("an IPv6 address needs brackets", path="listen", hint="write it as [::1]:7433")
    if not colon or not host:
        raise ConfigError(
            "must be HOST:PORT", path="listen", hint="for example 127.0.0.1:7433, or 0.0.0.0:7433 for all"
        )
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ConfigError("the port must be a number from 0 to 65535", path="listen")
    return ListenAddress(host, int(port))


def _check_engine_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_ok = urlsplit(""), False
    if not port_ok or parts.scheme not in ENGINE_SCHEMES:
        raise ConfigError(
            "is not the address of an engine",
            path="url",
            hint="for example unix:///var/run/docker.sock or tcp://host:2376",
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError("must not hold a user or password", path="url", hint="use client certificates")
    if parts.scheme == "unix" and (parts.netloc or not parts.path.startswith("/")):
        raise ConfigError("the socket's path must be absolute", path="url", hint="unix:// and three slashes")
    if parts.scheme in ("tcp", "http", "https") and not parts.hostname:
        raise ConfigError("has no host", path="url", hint="for example tcp://host:2376")
    return parts.scheme


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
    if has_token and parts.scheme == "http" and not ListenAddress(parts.hostname or "", 0).is_loopback:
        raise ConfigError("would send its token in the clear", path="url", hint="use https://")


def _check_pair(cert: str, key: str, cert_path: str, key_path: str) -> None:
    if bool(cert) != bool(key):
        missing, given = (key_path, cert_path) if cert else (cert_path, key_path)
        raise ConfigError(f"is missing: {given} alone is of no use", path=missing)


def _check_origin(origin: str, path: str) -> None:
    try:
        parts = urlsplit(origin)
        valid = parts.port is None or parts.port > 0
    except ValueError:
        parts, valid = urlsplit(""), False
    valid = valid and parts.scheme in ("http", "https") and bool(parts.hostname) and "*" not in origin
    # Browsers send the default port never and letters in lower case only: anything else would never match.
    valid = valid and origin == origin.lower() and (parts.scheme, parts.port) not in _DEFAULT_PORTS
    if not valid or origin != f"{parts.scheme}://{parts.netloc}" or "@" in origin:
        raise ConfigError(
            "must be an origin as browsers send it, without path or wildcard",
            path=path,
            hint="for example https://whale.example.com",
        )


def _check_network(network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError:
        raise ConfigError(
            "each must be an address or a network",
            path="trusted_proxies",
            hint="for example 192.0.2.10 or 192.0.2.0/24, with no bits set behind the prefix",
        ) from None


def _check_finite(number: float, path: str) -> None:
    if not math.isfinite(number):
        raise ConfigError("must be a number of seconds", path=path)
