"""Chooses what keeps descriptors for the next server, and says why nothing can where nothing can."""

import os
import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from whale.keeper import notify
from whale.keeper.client import ProcessKeeper
from whale.keeper.notify import Notify
from whale.keeper.seam import Keeper, NoKeeper
from whale.keeper.systemd import SystemdKeeper
from whale.model.errors import KeeperError
from whale.model.limits import KEEPER_TTL

_STORE: Final = "set FileDescriptorStoreMax= in its unit"


def open_keeper(state_dir: Path, *, environ: MutableMapping[str, str], ttl: float = KEEPER_TTL) -> Keeper:
    """Open the keeper of a server that has the lock on its state directory; never fails.

    Under systemd that is the unit's own store, else a process. `environ` is what this process was started with:
    what systemd says in it of descriptors is taken out. Blocks for some 30 ms, and for some seconds if the other side
    is stuck.
    """
    if environ.get(notify.VARIABLE):
        return _systemd_keeper(environ)
    # Set by systemd for the process that it starts itself, and inherited by all others.
    if environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()):
        return NoKeeper(f"systemd ends all processes of this service together; {_STORE}")
    if os.getpid() == 1:
        return NoKeeper("whale-server is the first process of its container, and no other one outlives that")
    if not hasattr(socket, "SO_PEERCRED") or not hasattr(socket, "SOCK_SEQPACKET"):
        return NoKeeper("this platform's sockets can't hand descriptors to a process of the same user alone")
    try:
        return ProcessKeeper(state_dir, ttl=ttl, environ=environ)
    except KeeperError as error:
        return NoKeeper(_words(error))


def _systemd_keeper(environ: MutableMapping[str, str]) -> Keeper:
    manager = Notify.from_environ(environ)
    if manager is None:
        return NoKeeper(f"{notify.VARIABLE} names no unix socket")
    try:
        keeper = SystemdKeeper(manager, environ)
    except KeeperError as error:
        manager.close()
        return NoKeeper(_words(error))
    try:
        if keeper.works():
            return keeper
        reason = f"the service manager keeps no descriptors for this service; {_STORE}"
    except OSError as error:
        reason = f"the service manager does not answer: {error}"
    keeper.close()
    return NoKeeper(reason)


def _words(error: KeeperError) -> str:
    return "; ".join(part for part in (error.message, error.hint, error.detail) if part)
