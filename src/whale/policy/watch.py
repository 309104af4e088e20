"""Puts the policies of a directory in force, and what becomes of them while the server runs.

A change counts when it has been the same for two looks, so that a file in the midst of being written does not. What is
wrong is refused as a whole: the last good rules stay in force, and the log says where the mistake is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

import structlog

from whale.model.errors import ConfigError
from whale.policy.directory import Fingerprint, fingerprint, read_directory
from whale.policy.live import LivePolicy
from whale.policy.rules import Rules
from whale.policy.shipped import made_rules

POLICY_INTERVAL: Final = 0.4
"""Seconds between two looks. With two of them, and the making of the rules, a change is in force within 2 seconds."""

_log = structlog.get_logger("whale.policy")


def load_directory(directory: Path) -> Rules:
    """Make rules of a directory's files. Takes time. Raises `ConfigError` with file and line of what is wrong."""
    return made_rules(read_directory(directory))


class WatchObserver(Protocol):
    """Is told what becomes of changes. Returns at once."""

    def policies_loaded(self, count: int) -> None:
        """Other policies are in force, so many."""
        ...

    def policies_refused(self, problem: str) -> None:
        """What is in the directory is wrong, and the last good policies stay in force."""
        ...


class PolicyWatch:
    """One per server with a policy directory. Made with `open`; `watching` runs it."""

    def __init__(self, directory: Path, live: LivePolicy, seen: Fingerprint) -> None:
        self.live = live
        self.loaded = 1
        """How often policies came into force."""
        self.refused = 0
        """How often a change was refused."""
        self.is_stale = False
        """True while what is in the directory is not what is in force, because it is wrong."""
        self._observer: WatchObserver | None = None
        self._directory = directory
        self._tried: Fingerprint | None = seen
        self._last: Fingerprint | None = seen

    @classmethod
    async def open(cls, directory: Path) -> "PolicyWatch":
        """Load the directory for the first time. Raises `ConfigError`: without policies a server does not start."""
        seen = await asyncio.to_thread(fingerprint, directory)
        rules = await asyncio.to_thread(load_directory, directory)
        return cls(directory, LivePolicy(rules), seen)

    @asynccontextmanager
    async def watching(self, changed: Callable[[], None], observer: WatchObserver | None = None) -> AsyncIterator[None]:
        """Look now and again until the end of the block; `changed` is called when other rules are in force."""
        self._observer = observer
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._watch(changed), name="policies")
            try:
                yield
            finally:
                task.cancel()

    async def _watch(self, changed: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(POLICY_INTERVAL)
            if await self.check():
                changed()

    async def check(self) -> bool:
        """Look once. True when other rules came into force."""
        seen = await asyncio.to_thread(_seen, self._directory)
        was, self._last = self._last, seen
        if seen == self._tried or seen != was:
            return False
        self._tried = seen
        try:
            rules = await asyncio.to_thread(load_directory, self._directory)
        except ConfigError as error:
            return self._refuse(error.message)
        except Exception:  # noqa: BLE001 - whatever it is, the last good policies stay in force
            _log.exception("policies.crashed")
            return self._refuse("a fault in the server")
        self.live.replace(rules)
        self.loaded += 1
        self.is_stale = False
        log = _log.warning if rules.is_empty else _log.info
        log("policies.loaded", policies=len(rules.policies), generation=self.live.generation)
        if self._observer is not None:
            self._observer.policies_loaded(len(rules.policies))
        return True

    def _refuse(self, problem: str) -> bool:
        self.refused += 1
        self.is_stale = True
        _log.error("policies.refused", error=problem, in_force="the last good ones")
        if self._observer is not None:
            self._observer.policies_refused(problem)
        return False


def _seen(directory: Path) -> Fingerprint | None:
    """None for what can't be looked at, which reading then explains."""
    try:
        return fingerprint(directory)
    except ConfigError:
        return None
