"""The outbox: letters that are owed, who is carrying them, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, update

from rules.values import News, Severity
from storage import alerts, codec
from storage.database import Lease, Parameters, among, write
from storage.records import SENT, Delivery, Letter, Status
from storage.tables import alerts as alert_rows
from storage.tables import outbox, receipts


def claim(connection: Connection, channel: str, lease: Lease) -> list[Letter]:
    """Lease due letters to one channel, oldest first; those of a bundle all at once.

    A letter waits for the earlier ones about the same thing.
    """
    rows = connection.execute(_CLAIM, {"to": channel, **lease._asdict()})
    letters = [
        Letter(
            id=row.id,
            alert_id=row.alert_id,
            channel=row.channel,
            level=row.level,
            news=News(row.news),
            severity=Severity(row.severity),
            title=row.title,
            body=row.body,
            created=codec.from_ms(row.created_ms),
            attempts=row.attempts,
            due=codec.from_ms(row.due_ms),
            bundle=row.bundle,
        )
        for row in rows
    ]
    return sorted(letters, key=lambda letter: letter.id)


_IS_WAITING = outbox.c.status == Status.WAITING.value

# Each incident is an alert of its own: what is over must not be told after what came next.
_FIRST = (
    select(func.min(outbox.c.id))
    .join_from(outbox, alert_rows)
    .where(_IS_WAITING, outbox.c.channel == bindparam("to"))
    .group_by(alert_rows.c.rule, alert_rows.c.target_id, alert_rows.c.labels)
)
_DUE = select(outbox.c.id).where(outbox.c.id.in_(_FIRST), outbox.c.due_ms <= bindparam("now_ms"))
_BUNDLED = _DUE.where(outbox.c.bundle != "").with_for_update(skip_locked=True)
_SINGLE = (
    _DUE.where(outbox.c.bundle == "")
    .order_by(outbox.c.due_ms, outbox.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(outbox)
    .where(outbox.c.id.in_(_SINGLE) | outbox.c.id.in_(_BUNDLED))
    .values(due_ms=bindparam("until_ms"), owner=bindparam("holder"))
    .returning(*outbox.c)
)


def is_for_others(connection: Connection, channels: Collection[str]) -> bool:
    """Whether a letter waits for another channel than these."""
    return connection.execute(select(outbox.c.id).where(_is_lost(channels)).limit(1)).first() is not None


def _is_lost(channels: Collection[str]) -> ColumnElement[bool]:
    return and_(_IS_WAITING, outbox.c.channel.not_in(channels))


def give_up(connection: Connection, channels: Collection[str]) -> None:
    """Give up the letters to other channels than these; what they were to tell is owed again if those come back."""
    lost = update(outbox).where(_is_lost(channels)).values(status=Status.DEAD.value)
    for letter in connection.execute(lost.returning(outbox.c.alert_id, outbox.c.channel)).all():
        _untell(connection, letter.alert_id, letter.channel)


def take_over(connection: Connection, now_ms: int) -> None:
    """Make leased letters due now."""
    connection.execute(update(outbox).where(_IS_WAITING, outbox.c.owner.is_not(None)).values(owner=None, due_ms=now_ms))


def record(connection: Connection, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Store the attempts; those among them whose letter was still waiting, so that they decided something."""
    ids = select(outbox.c.id).where(_IS_WAITING, outbox.c.id.in_(among(d.letter_id for d in deliveries)))
    waiting = set(connection.scalars(ids))
    decided = [delivery for delivery in deliveries if delivery.letter_id in waiting]
    write(connection, insert(receipts), [_receipt_row(delivery) for delivery in deliveries])
    write(connection, _UPDATE, [_letter_row(delivery) for delivery in decided])
    for delivery in decided:
        if delivery.dead:
            _untell(connection, delivery.alert_id, delivery.channel)
    return decided


def _receipt_row(delivery: Delivery) -> Parameters:
    return {
        "outbox_id": delivery.letter_id,
        "channel": delivery.channel,
        "at_ms": codec.to_ms(delivery.at),
        "outcome": delivery.outcome,
        "latency_ms": delivery.latency_ms,
    }


def _letter_row(delivery: Delivery) -> Parameters:
    return {
        "row_id": delivery.letter_id,
        "owner": None,
        "status": _status(delivery).value,
        "due_ms": codec.to_ms(delivery.retry_due or delivery.at),
    }


def _status(delivery: Delivery) -> Status:
    if delivery.outcome == SENT:
        return Status.SENT
    return Status.DEAD if delivery.dead else Status.WAITING


_UPDATE = update(outbox).where(outbox.c.id == bindparam("row_id"), _IS_WAITING).values(attempts=outbox.c.attempts + 1)


def _untell(connection: Connection, alert_id: int, channel: str) -> None:
    """A letter died: its news is owed again.

    What a channel was told is the newest letter to it that has not died, be it of an earlier incident of the same
    thing: who believes in that one is told by the newest that it is over.
    """
    incidents = alerts.incidents(connection, alert_id)
    newest = incidents[-1]
    for each in {alert_id, newest}:
        told = _told(connection, incidents[: incidents.index(each) + 1], channel)
        alerts.untell(connection, each, channel, told)
    alerts.reopen(connection, newest)


def _told(connection: Connection, incidents: Collection[int], channel: str) -> int | None:
    newest = (
        select(outbox.c.level)
        .where(
            outbox.c.alert_id.in_(among(incidents)), outbox.c.channel == channel, outbox.c.status != Status.DEAD.value
        )
        .order_by(outbox.c.id.desc())
        .limit(1)
    )
    return connection.scalar(newest)
