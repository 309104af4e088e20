"""The server's own TLS: the certificate in force, and how it is replaced while the server runs.

Never prompts, and never says what is in a key file. What is new is tried first, and then used for new connections;
what is wrong is said, and the last good certificate stays. Connections that are there go on.
"""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

import structlog

from whale.model.errors import ConfigError, WhaleError
from whale.server.config_model import Config, TlsSection

TLS_INTERVAL: Final = 5.0
"""Seconds between two looks at the files."""

_Signature = tuple[tuple[int, int, int, int] | None, ...]

_log = structlog.get_logger("whale.server")


class Certificate(NamedTuple):
    """A certificate that can be listened with."""

    context: ssl.SSLContext
    fingerprint: str
    """SHA-256, in hexadecimal."""
    expires: float
    """In Unix seconds."""


class Change(NamedTuple):
    """What became of new files. `problem` is empty where they are in force."""

    fingerprint: str
    problem: str = ""


class ServerTls:
    """One per server that speaks TLS. Made with `open`; listen with `context`; `watching` runs it."""

    def __init__(self, files: TlsSection, renew: Callable[[], object]) -> None:
        """`renew` makes the files anew where that is due. Raises `ConfigError` for files that are wrong."""
        self._files = files
        self._renew = renew
        self._tried: _Signature = _signature(files)
        self._problem = ""
        self._wake = asyncio.Event()
        self.current = load_certificate(files)
        self.loaded = 1
        """How often a certificate came into force."""
        self.refused = 0
        """How often one was refused."""
        self.context = server_context(files)
        """Every connection gets the certificate of its moment, whatever this one was made with."""
        self.context.sni_callback = self._choose

    @classmethod
    def open(cls, config: Config) -> "ServerTls | None":
        """Load what the settings say; None without TLS. Raises `ConfigError`."""
        if config.tls.own_ca:
            from whale.server.own_certificate import OwnCertificate

            own = OwnCertificate(config)
            own.renew()
            return cls(own.files, own.renew)
        if not config.tls.cert:
            return None
        made = cls(config.tls, _nothing)
        if made.current.expires <= time.time():
            _log.warning("tls.expired", fingerprint=made.current.fingerprint)
        return made

    @property
    def is_stale(self) -> bool:
        """True while what is in the files is not in force, because it is wrong."""
        return bool(self._problem)

    @asynccontextmanager
    async def watching(self, changed: Callable[[Change], None]) -> AsyncIterator[None]:
        """Look now and again until the end of the block; `changed` is told what became of new files."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._watch(changed), name="certificate")
            try:
                yield
            finally:
                task.cancel()

    async def look_now(self) -> None:
        """Do not wait for the next look, and load what is there, were it the same."""
        self._tried, self._problem = (), ""
        self._wake.set()

    async def check(self) -> Change | None:
        """Look once. Returns what became of new files, None where there are none."""
        try:
            await asyncio.to_thread(self._renew)
            seen = await asyncio.to_thread(_signature, self._files)
            if seen == self._tried:
                return None
            self._tried = seen
            found = await asyncio.to_thread(load_certificate, self._files)
            if found.expires <= time.time():
                raise ConfigError("tls.cert: the certificate has expired", path="tls.cert")
        except WhaleError as error:
            return self._refuse(error.message)
        self.current, self._problem = found, ""
        self.loaded += 1
        _log.info("tls.loaded", fingerprint=found.fingerprint)
        return Change(found.fingerprint)

    async def _watch(self, changed: Callable[[Change], None]) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TLS_INTERVAL):
                    await self._wake.wait()
            self._wake.clear()
            change = await self.check()
            if change is not None:
                changed(change)

    def _refuse(self, problem: str) -> Change | None:
        if problem == self._problem:
            return None  # it was said
        self._problem = problem
        self.refused += 1
        _log.error("tls.refused", error=problem, in_force="the last good one")
        return Change(self.current.fingerprint, problem)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self.current.context


def load_certificate(files: TlsSection) -> Certificate:
    """Load a certificate with its key, and look into it. Raises `ConfigError`."""
    context = server_context(files)
    from cryptography import x509  # takes a while, and who needs no TLS does not need it

    from whale.server.authority import fingerprint

    try:
        with open(files.cert, "rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read())
    except (OSError, ValueError) as error:
        raise _unusable(type(error).__name__) from error
    return Certificate(context, fingerprint(certificate), certificate.not_valid_after_utc.timestamp())


def server_context(files: TlsSection) -> ssl.SSLContext:
    """Make a context to listen with.

    Raises `ConfigError` when certificate and key can't be read, are not PEM, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask the terminal for one, and a server would hang there.
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except _EncryptedKey:
        raise ConfigError(
            "tls.key: the key is encrypted", path="tls.key", hint="decrypt it with `openssl pkey`"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError("tls.key: the key is not the certificate's", path="tls.key") from error
        raise _unusable(error.reason or "") from error
    except OSError as error:
        raise ConfigError(f"tls.cert: certificate or key can't be read: {error.strerror}", path="tls.cert") from error
    return context


def _unusable(detail: str) -> ConfigError:
    return ConfigError(
        "tls.cert: certificate and key can't be used",
        path="tls.cert",
        hint="both must be PEM files; the certificate comes first, then its issuers",
        detail=detail,
    )


def _signature(files: TlsSection) -> _Signature:
    return tuple(map(_look_at, (files.cert, files.key)))


def _look_at(file: str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _nothing() -> None:
    """Nothing is to be made anew: the files are somebody else's."""


class _EncryptedKey(Exception):
    """Never leaves this file."""


def _no_password() -> str:
    raise _EncryptedKey
