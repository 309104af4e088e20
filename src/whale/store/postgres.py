"""PostgreSQL. What SQLite does with a file's lock an advisory lock does here, so that all tables live by one promise:
who writes is alone from the beginning to the end of the transaction.

Every wait has an end: for a connection, for a lock, for a statement, and for a peer that is gone without a word.
"""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from whale.model.errors import ConfigError
from whale.store.place import PostgresAddress
from whale.store.postgres_failures import not_connected, translate
from whale.store.postgres_hold import hold
from whale.store.source import FIRST, Source

CONNECT_TIMEOUT: Final = 5.0
LOCK_TIMEOUT: Final = 5.0
"""Seconds a writer waits for another one, as with SQLite."""

STATEMENT_TIMEOUT: Final = 20.0
PATIENT_TIMEOUT: Final = 3600.0
"""Seconds for one statement: of a server, and of a migration or a restore, which rewrite whole tables."""

MARGIN: Final = 5.0
"""Seconds after which a server that should have given up a statement counts as gone."""

IDLE_TIMEOUT: Final = 60.0
"""Seconds a transaction may do nothing, so that a process that hangs does not keep the lock."""

POOL_SIZE: Final = 8
POOL_TIMEOUT: Final = 10.0

WRITE_LOCK: Final = 0x7768616C65_01
"""`whale`, and a number. Advisory locks are a database's own; nothing else of this one is expected to take it."""

_KEEPALIVE: Final = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
"""Seconds and tries after which the server lets go of a client whose machine is gone, and of its lock."""


def postgres_source(address: PostgresAddress, *, is_patient: bool) -> Source:
    """The database at an address. Connects to nothing yet. Raises `ConfigError` for certificates that are none."""
    connect = connector(address, timeout=PATIENT_TIMEOUT if is_patient else STATEMENT_TIMEOUT)
    return Source(
        _engine(connect),
        reading={"isolation_level": "AUTOCOMMIT"},
        writing={
            "isolation_level": "READ COMMITTED",  # what waits for the lock sees what was written meanwhile
            FIRST: f"SELECT pg_advisory_xact_lock({WRITE_LOCK})",
        },
        looking={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        translate=translate,
        is_patient=is_patient,
        hold=lambda: hold(connect),
    )


def connector(address: PostgresAddress, *, timeout: float) -> Callable[..., Awaitable[Any]]:
    """What makes connections on which a statement takes up to that many seconds."""
    tls = _tls(address)
    settings = {
        "application_name": "whale-server",
        "lock_timeout": _milliseconds(LOCK_TIMEOUT),
        "statement_timeout": _milliseconds(timeout),
        "idle_in_transaction_session_timeout": _milliseconds(max(IDLE_TIMEOUT, timeout)),
        **_KEEPALIVE,
    }
    password = Path(address.password_file) if address.password_file else None

    async def connect(*_: object, **__: object) -> Any:
        try:
            return await asyncpg.connect(
                host=address.host,
                port=address.port,
                user=address.user or None,
                database=address.database,
                password=(lambda: password.read_text().rstrip("\r\n")) if password is not None else None,
                ssl=tls,
                timeout=CONNECT_TIMEOUT,
                command_timeout=timeout + MARGIN,
                server_settings=settings,
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise not_connected(error) from error

    return connect


def _engine(connect: Callable[..., Awaitable[Any]]) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def lent(connection: Any, _: ConnectionPoolEntry, __: object) -> None:
        # After a restart of the database all are closed, and the pool would hand out each of them once.
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError("the connection is closed")

    return engine


def _tls(address: PostgresAddress) -> ssl.SSLContext | bool:
    if address.tls == "disable":
        return False
    try:
        context = ssl.create_default_context(cafile=address.ca_file or None)
        context.check_hostname = address.tls == "verify-full"
        if address.tls == "require":
            context.verify_mode = ssl.CERT_NONE
        if address.cert_file:
            context.load_cert_chain(address.cert_file, address.key_file, password="")
    except OSError as error:
        raise ConfigError(
            "store.url: its certificates can't be used", path="store.url", hint="they must be PEM", detail=str(error)
        ) from error
    return context


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
