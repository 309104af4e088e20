"""What was measured, and on what: the facts without which figures mean nothing."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bench.install import Installed
from bench.model import BenchError
from scripts.provision.api import EngineApi
from scripts.provision.packages import this_os
from scripts.provision.paths import ROOT

_LIMIT = 30.0
_DESCRIBE = "import platform, sys; print(platform.python_version(), sys.base_prefix, platform.python_compiler())"


def facts(engine: EngineApi, installed: Installed, *, with_ssh: bool) -> dict[str, str]:
    """The machine and the versions of all that took part, by name."""
    version = engine.call("GET", "/version")
    found = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "whale": _said(installed.whale, "--version"),
        "machine": f"{processor(Path('/proc/cpuinfo').read_text())}, {os.cpu_count()} cores, {_memory()} GiB",
        "system": this_os().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
        "engine": f"{version.get('Version', '?')}, API {version.get('ApiVersion', '?')}",
        "docker command": _said("docker", "--version"),
        "python": _said(installed.python, "-c", _DESCRIBE),
    }
    return found | {"ssh": _said("ssh", "-V")} if with_ssh else found


def processor(cpuinfo: str) -> str:
    """The processor's name in the text of /proc/cpuinfo."""
    match = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return match.group(1).strip() if match else platform.machine()


def commit() -> str:
    """The commit that was measured, and whether the tree was just that. Empty outside a repository."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "bench", "pyproject.toml")
    except BenchError:
        return ""
    return f"{head} with changes" if changed else head


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip())
    return done.stdout.strip()


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT)
    except OSError:
        return "not there"
    return (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
