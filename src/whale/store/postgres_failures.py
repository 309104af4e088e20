"""What goes wrong in PostgreSQL, in whale's words. Never repeats what was written, nor where the database is."""

import ssl
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from whale.model.errors import WhaleError
from whale.store.failures import unusable

_BUSY: Final = ("55P03", "40P01", "40001", "57014")
"""A lock, a deadlock, a serialisation or a statement took too long."""

_NOT_WRITABLE: Final = ("53100", "25006", "58030")
"""A full disk, a read-only server, a failure to read or write."""

_REFUSED: Final = ("28", "3D000", "42501", "3F000")
_GONE: Final = ("08", "57P", "53300")
_DAMAGED: Final = ("XX001", "XX002")

_TELLING: Final = ("22", "23")
"""Of these PostgreSQL's own words repeat what was to be written."""


def not_connected(error: BaseException) -> WhaleError:
    """The database can't be reached, or does not let this server in."""
    state = str(getattr(error, "sqlstate", "") or "")
    detail = f"{type(error).__name__}: {error}"
    if state.startswith(_REFUSED):
        return unusable(
            "the server's database does not let it in",
            "check the user, database and password that store.url and store.password_file name",
            detail,
        )
    if isinstance(error, ssl.SSLError) or "SSL" in str(error):
        return unusable(
            "the server's database can't be spoken to over TLS",
            "check sslmode and sslrootcert in store.url, and the database's certificate",
            detail,
        )
    return unusable(
        "the server's database can't be reached", "see whether PostgreSQL runs where store.url says", detail
    )


def translate(error: BaseException) -> WhaleError | None:
    """Turn what was raised while a connection was lent into whale's; None for what is not the database's."""
    if isinstance(error, OSError | TimeoutError):
        return not_connected(error)
    if not isinstance(error, SQLAlchemyError):
        return None
    cause = error.orig if isinstance(error, DBAPIError) else None
    state = str(getattr(cause, "sqlstate", "") or "")
    # What has no state comes from the driver, which repeats values too.
    says_all = bool(state) and not state.startswith(_TELLING)
    detail = f"{state} {cause}" if says_all else f"{type(error).__name__} {state}".strip()
    if state in _NOT_WRITABLE:
        return WhaleError(
            "the server's database can't be written",
            code="server.disk_full",
            hint="check the free space of the PostgreSQL server, and that it is not a read-only one",
            detail=detail,
        )
    if state in _BUSY:
        return unusable("the server's database is busy with something else", "try again", detail)
    if state in _DAMAGED:
        return unusable("the server's database is damaged", "restore it with `whale-server restore`", detail)
    if state.startswith(_REFUSED):
        return unusable("the server's database refuses something to it", "give its user that right", detail)
    if state.startswith(_GONE) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return unusable("the server's database can't be reached", "see whether PostgreSQL runs", detail)
    return unusable("the server's database can't be used at the moment", "the server's log says why", detail)
