"""0008: letters carry the facts, of which the words are made when they are sent; what people say of alerts."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WAITING = sa.text("SELECT id, level, news, severity, title, body, created_ms FROM outbox WHERE status = 'waiting'")
_WRITE = sa.text("UPDATE outbox SET story = :story WHERE id = :id")
_TURN = " (comes and goes)"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("story", sa.String(), nullable=False, server_default=""))
    connection = op.get_bind()
    for row in connection.execute(_WAITING).all():
        connection.execute(_WRITE, {"id": row.id, "story": _story(row)})
    op.drop_column("outbox", "body")
    op.add_column("outbox", sa.Column("meant_ms", sa.BigInteger(), nullable=False, server_default="0"))
    connection.execute(sa.text("UPDATE outbox SET meant_ms = created_ms"))
    op.add_column("receipt", sa.Column("status", sa.Integer()))
    op.create_index("ix_receipt_channel", "receipt", ["channel"])
    _create_what_is_said()


def _create_what_is_said() -> None:
    op.create_table(
        "silence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("begins_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.Column("awaits", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("matched_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("link", sa.String()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("link", name="uq_silence_link"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ack",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    in_force = sa.text("ended_ms IS NULL")
    op.create_index("uq_ack_in_force", "ack", ["alert_id"], unique=True, sqlite_where=in_force)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


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
            "told": 0 if row.level else 1,
            "stand": row.level,
            "notes": row.body.splitlines(),
        },
        ensure_ascii=False,
    )
