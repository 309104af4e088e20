"""What goes wrong in SQLite, in whale's words. Never repeats what was written: a digest has no place in a log."""

import sqlite3
from typing import Final

from whale.model.errors import WhaleError

_NOT_WRITABLE: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)


def not_writable(detail: str) -> WhaleError:
    """The state directory can't be written: full, read-only, someone else's."""
    return WhaleError(
        "the server can't write to its state directory",
        code="server.disk_full",
        hint="check its owner and the free space on its file system, or give another --state-dir",
        detail=detail,
    )


def translate(cause: BaseException | None, *, kind: str) -> WhaleError:
    """Turn an error of the driver into whale's; `kind` names it where there is nothing better to say."""
    code = getattr(cause, "sqlite_errorcode", None)
    # The low byte is the kind of failure; the rest says where in SQLite it happened.
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in _NOT_WRITABLE:
        return not_writable(str(cause))
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return unusable("the server's database is in use by another program", "try again", str(cause))
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        hint = "move whale.db in the state directory away, and restore a backup"
        return unusable("the server's database is damaged", hint, str(cause))
    detail = kind if cause is None else f"{kind}: {cause}"
    return unusable("the server's database can't be used at the moment", "the server's log says why", detail)


def unusable(message: str, hint: str, detail: str) -> WhaleError:
    """The database does not do what it is asked to, for a reason that is no full disk."""
    return WhaleError(message, code="server.database", hint=hint, detail=detail)
