"""0007: what the rule of an alert meant when it was judged last; of those that are there, nobody knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("meaning", sa.String(), server_default="", nullable=False))
