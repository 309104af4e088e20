"""The tables as they are after the last migration. Portable types only: SQLite now, PostgreSQL later.

Times are Unix seconds. A change here comes with a new file in `migrations/versions`; a test holds the two equal.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text

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
)

# One living token per name, also when two processes create one at the same moment.
Index(
    "tokens_one_active_name",
    tokens.c.name,
    unique=True,
    sqlite_where=tokens.c.revoked.is_(None),
    postgresql_where=tokens.c.revoked.is_(None),
)
