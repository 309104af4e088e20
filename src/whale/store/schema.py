"""The tables as they are after the last migration. Portable types only: SQLite now, PostgreSQL later.

Times are Unix seconds. A change here comes with a new file in `migrations/versions`; a test holds the two equal.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("last_used", BigInteger),
    # Separated by commas, which no name of a group has.
    Column("groups", Text, nullable=False, server_default=""),
    # As `whale.model.scope` writes it; null takes nothing away.
    Column("scope", Text),
)

# One living token per name, also when two processes create one at the same moment.
Index(
    "tokens_one_active_name",
    tokens.c.name,
    unique=True,
    sqlite_where=tokens.c.revoked.is_(None),
    postgresql_where=tokens.c.revoked.is_(None),
)

# Rows are added, and old ones deleted; nothing ever changes one.
audit_events = Table(
    "audit_events",
    metadata,
    Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("container", Text, nullable=False),
    Column("container_id", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("body", Text, nullable=False),
)

for _name in ("principal", "container", "session"):
    Index(f"audit_events_{_name}", audit_events.c[_name], audit_events.c.seq)

# The ends of the trail, and how far each sink is.
audit_marks = Table(
    "audit_marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

# What somebody has allowed somebody else, until it ends. Nothing here could be used as a secret: it is masked.
approvals = Table(
    "approvals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("asker", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("container_id", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("approver", Text, nullable=False),
    # The rest of what is shown of it, as JSON.
    Column("shown", Text, nullable=False),
)
