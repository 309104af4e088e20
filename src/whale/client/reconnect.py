"""Getting a broken connection back, beside everything else: a thread dials, and its descriptor says when it is done.

A thread, because looking up a name and the handshakes have no other way not to hold up the keys (`~.` still works) and
the output. It touches nothing of the session's.
"""

import _socket
import os
import struct
import threading
import time

from whale.client.dial import start_tls
from whale.client.link import Link, enter, greet
from whale.client.profile import Profile
from whale.client.race import Race, Target
from whale.client.watch import NetworkWatch
from whale.model.errors import TransportError, WhaleError
from whale.model.limits import HANDSHAKE_TIMEOUT

_ABORT, _CLOSE = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
"""SO_LINGER: what was not sent is forgotten, or sent after the close."""

ANSWER_TIMEOUT = 2.0
"""Seconds, beside three round trips, that the first handshake may take; each one after it has twice as long, up to
`HANDSHAKE_TIMEOUT`: the network may have gone again, or the server may have much to do."""

PASSING = frozenset(
    {
        "transport.lost",
        "transport.unreachable",
        "server.stopping",
        "server.database",
        "auth.unavailable",
        "auth.limited",
        "internal",
    }
)
"""Refusals that may be over in a moment; any other is an answer."""


class Reconnect:
    """One search for a way back. Wait for `descriptor` until it `is_done`, then take `result`; or `cancel`."""

    def __init__(
        self, profile: Profile, seconds: float, *, attach: bytes | None = b"", known: Target | None = None
    ) -> None:
        """Begin to dial; give up after so many seconds. The message `attach` goes with each handshake, if there is one.

        The same one each time, unless another one is given to `ask`: what has come of the session can't change without
        a connection. With None the search waits for `go` when it has a connection. `known`: where the server was.
        """
        self.descriptor, self._done = os.pipe()
        """Readable when there is news: see `is_done`."""
        os.set_blocking(self.descriptor, False)
        self.is_connected = False
        """True when there was a connection, as far as `is_done` has seen."""
        self._profile = profile
        self._attach = attach or b""
        self.asked = b""
        """The one that went with the last handshake; look at it when the search `is_done`."""
        self._may_go = threading.Event()
        if attach is not None:
            self._may_go.set()
        self._deadline = time.monotonic() + seconds
        self._timeout = ANSWER_TIMEOUT
        self._watch = NetworkWatch()
        self._race = Race(profile.address, self._watch, known=known)
        self._found: Link | WhaleError | None = None
        self._thread = threading.Thread(target=self._run, name="reconnect", daemon=True)
        self._thread.start()

    def go(self, attach: bytes) -> None:
        """Go on to the handshake, with this message `attach` in it unless it is empty."""
        self._attach = attach
        self._may_go.set()

    def ask(self, attach: bytes) -> None:
        """Send this `attach` with each handshake that begins from now on."""
        self._attach = attach

    def is_done(self) -> bool:
        """True when there is a result. Call it when `descriptor` is readable."""
        try:
            while os.read(self.descriptor, 16):
                self.is_connected = True
        except BlockingIOError:
            return False
        return True

    def result(self) -> Link | WhaleError:
        """The new link, whose owner the caller is, or why there is none. Only when it `is_done`."""
        self._thread.join()
        os.close(self.descriptor)
        assert self._found is not None
        return self._found

    def hurry(self) -> None:
        """Try now: somebody waits for it."""
        self._race.hurry()

    def cancel(self) -> None:
        """Look no further. The thread ends by itself; nothing waits for it."""
        self._race.stop()
        self._may_go.set()

    def discard(self) -> None:
        """Cancel it, and wait for nothing: nobody takes the result."""
        self.cancel()
        os.close(self.descriptor)

    def _run(self) -> None:
        try:
            self._search()
        except Exception as error:  # noqa: BLE001 - who waits for the descriptor must be told of a fault, too
            self._found = WhaleError("a fault while reconnecting", detail=repr(error))
        finally:
            self._race.close()
            self._watch.close()
            os.close(self._done)  # which makes the other end readable

    def _search(self) -> None:
        while (sock := self._race.run(self._deadline)) is not None:
            timeout = min(self._timeout + 3 * self._race.took, HANDSHAKE_TIMEOUT)
            self._timeout = min(2 * self._timeout, HANDSHAKE_TIMEOUT)
            try:
                self._found = self._shake(sock, timeout)
                break
            except WhaleError as error:
                self._found = error
                if error.code not in PASSING:
                    break
        else:
            self._found = TransportError(
                "the connection did not come back in time, and the session is lost", hint="check your network"
            )
        if self._race.is_stopped and isinstance(self._found, Link):
            self._found.drop()

    def _shake(self, sock: _socket.socket, timeout: float) -> Link:
        sock.settimeout(timeout)
        try:
            return self._come_back(sock, timeout)
        except OSError as error:
            sock.close()
            raise TransportError("the connection broke again", detail=type(error).__name__) from error
        except WhaleError:
            sock.close()
            raise

    def _come_back(self, sock: _socket.socket, timeout: float) -> Link:
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if self._profile.address.is_secure:
            sock = start_tls(sock, self._profile.address, self._profile.trust)
        if not self._may_go.is_set():
            os.write(self._done, b"!")
            self._may_go.wait(max(0.0, self._deadline - time.monotonic()))
        if self._race.is_stopped:
            sock.close()
            raise TransportError("nobody waits for the connection any more")
        if self._profile.is_stale:
            from whale.client.renew import renewed

            self._profile = renewed(self._profile)
        # A handshake that is given up must not arrive later and take the session from the next one: no `close` that
        # leaves the rest to the kernel.
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _ABORT)
        self.asked = self._attach
        link = enter(greet(sock, self._profile, attach=self.asked), timeout=timeout, asks_why=False)
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _CLOSE)
        return link
