"""0006: what videos had at the ages at which they are compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cohort",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("age_s", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("born_ms", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["target.id"]),
        sa.ForeignKeyConstraint(["video_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("account_id", "metric", "age_s", "video_id"),
        sqlite_with_rowid=False,
    )
