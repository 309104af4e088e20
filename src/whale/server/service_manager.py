"""Tells a service manager how the server is: ready when it listens, and stopping when it was told to stop."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from whale.keeper.notify import Notify


@contextmanager
def told_manager(environ: Mapping[str, str]) -> Iterator[None]:
    """Say that the server is ready, and at the end of the block that it stops. Without a manager nothing is said."""
    manager = Notify.from_environ(environ)
    if manager is None:
        yield
        return
    with closing(manager):
        manager.ready()
        try:
            yield
        finally:
            manager.stopping()
