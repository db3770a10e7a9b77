"""What people look at: lists of what happened, newest first, and how much of everything there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from rules.outcomes import Transition
from rules.story import Story, story_from_json
from rules.values import Change, News
from storage import codec
from storage.database import among
from storage.records import SENT, AlertRow, Counts, Delivered, Posted, Receipt, Status
from storage.tables import alerts, outbox, receipts, targets, transitions


def alert_rows(connection: Connection, limit: int, open_only: bool) -> list[AlertRow]:
    """Alerts, the newest first."""
    newest = _ALERTS.where(alerts.c.closed_ms.is_(None)) if open_only else _ALERTS
    return _rows(connection, newest.limit(limit))


def alerts_of(connection: Connection, target: str, until_ms: int, limit: int) -> list[AlertRow]:
    """Alerts on a target that began by a time, the newest first."""
    newest = _ALERTS.where(targets.c.key == target, alerts.c.opened_ms <= until_ms)
    return _rows(connection, newest.limit(limit))


_ALERTS = select(alerts, targets.c.key, targets.c.name).join_from(alerts, targets).order_by(alerts.c.id.desc())


def _rows(connection: Connection, newest: Select[Any]) -> list[AlertRow]:
    return [
        AlertRow(
            id=row.id,
            rule=row.rule,
            target=row.key,
            target_name=row.name,
            labels=codec.labels_from(codec.from_json(row.labels)),
            level=row.level,
            peak=row.peak,
            told=codec.from_json(row.told),
            opened=codec.from_ms(row.opened_ms),
            closed=codec.from_ms_or_none(row.closed_ms),
        )
        for row in connection.execute(newest)
    ]


def posted(connection: Connection, alert_id: int, until_ms: int) -> list[Posted]:
    """The letters about one alert until a time, in order, each with what came of its latest attempt by then."""
    attempt = receipts.alias()
    own = attempt.c.outbox_id == outbox.c.id, attempt.c.at_ms <= until_ms
    latest = select(func.max(attempt.c.id)).where(*own).correlate(outbox)
    letters = (
        select(outbox, receipts.c.at_ms, receipts.c.outcome)
        .outerjoin_from(outbox, receipts, receipts.c.id == latest.scalar_subquery())
        .where(outbox.c.alert_id == alert_id, outbox.c.created_ms <= until_ms)
        .order_by(outbox.c.id)
    )
    return [
        Posted(
            channel=row.channel,
            created=codec.from_ms(row.created_ms),
            news=News(row.news),
            title=row.title,
            tried=codec.from_ms_or_none(row.at_ms),
            outcome=row.outcome,
        )
        for row in connection.execute(letters)
    ]


def told_last(connection: Connection, alert_ids: Collection[int]) -> Mapping[int, Story]:
    """The newest letter that says that it is on, about the thing of each of these alerts, whatever became of it.

    Without those of which nothing but a title is known: what was sent before 0008.
    """
    own, names = alerts.alias(), ("rule", "target_id", "labels")
    newest = (
        select(own.c.id, func.max(outbox.c.id).label("letter"))
        .join_from(own, alerts, and_(*(own.c[name] == alerts.c[name] for name in names)))
        .join(outbox, outbox.c.alert_id == alerts.c.id)
        .where(own.c.id.in_(among(alert_ids)), outbox.c.level != 0, outbox.c.story != "")
        .group_by(own.c.id)
        .subquery()
    )
    rows = select(newest.c.id, outbox.c.story).join_from(newest, outbox, outbox.c.id == newest.c.letter)
    return {row.id: story_from_json(row.story) for row in connection.execute(rows)}


def steps(connection: Connection, alert_id: int) -> list[Transition]:
    """The life of one alert, in order."""
    ordered = select(transitions).where(transitions.c.alert_id == alert_id).order_by(transitions.c.id)
    return [
        Transition(
            change=Change(row.change),
            at=codec.from_ms(row.at_ms),
            from_level=row.from_level,
            to_level=row.to_level,
            reason=row.reason,
            evidence=codec.evidence_from_json(row.evidence),
        )
        for row in connection.execute(ordered)
    ]


def attempts(connection: Connection, limit: int) -> list[Receipt]:
    """Attempts to hand over a letter, the newest first."""
    newest = select(receipts, outbox.c.title).join_from(receipts, outbox).order_by(receipts.c.id.desc())
    return [
        Receipt(
            letter_id=row.outbox_id,
            title=row.title,
            channel=row.channel,
            at=codec.from_ms(row.at_ms),
            outcome=row.outcome,
            latency_ms=row.latency_ms,
        )
        for row in connection.execute(newest.limit(limit))
    ]


def delivered(connection: Connection, since_ms: int, channel: str, failed_only: bool, limit: int) -> list[Delivered]:
    """Letters that were tried since then, each with its newest attempt; the latest tried first."""
    newest = select(func.max(receipts.c.id)).where(receipts.c.at_ms >= since_ms).group_by(receipts.c.outbox_id)
    wanted = select(receipts, *_OF_LETTERS).join_from(receipts, outbox).where(receipts.c.id.in_(newest))
    if channel:
        wanted = wanted.where(receipts.c.channel == channel)
    if failed_only:
        wanted = wanted.where(receipts.c.outcome != SENT)
    return [
        Delivered(
            letter_id=row.outbox_id,
            alert_id=row.alert_id,
            channel=row.channel,
            title=row.title,
            meant=codec.from_ms(row.meant_ms),
            at=codec.from_ms(row.at_ms),
            attempts=row.attempts,
            standing=Status(row.standing),
            outcome=row.outcome,
            status=row.status,
            latency_ms=row.latency_ms,
        )
        for row in connection.execute(wanted.order_by(receipts.c.id.desc()).limit(limit))
    ]


_OF_LETTERS = (
    *(outbox.c[name] for name in ("alert_id", "title", "meant_ms", "attempts")),
    outbox.c.status.label("standing"),
)


def working(connection: Connection) -> dict[str, bool]:
    """Whether the newest attempt of each channel succeeded; those that never tried are not there."""
    newest = select(func.max(receipts.c.id)).group_by(receipts.c.channel)
    rows = connection.execute(select(receipts.c.channel, receipts.c.outcome).where(receipts.c.id.in_(newest)))
    return {row.channel: row.outcome == SENT for row in rows}


def given_up(connection: Connection, since_ms: int) -> int:
    """How many letters were given up since then: a dead letter keeps the time of its last attempt."""
    dead = select(func.count()).where(outbox.c.status == Status.DEAD.value, outbox.c.due_ms >= since_ms)
    return connection.execute(dead).scalar_one()


def counts(connection: Connection) -> Counts:
    """How much there is now; the size is that of the database without its write-ahead log."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    page_bytes = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    waiting = outbox.c.status == Status.WAITING.value
    oldest_ms = connection.scalar(select(func.min(outbox.c.meant_ms)).where(waiting))
    return Counts(
        outbox_waiting=_letters(connection, Status.WAITING),
        outbox_oldest=codec.from_ms_or_none(oldest_ms),
        outbox_dead=_letters(connection, Status.DEAD),
        alerts=_live_alerts(connection),
        database_bytes=pages * page_bytes,
    )


def _letters(connection: Connection, status: Status) -> int:
    counted = select(func.count()).select_from(outbox).where(outbox.c.status == status.value)
    return connection.execute(counted).scalar_one()


def _live_alerts(connection: Connection) -> Mapping[tuple[str, int], int]:
    groups = (
        select(alerts.c.rule, alerts.c.level, func.count().label("number"))
        .where(alerts.c.closed_ms.is_(None))
        .group_by(alerts.c.rule, alerts.c.level)
    )
    return {(row.rule, row.level): row.number for row in connection.execute(groups)}
