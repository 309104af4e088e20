"""Install whale as its users do: a wheel, built from this checkout, in environments of its own.

The editable environment of the developers starts slower and has packages that users do not have; it must never be
what is measured.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.model import BenchError
from scripts.provision.paths import CACHE, ROOT
from scripts.provision.say import step

_LIMIT = 600.0

SYSTEM_PYTHON = Path("/usr/bin/python3")


class Installed(NamedTuple):
    """Where the programs are."""

    whale: str
    whale_server: str
    python: str
    """The client's interpreter, in its environment."""


@contextlib.contextmanager
def installed(python: str = "") -> Iterator[Installed]:
    """Build the wheel and install the client alone and the server, each with byte code; removed at the end.

    `python` is the interpreter; empty for the one that `interpreter` finds. Raises `BenchError`.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=CACHE) as name:
        with step("building the wheel and installing it twice: the client alone, and the server"):
            made = install(Path(name), python or interpreter())
        yield made


def install(place: Path, python: str) -> Installed:
    """Build the wheel and install it in two environments in `place`. Raises `BenchError`."""
    uv = find_uv()
    _run(uv, "build", "--quiet", "--wheel", "--out-dir", str(place / "dist"), str(ROOT))
    wheel = next((place / "dist").glob("*.whl"))
    client = _environment(uv, python, place / "client", str(wheel))
    server = _environment(uv, python, place / "server", f"{wheel}[server]")
    return Installed(str(client / "whale"), str(server / "whale-server"), str(client / "python"))


def clean_environment() -> dict[str, str]:
    """This environment without whale's settings, and without what would keep Python from using byte code."""
    foreign = ("WHALE_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def interpreter() -> str:
    """The distribution's Python where it is new enough for whale, else the one that runs this.

    One that was compiled by hand, without the optimisations that distributions and uv build with, takes nearly twice
    as long for everything, and few users have such a one.
    """
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    if (
        SYSTEM_PYTHON.exists()
        and subprocess.run([SYSTEM_PYTHON, "-c", check], check=False, timeout=_LIMIT).returncode == 0
    ):
        return str(SYSTEM_PYTHON)
    return sys.executable


def _environment(uv: str, python: str, place: Path, package: str) -> Path:
    _run(uv, "venv", "--quiet", "--python", python, str(place))
    constraint = str(ROOT / "requirements.lock")
    inside = str(place / "bin" / "python")
    _run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", inside, "-c", constraint, package)
    return place / "bin"


def find_uv() -> str:
    """The uv of this checkout, of the PATH, or one fetched for the run."""
    own = ROOT / ".tools" / "uv" / "bin" / "uv"
    if own.exists():
        return str(own)
    if found := shutil.which("uv"):
        return found
    place = CACHE / "uv"
    if not place.exists():
        _run(sys.executable, "-m", "venv", str(place))
        _run(str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv>=0.8")
    return str(place / "bin" / "uv")


def _run(*command: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False, timeout=_LIMIT
    )
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed: {done.stderr.strip()[-1000:]}")
