"""npm's programs for the tests: installed as locked, in folders of the tests. Must never be needed by whale itself."""

import hashlib
import os
import subprocess
from pathlib import Path

from scripts.provision import packages
from scripts.provision.paths import ROOT
from scripts.provision.say import ProvisionError, step

FOLDERS = {
    "xterm.js": ROOT / "tests" / "xterm",
    "oidc-provider": ROOT / "tests" / "oidc",
    "asciinema-player": ROOT / "tests" / "player",
}
"""An independent terminal that repaints are compared in, a certified identity provider that people log in with, and the
player of recordings in browsers."""

_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
_LIMIT = 300.0


def ensure_node_programs() -> None:
    """Install those that are missing or others than their lock files name.

    Raises ProvisionError where that is not possible.
    """
    packages.ensure((*packages.GROUPS["node"], *packages.GROUPS["browser"]), why="the tests")
    for name, folder in FOLDERS.items():
        if not is_installed(folder):
            _install(name, folder)


def _install(name: str, folder: Path) -> None:
    with step(f"installing {name} with npm"):
        environment = os.environ | {"NO_UPDATE_NOTIFIER": "1"}
        done = subprocess.run(
            _INSTALL, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_LIMIT
        )
    if done.returncode != 0:
        raise ProvisionError(f"{' '.join(_INSTALL)} failed in {folder}:\n{(done.stderr or done.stdout)[-2000:]}")
    _mark(folder).write_text(_wanted(folder))


def is_installed(folder: Path) -> bool:
    """Tell whether a folder has what its lock file names."""
    mark = _mark(folder)
    return mark.exists() and mark.read_text() == _wanted(folder)


def _mark(folder: Path) -> Path:
    return folder / "node_modules" / ".ready"


def _wanted(folder: Path) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
