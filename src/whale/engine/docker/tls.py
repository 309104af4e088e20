"""TLS to an engine, with a half-close.

asyncio's own TLS transport can't end one direction and go on with the other, but an exec needs just that: the end
of its input must not end its output. So TLS is done here, in memory, over a plain connection: `close_notify` is
sent when we have no more to say, and reading goes on until the engine has no more to say either.
"""

import asyncio
import ssl
from typing import Protocol

from whale.model.limits import KIB

_CHUNK = 64 * KIB


class InnerProtocol(Protocol):
    """The protocol that sits on TLS: a `HijackedStream`, or a test's own."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def get_buffer(self, sizehint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...
    def eof_received(self) -> bool: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class TlsConnection(asyncio.Protocol):
    """A protocol to the plain transport, a transport to the stream."""

    def __init__(self, inner: InnerProtocol, context: ssl.SSLContext, host: str) -> None:
        self._inner = inner
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._plain: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_paused = False
        self._is_half_closed = False
        self._is_over = False

    async def ready(self) -> None:
        """Wait for the handshake. Raises `ssl.SSLError` or `OSError` when it fails."""
        await self._ready

    # --- to the plain transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._plain = transport  # type: ignore[assignment]
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

    def pause_writing(self) -> None:
        """Pass on."""
        if self._ready.done() and not self._is_over:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        if self._ready.done() and not self._is_over:
            self._inner.resume_writing()

    # --- to the stream: what it needs of a transport

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if not self._is_half_closed and not self._is_over:
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

    def close(self) -> None:
        """Close when what was written has left."""
        if self._plain:
            self._plain.close()

    def abort(self) -> None:
        """Close at once."""
        if self._plain:
            self._plain.abort()

    def is_closing(self) -> bool:
        """True when no more can be sent or read."""
        return self._is_over or self._plain is None or self._plain.is_closing()

    def pause_reading(self) -> None:
        """Stop handing on."""
        self._is_paused = True
        if self._plain and not self._plain.is_closing():
            self._plain.pause_reading()

    def resume_reading(self) -> None:
        """Hand on again, first what was decrypted before."""
        self._is_paused = False
        asyncio.get_running_loop().call_soon(self._read_on)

    def get_write_buffer_size(self) -> int:
        """Bytes that have not left, encryption included."""
        return self._plain.get_write_buffer_size() if self._plain else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Pass on."""
        if self._plain:
            self._plain.set_write_buffer_limits(high=high, low=low)

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
        self._inner.connection_made(self)  # type: ignore[arg-type]  # a transport in all that the stream uses

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
        if self._plain and self._outgoing.pending and not self._plain.is_closing():
            self._plain.write(self._outgoing.read())

    def _over(self) -> None:
        self._is_over = True
        self._inner.eof_received()
        if self._plain:
            self._plain.close()

    def _fail(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()
        elif not self._is_over:
            self._is_over = True
            self._inner.connection_lost(error)
        self._is_over = True
        if self._plain:
            self._plain.abort()
