"""xterm.js for the tests: installed as locked, under tests/xterm. Must never be needed by whale itself."""

import hashlib
import os
import subprocess
from pathlib import Path

from scripts.provision import packages
from scripts.provision.paths import ROOT
from scripts.provision.say import ProvisionError, step

FOLDER = ROOT / "tests" / "xterm"
_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
_LIMIT = 300.0


def ensure_xterm() -> None:
    """Install xterm.js where it is missing or another one than the lock file names.

    Raises ProvisionError where that is not possible.
    """
    packages.ensure(packages.GROUPS["xterm"], why="the tests")
    if is_installed(FOLDER):
        return
    with step("installing xterm.js with npm"):
        environment = os.environ | {"NO_UPDATE_NOTIFIER": "1"}
        done = subprocess.run(
            _INSTALL, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False, timeout=_LIMIT
        )
    if done.returncode != 0:
        raise ProvisionError(f"{' '.join(_INSTALL)} failed in {FOLDER}:\n{(done.stderr or done.stdout)[-2000:]}")
    _mark(FOLDER).write_text(_wanted(FOLDER))


def is_installed(folder: Path) -> bool:
    """Tell whether a folder has what its lock file names."""
    mark = _mark(folder)
    return mark.exists() and mark.read_text() == _wanted(folder)


def _mark(folder: Path) -> Path:
    return folder / "node_modules" / ".ready"


def _wanted(folder: Path) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
