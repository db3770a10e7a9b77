"""0004: what alerts remember besides their state, how those of one thing are found, and letters that go together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("past", sa.String(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("bundle", sa.String(), server_default="", nullable=False))
    op.create_index("ix_alert_target_id_rule", "alert", ["target_id", "rule"])
    op.create_table(
        "memory",
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("labels", sa.String(), nullable=False),
        sa.Column("past", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("rule", "target_id", "labels"),
    )
