"""The policies of a server: those of its directory, which is watched, or those that are shipped."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from whale.policy.live import LivePolicy
from whale.policy.shipped import open_rules
from whale.policy.watch import PolicyWatch, WatchObserver
from whale.server.config_model import Config, PolicySection


class ServerPolicy:
    """What is in force, and how it is kept so. Made with `open`."""

    def __init__(self, section: PolicySection, live: LivePolicy, watch: PolicyWatch | None) -> None:
        self.live = live
        self.watch = watch
        self._section = section

    @classmethod
    async def open(cls, config: Config) -> "ServerPolicy":
        """Load what the settings say. Raises `ConfigError`, with file and line for a policy that is wrong."""
        section = config.policy
        if not section.dir:
            rules = open_rules(
                allow_privileged=section.allow_privileged, sessions=section.sessions, audit=section.audit
            )
            return cls(section, LivePolicy(rules), None)
        watch = await PolicyWatch.open(Path(section.dir))
        return cls(section, watch.live, watch)

    @contextlib.asynccontextmanager
    async def watching(self, changed: Callable[[], None], observer: WatchObserver | None = None) -> AsyncIterator[None]:
        """Keep what is in force up to date until the end of the block; `changed` is called when it is other rules."""
        if self.watch is None:
            yield
            return
        async with self.watch.watching(changed, observer):
            yield

    def announcement(self) -> list[str]:
        """Tell the operator what is in force, where that is not the default."""
        if not self._section.dir:
            return []
        count = len(self.live.rules.policies)
        if count:
            return [f"{count} policies from {self._section.dir}"]
        return [
            f"no policies in {self._section.dir}: nobody may do anything",
            f"begin with roles by group:    whale-server policy init {self._section.dir}",
        ]
