"""0003: when something last said that a source is odd."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("last_ms", sa.BigInteger(), server_default="0", nullable=False))
