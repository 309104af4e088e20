"""TLS to an engine, with a half-close.

asyncio's own TLS transport can't end one direction and go on with the other, but an exec needs just that: the end
of its input must not end its output. So TLS is done here, in memory, over a plain connection: `close_notify` is
sent when we have no more to say, and reading goes on until the engine has no more to say either.
"""

import asyncio
import ssl
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from whale.engine.docker.writer import SocketWriter
from whale.model.errors import ConfigError
from whale.model.limits import KIB

_CHUNK = 64 * KIB


class TlsFiles(NamedTuple):
    """Where the certificates for an engine are, as PEM files."""

    ca: Path | None = None
    """Who signed the engine's certificate; None for those that the system trusts."""
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True
    """False accepts any certificate: for a context that was made with that choice."""


def client_tls(files: TlsFiles) -> ssl.SSLContext:
    """Read the certificates. Raises `ConfigError` when they can't be read or do not fit each other."""
    try:
        context = ssl.create_default_context(cafile=files.ca)
        if files.cert is not None:
            context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            "the certificates for the container engine can't be used",
            path="engine.tls",
            hint="They are ca.pem, cert.pem and key.pem, the key without a password and fitting the certificate.",
            detail=repr(error),
        ) from error
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class InnerProtocol(Protocol):
    """The protocol that sits on TLS: a `HijackedStream`, or a test's own."""

    def secured(self, connection: "TlsConnection") -> None:
        """Take the connection, when the handshake is done."""
        ...

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend a buffer to read into."""
        ...

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        ...

    def eof_received(self) -> bool:
        """Be told that the engine has said its last."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """Be told that the connection broke."""
        ...

    def drained(self) -> None:
        """Be told that everything written has left."""
        ...


class TlsConnection(asyncio.Protocol):
    """A protocol to the plain connection, a connection to the stream."""

    def __init__(self, inner: InnerProtocol, context: ssl.SSLContext, host: str) -> None:
        self._inner = inner
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._plain: asyncio.Transport | None = None
        self._writer: SocketWriter | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_paused = False
        self._is_half_closed = False
        self._is_over = False

    async def ready(self) -> None:
        """Wait for the handshake. Raises `ssl.SSLError` or `OSError` when it fails."""
        await self._ready

    # --- to the plain connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._plain = cast("asyncio.Transport", transport)  # uvloop's transports are no subclasses of it
        self._writer = SocketWriter(self._plain.get_extra_info("socket").fileno(), self._drained)
        self._shake()

    def data_received(self, data: bytes) -> None:
        """Decrypt, and hand on."""
        self._incoming.write(data)
        if not self._ready.done():
            self._shake()
        if self._ready.done() and not self._is_over:
            self._read()

    def eof_received(self) -> bool:
        """Take an end without `close_notify` for what it is: a cut."""
        self._fail(ConnectionResetError("the engine ended TLS without a close_notify"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on the loss."""
        self._fail(exc or ConnectionResetError("the connection was closed"))

    # --- to the stream

    @property
    def pending(self) -> int:
        """Bytes that have not left, encryption included."""
        return self._writer.pending if self._writer else 0

    def write(self, data: bytes | memoryview) -> None:
        """Encrypt and send."""
        if not self._is_half_closed and not self._is_over and data:
            self._tls.write(data)
            self._send()

    def write_eof(self) -> None:
        """Send `close_notify`; reading goes on."""
        if self._is_half_closed or self._is_over:
            return
        self._is_half_closed = True
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass  # sent; the engine's own close_notify comes when it has no more to say
        except ssl.SSLError as error:
            self._fail(error)
        self._send()

    def abort(self) -> None:
        """Let go of the connection."""
        self._is_over = True
        if self._writer:
            self._writer.close()
        if self._plain:
            self._plain.abort()

    def pause_reading(self) -> None:
        """Stop handing on."""
        self._is_paused = True
        if self._plain and not self._plain.is_closing():
            self._plain.pause_reading()

    def resume_reading(self) -> None:
        """Hand on again, first what was decrypted before."""
        self._is_paused = False
        asyncio.get_running_loop().call_soon(self._read_on)

    def _drained(self) -> None:
        if self._ready.done() and not self._is_over:
            self._inner.drained()

    # --- inside

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return
        except (ssl.SSLError, ssl.CertificateError) as error:
            self._send()
            self._fail(error)
            return
        self._send()
        self._ready.set_result(None)
        self._inner.secured(self)

    def _read(self) -> None:
        while not self._is_paused and not self._is_over:
            try:
                size = self._read_into(self._inner.get_buffer(_CHUNK))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                size = 0
            except ssl.SSLError as error:
                self._fail(error)
                return
            if size == 0:
                self._over()
                return
            self._inner.buffer_updated(size)
        self._send()

    def _read_into(self, buffer: memoryview) -> int:
        # With a buffer to fill, `read` returns how much it filled; typeshed knows only the other form.
        return self._tls.read(len(buffer), buffer)  # type: ignore[return-value]

    def _read_on(self) -> None:
        if self._is_paused or self._is_over:
            return
        if self._plain and not self._plain.is_closing():
            self._plain.resume_reading()
        self._read()

    def _send(self) -> None:
        if self._writer and self._outgoing.pending:
            self._writer.write(self._outgoing.read())

    def _over(self) -> None:
        self._is_over = True
        self._inner.eof_received()
        self.abort()

    def _fail(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()
        elif not self._is_over:
            self._is_over = True
            self._inner.connection_lost(error)
        self.abort()
