"""Getting a broken connection back, beside everything else: a thread dials, and its descriptor says when it is done.

A thread, because looking up a name and connecting have no other way not to hold up the keys (`~.` still works) and
the output. It touches nothing of the session's.
"""

import os
import random
import threading
import time

from whale.client.dial import connect
from whale.client.link import Link, enter, greet
from whale.client.profile import Profile
from whale.model.errors import TransportError, WhaleError

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
"""Seconds between two attempts, less up to half of it by chance, so that many clients of one server do not come back in
step."""

SHARE = 0.05
"""Of the time since the connection broke: that much later than possible a connection is back, at the most."""

PASSING = frozenset(
    {"transport.lost", "transport.unreachable", "server.stopping", "server.database", "auth.unavailable", "internal"}
)
"""Refusals that may be over in a moment; any other is an answer."""


class Reconnect:
    """One search for a way back. Wait for `descriptor`, then take `result`; or `cancel`."""

    def __init__(self, profile: Profile, seconds: float, *, attach: bytes = b"") -> None:
        """Begin to dial; give up after so many seconds. The message `attach` goes with each handshake, if there is one.

        The same one each time: what has come of the session can't change without a connection.
        """
        self.descriptor, self._done = os.pipe()
        """Readable when there is a result."""
        self._profile = profile
        self._attach = attach
        self._deadline = time.monotonic() + seconds
        self._cancelled = threading.Event()
        self._found: Link | WhaleError | None = None
        self._thread = threading.Thread(target=self._run, name="reconnect", daemon=True)
        self._thread.start()

    def result(self) -> Link | WhaleError:
        """The new link, whose owner the caller is, or why there is none. Only when `descriptor` is readable."""
        self._thread.join()
        os.close(self.descriptor)
        assert self._found is not None
        return self._found

    def cancel(self) -> None:
        """Look no further. The thread ends by itself; nothing waits for it."""
        self._cancelled.set()

    def _run(self) -> None:
        try:
            self._search()
        except Exception as error:  # noqa: BLE001 - who waits for the descriptor must be told of a fault, too
            self._found = WhaleError("a fault while reconnecting", detail=repr(error))
        finally:
            os.close(self._done)  # which makes the other end readable

    def _search(self) -> None:
        begun = time.monotonic()
        while not self._cancelled.is_set():
            try:
                sock = connect(self._profile.address, ca_file=self._profile.ca_file)
                self._found = enter(greet(sock, self._profile, attach=self._attach))
                break
            except WhaleError as error:
                self._found = error
                if error.code not in PASSING:
                    break
            now = time.monotonic()
            pause = min(max(SHORTEST_PAUSE, SHARE * (now - begun)), LONGEST_PAUSE)
            if now + pause > self._deadline:
                self._found = TransportError(
                    "the connection did not come back in time, and the session is lost", hint="check your network"
                )
                break
            self._cancelled.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
        if self._cancelled.is_set() and isinstance(self._found, Link):
            self._found.drop()
