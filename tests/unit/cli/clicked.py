"""`whale`'s commands in this process, with their output caught."""

import sys
from pathlib import Path
from typing import NamedTuple, TextIO

import pytest

from tests.unit.client.scripted import TOKEN, ScriptedServer
from whale.cli.main import invoke


class Outcome(NamedTuple):
    """What a command line came to."""

    status: int
    out: str
    err: str


class Whale:
    """Runs command lines for a user whose home is a folder of the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self._stdin: TextIO | None = None
        for name in ("WHALE_URL", "WHALE_TOKEN", "WHALE_CONTEXT", "WHALE_CA_FILE", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("WHALE_CONFIG_DIR", str(folder / "conf"))
        monkeypatch.setattr(sys, "argv", ["whale"])

    def use(self, server: ScriptedServer) -> None:
        """Log in to a server by the environment."""
        self._monkeypatch.setenv("WHALE_URL", server.url)
        self._monkeypatch.setenv("WHALE_TOKEN", TOKEN)

    def type(self, text: str) -> None:
        """Put text into standard input."""
        path = self.folder / "stdin"
        path.write_text(text)
        self.close()
        self._stdin = path.open()
        self._monkeypatch.setattr(sys, "stdin", self._stdin)

    def close(self) -> None:
        if self._stdin is not None:
            self._stdin.close()

    def __call__(self, *args: str) -> Outcome:
        self._capfd.readouterr()
        status = invoke(args)
        out, err = self._capfd.readouterr()
        return Outcome(status, out, err)
