"""0002: own intervals, the ledger, and what answers tell besides numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedule", sa.Column("cadence", sa.String(), server_default="", nullable=False))
    op.add_column("schedule", sa.Column("call_id", sa.Integer()))
    _create_ledger()
    _create_knowledge()
    _create_quarantine()
    _create_incident()


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("cost_microusd", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ledger_provider_at_ms", "ledger", ["provider", "at_ms"])


def _create_knowledge() -> None:
    op.create_table(
        "identity",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("sec_uid", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("target_id"),
    )
    op.create_table(
        "discovery",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("created_ms", sa.BigInteger()),
        sa.Column("found_ms", sa.BigInteger(), nullable=False),
        sa.Column("listed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("target_id"),
    )
    op.create_table(
        "sight",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proofs", sa.Integer(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("target_id"),
    )


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("typical", sa.Float()),
        sa.PrimaryKeyConstraint("endpoint", "metric"),
    )


def _create_incident() -> None:
    op.create_table(
        "incident",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "metric"),
    )
