"""A provider's public keys, and when to ask for them again.

A token may be signed with a key that was made since the last look, so an unknown one is a reason to look again; but not
more often than every few seconds, or anybody could make the server load the provider.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from joserfc import jwk
from joserfc.errors import JoseError, SecurityWarning

from whale.access.oidc.failures import refused, unacceptable
from whale.access.oidc.fetch import Fetch

MAX_KEYS: Final = 64
MIN_RSA_BITS: Final = 2048

REFETCH_INTERVAL: Final = 10.0
"""Seconds between two looks because of an unknown key."""

MAX_AGE: Final = 3600.0
"""Seconds after which a key set is asked for again: a key that was withdrawn is good no longer than that."""

KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Kind of key by the first letters of the algorithm."""


class KeyRing:
    """The keys of one provider."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: list[jwk.Key] = []
        self._url = ""
        self._fetched = 0.0

    async def find(self, url: str, *, algorithm: str, key_id: str | None) -> list[jwk.Key]:
        """The keys that may have made such a signature; of an id that is known there is one, or hardly more.

        Raises `WhaleError`: login.unavailable when the set can't be had, login.failed when none fits.
        """
        now = self._clock()
        is_old = url != self._url or now - self._fetched > MAX_AGE
        if is_old:
            await self._load(url, now)
        found = self._fitting(algorithm, key_id)
        if not found and not is_old and now - self._fetched >= REFETCH_INTERVAL:
            await self._load(url, now)
            found = self._fitting(algorithm, key_id)
        if not found:
            raise refused("the token is signed with a key that the provider does not have")
        return found

    async def _load(self, url: str, now: float) -> None:
        answer = await self._fetch.get(url)
        if answer.status != 200:
            raise unacceptable(f"key set: status {answer.status}")
        self._keys, self._url, self._fetched = parse_keys(answer.body), url, now

    def _fitting(self, algorithm: str, key_id: str | None) -> list[jwk.Key]:
        kind = KEY_TYPES[algorithm[:2]]
        return [
            key
            for key in self._keys
            if key.key_type == kind
            and (key_id is None or key.kid == key_id)
            and key.get("alg", algorithm) == algorithm
            and key.get("use", "sig") == "sig"
        ]


def parse_keys(body: bytes) -> list[jwk.Key]:
    """Read a key set (RFC 7517). Keys of kinds that are of no use here are left out, as the RFC asks.

    Raises `WhaleError` (login.failed).
    """
    try:
        entries = msgspec.json.decode(body)["keys"]
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError) as error:
        raise unacceptable(f"key set: {type(error).__name__}") from error
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise unacceptable("key set: no list, or too long")
    return [key for entry in entries if (key := _key(entry)) is not None]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's advice from stderr: what is accepted is decided here, and its warnings are about that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        yield


def _key(entry: Any) -> jwk.Key | None:
    if not isinstance(entry, dict) or entry.get("kty") not in KEY_TYPES.values():
        return None
    try:
        with quiet():
            key = jwk.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, jwk.RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
        return None
    return key
