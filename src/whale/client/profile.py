"""Which server to talk to, and with what credential: the environment and the file of logins.

The only part of the client that reads settings. A token is handed out for the very scheme, host and port it was
saved for, and for no other; a file of tokens that others can read is refused.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from whale.client.address import Address, parse_address
from whale.client.dial import Trust
from whale.model.errors import AuthenticationError, ConfigError, UsageError
from whale.model.secret import Secret

FILE_NAME = "config.json"
MAX_FILE = 1024 * 1024
MAX_NAME = 64

LOCK_TIMEOUT = 20.0
"""Seconds to wait for another whale that changes the file: longer than one that refreshes a login waits."""

LOCK_INTERVAL = 0.02

MARGIN = 60.0
"""Seconds before the end of a login's token in which it is not used any more, but refreshed."""


class Profile(NamedTuple):
    """One server and the credential for it. `name` is empty for one that comes from the environment."""

    name: str
    address: Address
    token: Secret
    ca_file: str = ""
    insecure_http: bool = False
    """True when the user said that plain http to another machine is meant."""
    pinned: str = ""
    """The certificate that the login link had the fingerprint of, in PEM; nobody else is trusted for this server."""
    refresh: Secret | None = None
    """What gets the next token of a login; None for a token that an administrator made."""
    expires: float = 0.0
    """When the token of a login ends, by this machine's clock."""

    @property
    def trust(self) -> Trust:
        """Who must have signed the server's certificate."""
        return Trust("" if self.pinned else self.ca_file, self.pinned)

    @property
    def is_stale(self) -> bool:
        """True when the token has ended, or is about to, and there is a way to the next one."""
        return self.refresh is not None and self.expires - MARGIN < time.time()


class Profiles(NamedTuple):
    """The file of logins."""

    current: str
    saved: dict[str, Profile]


NO_PROFILES = Profiles("", {})


def environment() -> Mapping[str, str]:
    """The user's environment. The rest of the client is handed what it needs of it."""
    return os.environ


def directory(environ: Mapping[str, str]) -> str:
    """Where the file of logins is: $WHALE_CONFIG_DIR, else `whale` in $XDG_CONFIG_HOME or ~/.config."""
    chosen = environ.get("WHALE_CONFIG_DIR")
    if chosen:
        return chosen
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: a relative one is ignored
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "whale")


def find_server(*, context: str, insecure_http: bool, environ: Mapping[str, str]) -> Profile:
    """Choose the server: `context`, else WHALE_URL with its WHALE_TOKEN, else WHALE_CONTEXT, else the current login.

    A login whose token is about to end is refreshed. Raises `UsageError`, `ConfigError` or `AuthenticationError`, each
    with what to do, and `WhaleError` for a refresh that failed.
    """
    url = environ.get("WHALE_URL", "")
    if url and not context:
        profile = _from_url(url, environ)
    elif environ.get("WHALE_TOKEN") and not context:
        raise UsageError("WHALE_TOKEN is set without WHALE_URL", hint="set both: a token belongs to one server")
    else:
        profile = _from_file(context or environ.get("WHALE_CONTEXT", ""), environ)
    check_plain_http(profile.address, allowed=insecure_http or profile.insecure_http)
    if profile.is_stale:
        from whale.client.renew import renewed

        return renewed(profile)
    return profile


def check_plain_http(address: Address, *, allowed: bool) -> None:
    """Make sure that a token does not travel in clear. Raises `UsageError`."""
    if not (address.is_secure or address.is_loopback or allowed):
        raise UsageError(
            f"{address.url} is not encrypted, and the token would be readable on the way",
            hint="use https://, or say --insecure-http",
        )


def load(environ: Mapping[str, str]) -> Profiles:
    """Read the file of logins; a missing one holds none. Raises `ConfigError`."""
    path = os.path.join(directory(environ), FILE_NAME)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return NO_PROFILES
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o077 or status.st_uid not in (os.geteuid(), 0):
            hint = f"run: chmod 600 {path}"
            raise ConfigError(f"{path} holds tokens and is open to other users", path=path, hint=hint)
        # A short read is no danger: it would not decode.
        text = os.read(descriptor, MAX_FILE + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    finally:
        os.close(descriptor)
    if len(text) > MAX_FILE:
        raise _unreadable(path, "it is too long")
    return _decode(path, text)


@contextmanager
def changing(environ: Mapping[str, str]) -> Iterator[Profiles]:
    """Keep other whales from changing the file in the block, which begins with what is in it. `save` it there.

    What one of them wrote meanwhile would be lost, and with it the token that gets the next one. Raises `ConfigError`.
    """
    import fcntl

    path = os.path.join(directory(environ), FILE_NAME + ".lock")
    deadline = time.monotonic() + LOCK_TIMEOUT
    try:
        os.makedirs(directory(environ), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    hint = "another whale is stuck; end it, and try again"
                    raise ConfigError(f"{path} is locked", path=path, hint=hint) from error
                time.sleep(LOCK_INTERVAL)  # the kernel has no lock with a deadline, and a holder may be stopped
        yield load(environ)
    finally:
        os.close(descriptor)  # which unlocks


def save(profiles: Profiles, environ: Mapping[str, str]) -> None:
    """Write the file of logins, whole or not at all, readable by its owner alone; only while `changing` it.

    Raises `ConfigError`.
    """
    folder = directory(environ)
    path = os.path.join(folder, FILE_NAME)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(_encode(profiles))
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def _from_url(url: str, environ: Mapping[str, str]) -> Profile:
    address = parse_address(url)
    ca_file = environ.get("WHALE_CA_FILE", "")
    token = environ.get("WHALE_TOKEN", "")
    if token:
        return Profile("", address, Secret(checked_token(token)), ca_file)
    for profile in load(environ).saved.values():
        if profile.address == address:
            return profile._replace(ca_file=ca_file or profile.ca_file, pinned="" if ca_file else profile.pinned)
    raise AuthenticationError(
        f"there is no token for {address.url}",
        code="auth.missing",
        hint=f"set WHALE_TOKEN, or: whale login {address.url}",
    )


def _from_file(name: str, environ: Mapping[str, str]) -> Profile:
    profiles = load(environ)
    chosen = name or profiles.current
    if not chosen:
        raise UsageError("no server is known", hint="run: whale login URL, or set WHALE_URL and WHALE_TOKEN")
    return find_profile(profiles, chosen)


def find_profile(profiles: Profiles, name: str) -> Profile:
    """Look up a login by its name. Raises `UsageError`."""
    try:
        return profiles.saved[name]
    except KeyError:
        known = ", ".join(sorted(profiles.saved)) or "none"
        raise UsageError(f"there is no context {name!r}", hint=f"known: {known}") from None


def checked_token(token: str) -> str:
    """Make sure that a token can be sent in a header. Raises `UsageError`; the text never shows the token."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token is not usable: it must be one line without spaces")
    return token


def checked_name(name: str) -> str:
    """Make sure that a context's name can be typed and printed. Raises `UsageError`."""
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or " " in name or name.startswith("-"):
        raise UsageError("this is no usable name for a context", hint="use letters, digits, dots and dashes")
    return name


def _decode(path: str, text: bytes) -> Profiles:
    import json  # late: with WHALE_URL and WHALE_TOKEN it is needed only after the first bytes are out

    try:
        body = json.loads(text)
        saved = {name: _decode_profile(name, entry) for name, entry in body["profiles"].items()}
        current = body["current"]
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise _unreadable(path, "it is damaged") from error
    if not isinstance(current, str):
        raise _unreadable(path, "it is damaged")
    return Profiles(current if current in saved else "", saved)


def _decode_profile(name: str, entry: dict[str, Any]) -> Profile:
    ca_file, insecure_http = entry.get("ca_file", ""), entry.get("insecure_http", False)
    pinned = entry.get("pinned", "")
    texts = (entry["url"], ca_file, pinned)
    if not (all(isinstance(text, str) for text in texts) and isinstance(insecure_http, bool)):
        raise TypeError("a field has another type")
    token = Secret(checked_token(entry["token"]))
    profile = Profile(checked_name(name), parse_address(entry["url"]), token, ca_file, insecure_http, pinned)
    if "refresh_token" not in entry:
        return profile
    return profile._replace(refresh=Secret(checked_token(entry["refresh_token"])), expires=float(entry["expires"]))


def _encode(profiles: Profiles) -> bytes:
    import json

    entries: dict[str, dict[str, Any]] = {}
    for name, profile in profiles.saved.items():
        entry: dict[str, Any] = {"url": profile.address.url, "token": profile.token.reveal()}
        if profile.refresh is not None:
            entry |= {"refresh_token": profile.refresh.reveal(), "expires": profile.expires}
        if profile.ca_file:
            entry["ca_file"] = profile.ca_file
        if profile.pinned:
            entry["pinned"] = profile.pinned
        if profile.insecure_http:
            entry["insecure_http"] = True
        entries[name] = entry
    return json.dumps({"current": profiles.current, "profiles": entries}, indent=2).encode() + b"\n"


def _unwritable(path: str, error: OSError) -> ConfigError:
    hint = "set WHALE_CONFIG_DIR to a directory of yours"
    return ConfigError(f"{path} can't be written: {error.strerror}", path=path, hint=hint)


def _unreadable(path: str, why: str | None) -> ConfigError:
    return ConfigError(f"{path} can't be read: {why}", path=path, hint="repair it, or remove it and log in again")
