"""Root file systems for the sample images, made from this machine's distribution: no image registry is asked.

Each recipe writes one tar file; its name holds the recipe's digest, so that a changed recipe makes a new one.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.provision import packages
from scripts.provision.paths import IMAGES
from scripts.provision.say import ProvisionError, step

DEV_PACKAGES = (
    "bash",
    "git",
    "htop",
    "less",
    "openssh-client",
    "postgresql",
    "procps",
    "rsync",
    "vim-tiny",
)
_DEV_OPTIONS = (
    "--variant=minbase",
    "--aptopt=Acquire::Languages none",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)
_DEV_LIMIT = 1200.0
_ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/profile": "export PS1='\\w \\$ '\n",
}


class Recipe(NamedTuple):
    """How to make one image."""

    name: str
    digest: str
    build: Callable[[Path], None]
    """Writes the root file system, as a tar file, to the path given."""
    changes: tuple[str, ...]
    """Dockerfile lines for the image's configuration."""


def cached_tar(recipe: Recipe) -> Path:
    """Return the recipe's tar file, making it where it is not cached."""
    short = recipe.name.rpartition("/")[2]
    path = IMAGES / f"{short}-{recipe.digest}.tar"
    if path.exists():
        return path
    IMAGES.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        recipe.build(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def recipes() -> list[Recipe]:
    """The three images; finds or installs the static busybox that two of them consist of."""
    busybox = static_busybox()
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=30)
    tiny = busybox_tar(busybox.read_bytes(), applets.stdout.split())
    bare = tar_of({"bin/sleep": busybox.read_bytes()}, {}, ())
    release = packages.this_os().get("VERSION_CODENAME", "")
    dev_digest = digest(repr((DEV_PACKAGES, _DEV_OPTIONS, release)).encode())
    stay = 'CMD ["/bin/sleep", "2147483647"]'
    return [
        Recipe("whale/busybox", digest(tiny), lambda path: _write(path, tiny), (stay, "ENV HOME=/root")),
        Recipe("whale/noshell", digest(bare), lambda path: _write(path, bare), (stay,)),
        Recipe("whale/dev", dev_digest, lambda path: _bootstrap(release, path), (stay, "ENV LANG=C.UTF-8")),
    ]


def digest(data: bytes) -> str:
    """Short name of a content."""
    return hashlib.sha256(data).hexdigest()[:16]


def busybox_tar(binary: bytes, applets: Sequence[str]) -> bytes:
    """A root file system with busybox and a link for each of its applets."""
    links = {f"bin/{name}": "busybox" for name in applets if name != "busybox"}
    files = {"bin/busybox": binary} | {name: text.encode() for name, text in _ETC.items()}
    return tar_of(files, links, ("etc", "home", "root", "tmp", "var", "usr"))


def tar_of(files: Mapping[str, bytes], links: Mapping[str, str], directories: Sequence[str]) -> bytes:
    """A tar file whose bytes depend on nothing but the arguments. What lies in bin/ is executable."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted({"bin", *directories}):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(data))
        for name, target in sorted(links.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(entry)
    return out.getvalue()


def is_static(binary: bytes) -> bool:
    """Tell whether a program is a Linux one that needs no loader and no libraries."""
    return binary[:4] == b"\x7fELF" and b"/ld-linux" not in binary[:4096] and b"/ld-musl" not in binary[:4096]


def static_busybox() -> Path:
    """Find a static busybox on this machine, or get Debian's or Ubuntu's; ProvisionError where neither is possible."""
    kept = IMAGES / "busybox"
    found = shutil.which("busybox")
    for path in (kept, Path(found) if found else kept):
        if path.exists() and is_static(path.read_bytes()):
            return path
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return _download_busybox(kept)
    raise ProvisionError("the sample images are made of Debian's or Ubuntu's packages, and this machine is neither")


def _download_busybox(kept: Path) -> Path:
    """Debian's busybox-static can't be installed beside its busybox, so it is only unpacked."""
    with tempfile.TemporaryDirectory() as directory:
        packages.download("busybox-static", Path(directory))
        binary = next(path for path in Path(directory).glob("**/bin/busybox"))
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(binary, kept)
    return kept


def _bootstrap(release: str, path: Path) -> None:
    packages.ensure(["mmdebstrap"], why="the sample image with PostgreSQL")
    command = ["mmdebstrap", *_DEV_OPTIONS, f"--include={','.join(DEV_PACKAGES)}", "--format=tar", release, str(path)]
    with step("making the root file system of whale/dev (about a minute, once)"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DEV_LIMIT)
    if done.returncode != 0:
        raise ProvisionError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
