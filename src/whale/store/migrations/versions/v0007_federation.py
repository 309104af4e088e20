"""Tokens that jobs got by a federation rule."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("tokens", sa.Column("rule", sa.String(64)))
    op.add_column("tokens", sa.Column("proof", sa.String(64)))
    op.drop_index("tokens_one_active_name", "tokens")
    op.create_index(
        "tokens_one_active_name",
        "tokens",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked IS NULL AND rule IS NULL"),
        postgresql_where=sa.text("revoked IS NULL AND rule IS NULL"),
    )
    op.create_index("tokens_proof", "tokens", ["proof"], unique=True)
