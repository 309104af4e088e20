"""How often credentials may be wrong, by where they come from and whose they are. Never a way to lock somebody out.

Three counts, each a bucket that empties with refused credentials and fills again with time:

- of one account at one network: empty, it locks that account there, and nowhere else;
- of one network, whatever the account: empty, it locks that network;
- of one account, wherever from: empty, it makes attempts wait a second. It locks nothing: whoever knows the name of an
  account could lock its owner out by it.

A lockout is twice as long as the one before, until there has been peace for a while. A credential that was right at a
network before goes on there, whatever others do from the same address. Where an address stands for many clients
(loopback, a proxy that names nobody) nothing is locked, and all that is left is the waiting.

All tables have a fixed size and forget first what was not touched for longest.
"""

import asyncio
import hashlib
import math
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, NamedTuple, TypeVar

from whale.access.tokens import account_of
from whale.model.errors import AuthenticationError, TooManyAttempts
from whale.model.limits import (
    AUTH_FAILURES,
    AUTH_LOCKOUT,
    AUTH_PAUSE,
    AUTH_RECOVERY,
    MAX_AUTH_LOCKOUT,
    MAX_AUTH_TRACKED,
)
from whale.model.network import network_of

NETWORK_SHARE: Final = 5
"""A network may be wrong so many times as often as one account there: an office is one address."""

_Key = TypeVar("_Key")


class AttemptLimits(NamedTuple):
    """What an operator may move."""

    failures: int = AUTH_FAILURES
    """Refused credentials of one account at one network, before it is locked there."""
    lockout: float = AUTH_LOCKOUT
    """Seconds of the first lockout."""


class Attempt(NamedTuple):
    """Somebody who shows a credential. `account` is empty where the credential does not say whose it is."""

    address: str
    account: str
    credential: str


class Attempts:
    """One per server. `admit` an attempt before its credential is looked at, and say how it ended."""

    def __init__(
        self,
        limits: AttemptLimits = AttemptLimits(),  # noqa: B008
        *,
        is_shared: Callable[[str], bool] = lambda _address: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_shared` says whether an address stands for many clients."""
        self._is_shared = is_shared
        self._clock = clock
        self._at_network = _Buckets[tuple[str, str]](limits.failures, limits.lockout)
        self._networks = _Buckets[str](limits.failures * NETWORK_SHARE, limits.lockout)
        self._accounts = _Buckets[str](limits.failures * NETWORK_SHARE, 0.0)
        self._proved = _Recent()
        self.failures = 0
        """Credentials that were refused."""
        self.refused = 0
        """Attempts that were refused because of those before them."""
        self.delayed = 0
        """Attempts that had to wait."""

    @property
    def locked(self) -> int:
        """Accounts and networks that are locked at the moment."""
        now = self._clock()
        return self._at_network.locked(now) + self._networks.locked(now)

    @asynccontextmanager
    async def judging(self, address: str, header: str | None) -> AsyncIterator[None]:
        """Look at the credential of a header in the block, if it may be looked at, and count how that ends."""
        attempt = Attempt(address, account_of(header), header or "")
        if not attempt.credential:  # who shows nothing has guessed nothing
            yield
            return
        await self.admit(attempt)
        try:
            yield
        except AuthenticationError as error:  # and where the table fails nobody was wrong
            self.failed(attempt, is_spent=error.is_spent)
            raise
        self.succeeded(attempt)

    async def admit(self, attempt: Attempt) -> None:
        """Let an attempt through, at once or after a second. Raises `TooManyAttempts`."""
        network, now = network_of(attempt.address), self._clock()
        if self._proved.has(network, attempt.credential):
            return
        wait = 0.0
        if not self._is_shared(attempt.address):
            wait = max(self._at_network.wait((network, attempt.account), now), self._networks.wait(network, now))
        if wait > 0:
            self.refused += 1
            raise TooManyAttempts(
                "too many credentials were refused, and for a while none is looked at",
                hint=f"try again in {math.ceil(wait)} s",
                retry_after=wait,
            )
        if attempt.account and self._accounts.is_empty(attempt.account, now):
            self.delayed += 1
            await asyncio.sleep(AUTH_PAUSE)

    def failed(self, attempt: Attempt, *, is_spent: bool = False) -> None:
        """Count a credential that was refused. `is_spent`: it was right once, so that nobody has guessed."""
        self.failures += 1
        network, now = network_of(attempt.address), self._clock()
        self._proved.forget(network, attempt.credential)
        self._at_network.take((network, attempt.account), now)
        if not is_spent:
            self._networks.take(network, now)
            if attempt.account:
                self._accounts.take(attempt.account, now)

    def succeeded(self, attempt: Attempt) -> None:
        """Remember a credential that was right."""
        network = network_of(attempt.address)
        self._proved.add(network, attempt.credential)
        self._at_network.forget((network, attempt.account))


class _Bucket:
    __slots__ = ("at", "left", "locks", "until")

    def __init__(self, size: float, now: float) -> None:
        self.left = size
        self.at = now
        self.locks = 0
        self.until = 0.0


class _Buckets(Generic[_Key]):
    """Buckets of one size. One that has filled up again is one that never was."""

    def __init__(self, size: int, lockout: float) -> None:
        self._size = float(size)
        self._lockout = lockout
        self._found: OrderedDict[_Key, _Bucket] = OrderedDict()

    def take(self, key: _Key, now: float) -> None:
        """Take one out. The last one locks, and leaves one for when that is over."""
        bucket = self._filled(key, now) or _Bucket(self._size, now)
        self._found[key] = bucket
        self._found.move_to_end(key)
        if len(self._found) > MAX_AUTH_TRACKED:
            self._found.popitem(last=False)
        bucket.left = max(0.0, bucket.left - 1.0)
        if bucket.left < 1.0 and self._lockout:
            bucket.until = now + min(self._lockout * 2.0 ** min(bucket.locks, 32), MAX_AUTH_LOCKOUT)
            bucket.locks += 1
            bucket.left, bucket.at = 1.0, bucket.until

    def wait(self, key: _Key, now: float) -> float:
        """Seconds until it is not locked any more."""
        bucket = self._found.get(key)
        return max(0.0, bucket.until - now) if bucket is not None else 0.0

    def is_empty(self, key: _Key, now: float) -> bool:
        """True when there is nothing left to take."""
        bucket = self._filled(key, now)
        return bucket is not None and bucket.left < 1.0

    def forget(self, key: _Key) -> None:
        """Begin anew."""
        self._found.pop(key, None)

    def locked(self, now: float) -> int:
        """How many are locked."""
        return sum(bucket.until > now for bucket in self._found.values())

    def _filled(self, key: _Key, now: float) -> _Bucket | None:
        bucket = self._found.get(key)
        if bucket is not None and now > bucket.at:
            bucket.left += (now - bucket.at) * self._size / AUTH_RECOVERY
            bucket.at = now
            if bucket.left >= self._size:
                del self._found[key]
                return None
        return bucket


class _Recent:
    """Which credentials were right where: hashes under a key that is never stored, of the last ones."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._found: OrderedDict[bytes, None] = OrderedDict()

    def has(self, network: str, credential: str) -> bool:
        return self._hash(network, credential) in self._found

    def add(self, network: str, credential: str) -> None:
        digest = self._hash(network, credential)
        self._found[digest] = None
        self._found.move_to_end(digest)
        if len(self._found) > MAX_AUTH_TRACKED:
            self._found.popitem(last=False)

    def forget(self, network: str, credential: str) -> None:
        self._found.pop(self._hash(network, credential), None)

    def _hash(self, network: str, credential: str) -> bytes:
        text = f"{network}\0{credential}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()
