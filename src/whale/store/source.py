"""What a database system gives to `Database`: connections, how they begin, and its failures in whale's words."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

FIRST: Final = "whale_first"
"""Execution option: the statement with which a transaction begins."""

Options = Mapping[str, object]


class Source(NamedTuple):
    """One database, seen by SQLAlchemy. The options are those of executions."""

    engine: AsyncEngine
    reading: Options
    """Each query sees its own state of the database."""
    writing: Options
    """In a transaction that has the only write lock from its beginning."""
    looking: Options
    """All queries see one state of the database."""
    translate: Callable[[BaseException], Exception | None]
    """Turns what was raised into a `WhaleError`; None for what is not the database's."""
    is_patient: bool
    """Whether a single statement may take as long as that of a migration."""
    hold: Callable[[], AbstractAsyncContextManager[None]]
    """Holds the database for one server, where the state directory's lock does not."""
    at_once: Engine | None = None
    """For short transactions as one step, in a thread, where each of their statements would be several."""
