"""Recordings: what is known of them beside their files."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("container_id", sa.Text, nullable=False),
        sa.Column("container", sa.Text, nullable=False),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("policies", sa.Text, nullable=False),
        sa.Column("tty", sa.Integer, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("encrypted", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("exit_status", sa.Integer),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("raw_bytes", sa.BigInteger, nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
        sa.Column("chunks", sa.Integer, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
    )
    for name in ("principal", "container", "status"):
        op.create_index(f"recordings_{name}", "recordings", [name, "started"])
    op.create_index("recordings_started", "recordings", ["started", "id"])
