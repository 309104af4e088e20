"""Whether all of a recording is in the object store, too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("recordings", sa.Column("uploaded", sa.Integer, nullable=False, server_default="0"))
    op.create_index("recordings_uploaded", "recordings", ["uploaded", "started"])
