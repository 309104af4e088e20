"""Approvals, and the scopes of tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("tokens", sa.Column("scope", sa.Text))
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("asker", sa.Text, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("container_id", sa.Text, nullable=False),
        sa.Column("container", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("approver", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
    )
