"""0008: letters carry the facts, of which the words are made when they are sent."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WAITING = sa.text("SELECT id, news, severity, title, body, created_ms FROM outbox WHERE status = 'waiting'")
_WRITE = sa.text("UPDATE outbox SET story = :story WHERE id = :id")
_TURN = " (comes and goes)"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("story", sa.String(), nullable=False, server_default=""))
    connection = op.get_bind()
    for row in connection.execute(_WAITING).all():
        connection.execute(_WRITE, {"id": row.id, "story": _story(row)})
    op.drop_column("outbox", "body")


def _story(row: sa.Row[Any]) -> str:
    """A letter that waits is told in the words that it has."""
    _, _, headline = row.title.partition(": ")
    return json.dumps(
        {
            "news": row.news,
            "severity": row.severity,
            "at": row.created_ms / 1000,
            "rule": "",
            "who": {"name": "", "key": ""},
            "headline": [(headline or row.title).removesuffix(_TURN)],
            "notes": row.body.splitlines(),
        },
        ensure_ascii=False,
    )
