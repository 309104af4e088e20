"""The groups of tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("tokens", sa.Column("groups", sa.Text, nullable=False, server_default=""))
