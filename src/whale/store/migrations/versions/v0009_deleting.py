"""Whether a recording is being deleted: nobody finds it or holds it then."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("recordings", sa.Column("deleting", sa.Integer, nullable=False, server_default="0"))
    op.create_index("recordings_deleting", "recordings", ["deleting", "started"])
