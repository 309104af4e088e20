"""The whale command as the tour runs it: through the same environment variables that scripts use."""

import subprocess
from pathlib import Path
from typing import IO, NamedTuple

from scripts.demo.server import BIN, environment
from scripts.provision.paths import DEMO

_LIMIT = 120.0
WHALE = str(BIN / "whale")


class Client(NamedTuple):
    """Whom the command talks to, and as whom."""

    url: str
    token: str

    def environment(self) -> dict[str, str]:
        """Environment of the command. The person's own profiles stay out of it."""
        own = {"WHALE_URL": self.url, "WHALE_TOKEN": self.token, "XDG_CONFIG_HOME": str(DEMO / "config")}
        return environment() | own

    def run(
        self, *arguments: str, stdin: Path | None = None, stdout: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command to its end, its streams in and out of files or captured."""
        with _opened(stdin, "rb") as source, _opened(stdout, "wb") as sink:
            return subprocess.run(
                [WHALE, *arguments],
                env=self.environment(),
                stdin=source,
                stdout=subprocess.PIPE if stdout is None else sink,
                stderr=subprocess.PIPE,
                check=False,
                timeout=_LIMIT,
            )


def _opened(path: Path | None, mode: str) -> IO[bytes]:
    return open(path or "/dev/null", mode)
