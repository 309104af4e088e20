"""Distribution packages: the one list, and how missing ones are installed. Never removes or upgrades anything."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.provision.say import ProvisionError, step

GROUPS: dict[str, tuple[str, ...]] = {
    "engine": ("docker.io", "iptables"),
    "images": ("mmdebstrap",),
    "tests": (
        "podman",
        "runc",
        "containernetworking-plugins",
        "procps",
        "openssl",
        "openssh-client",
        "postgresql",
        "zsh",
        "fish",
    ),
    "node": ("nodejs", "npm"),
    "browser": ("chromium",),
    "bench": ("docker.io", "openssh-server", "openssh-client"),
}
PROGRAMS = {
    "chromium": "chromium",
    "docker.io": "dockerd",
    "fish": "fish",
    "mmdebstrap": "mmdebstrap",
    "nodejs": "node",
    "npm": "npm",
    "openssh-client": "ssh",
    "openssh-server": "sshd",
    "openssl": "openssl",
    "podman": "podman",
    "procps": "ps",
    "runc": "runc",
    "zsh": "zsh",
}
"""The program one wants a package for: where it is there, from wherever, the package is not needed."""

_INSTALL_LIMIT = 900.0


def os_release(text: str) -> dict[str, str]:
    """Read the fields of an os-release file."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip().strip("\"'") for key, value in pairs}


def this_os() -> dict[str, str]:
    """os-release of this machine; empty where there is none."""
    path = Path("/etc/os-release")
    return os_release(path.read_text()) if path.exists() else {}


def is_debian(fields: dict[str, str]) -> bool:
    """Tell whether the machine is Debian, Ubuntu or one that says it is like them."""
    return bool({"debian", "ubuntu"} & {fields.get("ID", ""), *fields.get("ID_LIKE", "").split()})


def can_install() -> bool:
    """Tell whether packages can be installed here without asking anyone for rights."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and is_debian(this_os())


def parse_installed(listing: str) -> set[str]:
    """Names of installed packages in the output of dpkg-query with the format of `missing`."""
    rows = (line.split() for line in listing.splitlines())
    return {row[0] for row in rows if len(row) == 2 and row[1] == "installed"}


def missing(packages: Sequence[str]) -> list[str]:
    """Those of `packages` that are neither installed nor needed, because their program is there without them."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    packages = [name for name in packages if name not in PROGRAMS or not shutil.which(PROGRAMS[name], path=path)]
    if not packages or not shutil.which("dpkg-query"):
        return packages
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *packages]
    listing = subprocess.run(query, capture_output=True, text=True, check=False, timeout=60).stdout
    installed = parse_installed(listing)
    return [name for name in packages if name not in installed]


def ensure(packages: Sequence[str], *, why: str) -> bool:
    """Install what is missing of `packages`; tells whether anything had to be installed.

    Raises ProvisionError where that is not possible, naming the packages.
    """
    wanted = missing(packages)
    if not wanted:
        return False
    if not can_install():
        names = " ".join(wanted)
        raise ProvisionError(
            f"{why} needs the packages {names}; installing them takes root on Debian or Ubuntu."
            f" There: sudo apt-get install --no-install-recommends {names}"
        )
    with step(f"installing {' '.join(wanted)} with apt-get ({why})"):
        _apt("update", required=False)
        _apt("install", "-y", "--no-remove", "--no-install-recommends", *wanted, required=True)
    return True


def download(package: str, directory: Path) -> None:
    """Fetch a package and unpack it into a directory, without installing it or needing rights to.

    Raises ProvisionError where that is not possible.
    """
    with step(f"downloading {package} with apt-get"):
        if can_install():
            _apt("update", required=False)
        for command in (["apt-get", "-qq", "download", package], ["sh", "-c", "dpkg-deb -x *.deb ."]):
            done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode != 0:
                raise ProvisionError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")


def _apt(*arguments: str, required: bool) -> None:
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3", *arguments]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_INSTALL_LIMIT,
    )
    if required and done.returncode != 0:
        raise ProvisionError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")
