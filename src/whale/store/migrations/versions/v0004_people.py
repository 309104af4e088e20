"""People, and their logins."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("issuer", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("disabled", sa.BigInteger),
        sa.Column("last_login", sa.BigInteger),
    )
    op.create_index("users_subject", "users", ["issuer", "subject"], unique=True)
    op.create_table(
        "enrolments",
        sa.Column("user_id", sa.String(12), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("id", sa.String(12), nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("user_id", sa.String(12), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("revoked", sa.BigInteger),
        sa.Column("turn", sa.Integer, nullable=False),
    )
    op.create_index("logins_user", "logins", ["user_id"])
    op.create_table(
        "login_tokens",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("login_id", sa.String(12), sa.ForeignKey("logins.id", ondelete="CASCADE"), nullable=False),
        sa.Column("purpose", sa.String(8), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger),
    )
    op.create_index("login_tokens_login", "login_tokens", ["login_id", "turn"])
