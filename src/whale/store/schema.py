"""The tables as they are after the last migration. Portable types only: SQLite now, PostgreSQL later.

Times are Unix seconds. A change here comes with a new file in `migrations/versions`; a test holds the two equal.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text, and_

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
    # Of a token that a job got by a federation rule: the rule, and the job's own token, which is good once.
    Column("rule", String(64)),
    Column("proof", String(64)),
)

# One living token per name, also when two processes create one at the same moment. Jobs of one rule have one name.
_ONE_NAME = and_(tokens.c.revoked.is_(None), tokens.c.rule.is_(None))
Index(
    "tokens_one_active_name",
    tokens.c.name,
    unique=True,
    sqlite_where=_ONE_NAME,
    postgresql_where=_ONE_NAME,
)

Index("tokens_proof", tokens.c.proof, unique=True)

# Who logs in. `groups` is a list in JSON. `issuer` and `subject` are of those whom an identity provider vouches for.
users = Table(
    "users",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("issuer", Text),
    Column("subject", Text),
    Column("groups", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("disabled", BigInteger),
    Column("last_login", BigInteger),
)

Index("users_subject", users.c.issuer, users.c.subject, unique=True)

# The one enrolment link of a user that works; a new one takes its place, and using it removes it.
enrolments = Table(
    "enrolments",
    metadata,
    Column("user_id", String(12), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(12), nullable=False, unique=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("expires", BigInteger, nullable=False),
)

# One for each time that somebody logs in: the family of all tokens that come from it.
logins = Table(
    "logins",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("user_id", String(12), ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Column("turn", Integer, nullable=False),
)

Index("logins_user", logins.c.user_id)

# Each refresh is a turn: one access token and one refresh token. Used refresh tokens stay as long as their login, so
# that one which is used again is known for what it is.
login_tokens = Table(
    "login_tokens",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("login_id", String(12), ForeignKey("logins.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", String(8), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("used", BigInteger),
)

Index("login_tokens_login", login_tokens.c.login_id, login_tokens.c.turn)

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

# What is known of recordings beside their files, as `whale.model.recordings` has it. Lists and labels are JSON, what is
# true or false is a number, which backups know, and `line` is the command as it is searched.
recordings = Table(
    "recordings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("container_id", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("policies", Text, nullable=False),
    Column("tty", Integer, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("encrypted", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("held", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("ended", BigInteger),
    Column("exit_status", Integer),
    Column("duration", BigInteger, nullable=False),
    Column("raw_bytes", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("head", String(64), nullable=False),
    Column("uploaded", Integer, nullable=False, server_default="0"),
    Column("deleting", Integer, nullable=False, server_default="0"),
)

for _name in ("principal", "container", "status", "uploaded", "deleting"):
    Index(f"recordings_{_name}", recordings.c[_name], recordings.c.started)

Index("recordings_started", recordings.c.started, recordings.c.id)
