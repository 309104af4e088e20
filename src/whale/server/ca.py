"""What an operator does with the server's authority: make it, have it sign, and see what clients pin."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from whale.audit.event import Kind
from whale.model.errors import UsageError
from whale.server.audit import note_operator
from whale.server.authority import Authority, create_authority, fingerprint, issue, load_authority
from whale.server.config_model import Config
from whale.server.private_files import write_private
from whale.store.files import prepare_directory


class IssuedFiles(NamedTuple):
    """Where a new certificate is."""

    certificate: Path
    key: Path
    expires: float
    """In Unix seconds."""


async def create(config: Config, *, only: Sequence[str] = ()) -> Authority:
    """Make the authority. Raises `UsageError` when there is one."""
    state_dir = Path(config.state_dir)
    await asyncio.to_thread(prepare_directory, state_dir)
    await note_operator(config.store_place, Kind.AUTHORITY_CREATED, name=" ".join(only))
    return create_authority(state_dir, only=only)


def show(state_dir: Path) -> Authority:
    """Load the authority. Raises `UsageError` when there is none."""
    found = load_authority(state_dir)
    if found is None:
        raise UsageError("there is no authority yet", hint="make one: whale-server ca create")
    return found


async def issue_files(config: Config, hosts: Sequence[str], *, days: int, out: Path) -> IssuedFiles:
    """Have the authority sign for hosts, and write certificate and key into a directory."""
    issued = issue(show(Path(config.state_dir)), [host.lower() for host in hosts], lifetime=timedelta(days=days))
    files = _free_files(out, hosts[0].lower().replace("*", "_").replace(":", "_"))
    mark = fingerprint(issued.certificate)
    await note_operator(config.store_place, Kind.CERTIFICATE_ISSUED, name=hosts[0].lower(), fingerprint=mark)
    write_private(files[1], issued.key)
    write_private(files[0], issued.chain)
    return IssuedFiles(*files, issued.certificate.not_valid_after_utc.timestamp())


def _free_files(out: Path, stem: str) -> tuple[Path, Path]:
    if not out.is_dir():
        raise UsageError("there is no such directory", hint="make it first, or choose another --out")
    files = out / f"{stem}.pem", out / f"{stem}.key"
    if taken := [file for file in files if file.exists()]:
        raise UsageError(f"{taken[0].name} is there already", hint="move it away, or choose another --out")
    return files
