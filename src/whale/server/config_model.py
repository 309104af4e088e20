"""The server's settings as one typed tree. Reads nothing: `config.py` fills it.

Every setting carries its description, flag and limits here and nowhere else; `settings()` lists them for the
loader, for `whale-server config check` and for the test that holds docs/reference/config.md to it.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints
from urllib.parse import urlsplit

import msgspec

from whale.engine.seam import EndPolicy
from whale.model.errors import ConfigError
from whale.model.keep import Keep
from whale.model.network import parse_ip
from whale.policy.shipped import Sharing
from whale.server.config_audit import AuditSection
from whale.server.config_engine import EngineSection
from whale.server.config_federation import FederationRule, check_rules
from whale.server.config_oidc import OidcSection
from whale.server.config_recording import RecordingSection
from whale.server.config_section import Section, about, check_pair
from whale.server.config_sessions import (
    ApprovalsSection,
    EndSection,
    LimitsSection,
    SessionsSection,
    ShutdownSection,
)
from whale.server.config_store import StoreSection
from whale.store.place import StorePlace, parse_postgres_url

ENV_PREFIX = "WHALE_SERVER_"

_DEFAULT_PORTS = (("http", 80), ("https", 443))

_NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63})*")
"""A host name."""


class TlsSection(Section, frozen=True):
    """TLS on the server's own port."""

    cert: Annotated[str, about("Certificate chain in PEM, the server's own first.", flag="--tls-cert", kind="file")] = (
        ""
    )
    key: Annotated[str, about("Private key in PEM.", flag="--tls-key", kind="file", sensitive=True)] = ""
    own_ca: Annotated[
        bool, about("Make certificates with an authority of the server's own, and keep them fresh.", flag="--tls-self")
    ] = False
    names: Annotated[
        tuple[str, ...], about("Names and addresses that clients use, for that certificate; the first is in the link.")
    ] = ()
    behind_proxy: Annotated[
        bool, about("A proxy in front speaks TLS; listening without it is fine.", flag="--behind-tls-proxy")
    ] = False

    def check(self) -> None:
        """Check that certificate and key come together, or none."""
        check_pair(self.cert, self.key, "cert", "key")
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
        about(
            "Directory of Cedar policies. Empty: all may do what the next three settings allow.",
            kind="directory",
        ),
    ] = ""
    allow_privileged: Annotated[bool, about("Allow `whale exec --privileged`, which is root on the engine's host.")] = (
        False
    )
    sessions: Annotated[
        Sharing, about("What a token may do with the sessions of others: own (nothing), view, or control.")
    ] = "own"
    audit: Annotated[bool, about("Let every valid token search the audit trail, with `whale audit`.")] = False

    def check(self) -> None:
        """Check that who has policies writes everything there."""
        given = {"allow_privileged": self.allow_privileged, "sessions": self.sessions != "own", "audit": self.audit}
        if self.dir and any(given.values()):
            raise ConfigError(
                "has no meaning beside policy.dir",
                path=next(name for name, is_given in given.items() if is_given),
                hint="take it out, and permit it in a policy",
            )


class LogSection(Section, frozen=True):
    """What the server logs, to stderr."""

    level: Annotated[Literal["debug", "info", "warning", "error"], about("Least level logged.", flag="--log-level")] = (
        "info"
    )
    format: Annotated[Literal["console", "json"], about("Form of a log line.", flag="--log-format")] = "console"


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

    listen: Annotated[str, about("Address and port to listen on.", flag="--listen")] = "127.0.0.1:7433"
    state_dir: Annotated[
        str,
        about("Directory of what outlives a server, the database too.", flag="--state-dir", kind="directory"),
    ] = ""
    """Absolute once loaded."""
    public_url: Annotated[
        str, about("Address by which people reach the server, as https://host[:port]. Empty: where it listens.")
    ] = ""
    origins: Annotated[tuple[str, ...], about("Origins whose pages may connect, as https://host[:port].")] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        about("Networks of proxies that are believed where a request comes from, as 192.0.2.0/24."),
    ] = ()
    forwarded_header: Annotated[
        Literal["x-forwarded-for", "forwarded"],
        about("The header that those proxies write it into; they must replace or extend what clients send there."),
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
    recording: RecordingSection = msgspec.field(default_factory=RecordingSection)
    store: StoreSection = msgspec.field(default_factory=StoreSection)
    oidc: OidcSection = msgspec.field(default_factory=OidcSection)
    federation: Annotated[
        tuple[FederationRule, ...],
        about("Rules by which jobs get tokens for identity tokens of their own; the first that fits.", kind="tables"),
    ] = ()

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
        check_rules(self.federation)
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
    """`file` (readable), `path`, `directory`, or empty. Relative ones in a file are relative to that file. `tables` are
    several sections, which only a file can have."""
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
        env = "" if extra["kind"] == "tables" else ENV_PREFIX + path.replace(".", "_").upper()
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
