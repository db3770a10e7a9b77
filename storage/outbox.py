"""The outbox: letters that are owed, who is carrying them, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, tuple_, update

from rules.story import Story, story_from_json
from storage import codec, giving_up
from storage.database import Lease, Parameters, among, write
from storage.records import REFUSED, SENT, Delivery, Letter, Status, Trouble
from storage.tables import alerts, outbox, receipts


def claim(connection: Connection, channel: str, lease: Lease, late_ms: int, *, alone: bool = False) -> list[Letter]:
    """Lease what is to go to one channel: the letters about so many things, the most overdue ahead, and whole bundles.

    With a letter that is due go the earlier ones about the same thing, due or not; none goes while an earlier one is
    under way, or waits to be tried again. Where one of the letters was written before ``late_ms``, all things go.
    Where they are to go ``alone``, there are no bundles.
    """
    things = _ready(connection, channel, lease.now_ms)
    bundled = [own for own in things if own[-1].bundle and not alone]
    single = sorted((own for own in things if not own[-1].bundle), key=_urgency)
    if not any(each.created_ms < late_ms for own in single for each in own):
        del single[lease.most :]
    taken = [each.id for own in (*bundled, *single) for each in own]
    if not taken:
        return []
    connection.execute(_LEASE, [{"row_id": each, "until_ms": lease.until_ms, "holder": lease.holder} for each in taken])
    rows = connection.execute(_LETTERS.where(outbox.c.id.in_(among(taken)))).all()
    return [
        Letter(
            id=row.id,
            alert_id=row.alert_id,
            channel=row.channel,
            level=row.level,
            story=story_from_json(row.story),
            created=codec.from_ms(row.created_ms),
            attempts=row.attempts,
            due=codec.from_ms(row.due_ms),
            meant=codec.from_ms(row.meant_ms),
            thing=f"{row.rule} {row.target_id} {row.labels}",
            bundle=row.bundle,
            tried=codec.from_ms_or_none(row.tried_ms),
            refused=row.refused,
        )
        for row in rows
    ]


class _Waiting(NamedTuple):
    """A letter that waits."""

    id: int
    created_ms: int
    due_ms: int
    bundle: str
    attempts: int
    owner: str | None

    def is_stuck(self, now_ms: int) -> bool:
        """Whether it is under way, or waits to be tried again."""
        return self.due_ms > now_ms and (self.owner is not None or self.attempts > 0)


def _ready(connection: Connection, channel: str, now_ms: int) -> list[list[_Waiting]]:
    """The letters that may go, by the things that they are about, each in order."""
    rows = connection.execute(_WAITING, {"to": channel, "now_ms": now_ms}).all()
    things = groupby(rows, key=lambda row: (row.rule, row.target_id, row.labels))
    found = (_up_to_due((_Waiting(*row[:6]) for row in own), now_ms) for _, own in things)
    return [each for each in found if each]


def _up_to_due(letters: Iterable[_Waiting], now_ms: int) -> list[_Waiting]:
    free = list(takewhile(lambda each: not each.is_stuck(now_ms), letters))
    while free and free[-1].due_ms > now_ms:
        free.pop()
    return free


def _urgency(letters: Sequence[_Waiting]) -> tuple[int, int, int]:
    """What was tried least comes first: something that is refused again and again holds up nothing else."""
    due_ms, first = min((each.due_ms, each.id) for each in letters)
    return letters[0].attempts, due_ms, first


_IS_WAITING = outbox.c.status == Status.WAITING.value

# Each incident is an alert of its own: what is over must not be told after what came next.
_THING = alerts.c.rule, alerts.c.target_id, alerts.c.labels
_FOR = and_(_IS_WAITING, outbox.c.channel == bindparam("to"))
_DUE = select(*_THING).join_from(outbox, alerts).where(_FOR, outbox.c.due_ms <= bindparam("now_ms"))
# Not a join with what is due: SQLite would go through all that waits once for each of that.
_WAITING = (
    select(*(outbox.c[name] for name in _Waiting._fields), *_THING)
    .join_from(outbox, alerts)
    .where(_FOR, tuple_(*_THING).in_(_DUE))
    .order_by(*_THING, outbox.c.id)
)
_LEASE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"))
    .values(due_ms=bindparam("until_ms"), owner=bindparam("holder"))
)
_OWN = receipts.c.outbox_id == outbox.c.id
_TRIED = select(func.min(receipts.c.at_ms)).where(_OWN).scalar_subquery().label("tried_ms")
_WAS_REFUSED = select(func.count()).where(_OWN, receipts.c.outcome == REFUSED).scalar_subquery().label("refused")
_LETTERS = select(outbox, *_THING, _TRIED, _WAS_REFUSED).join_from(outbox, alerts).order_by(outbox.c.id)


def put_back(connection: Connection, ids: Collection[int]) -> None:
    """Let letters that were claimed, and not tried, wait as before."""
    back = update(outbox).where(_IS_WAITING, outbox.c.id.in_(among(ids)))
    connection.execute(back.values(owner=None, due_ms=outbox.c.meant_ms))


def trouble(connection: Connection, channel: str, since_ms: int) -> Trouble | None:
    """How the newest attempt by a channel that failed, if there is one since then, ended."""
    failed = connection.execute(_FAILED, {"to": channel, "since_ms": since_ms}).one_or_none()
    if failed is None:
        return None
    return Trouble(codec.from_ms(failed.at_ms), failed.outcome, failed.status)


_BY = receipts.c.channel == bindparam("to")
_FAILED = (
    select(receipts)
    .where(_BY, receipts.c.at_ms >= bindparam("since_ms"), receipts.c.outcome != SENT)
    .order_by(receipts.c.id.desc())
    .limit(1)
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
        giving_up.untell(connection, letter.alert_id, letter.channel)


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
    giving_up.give_up(connection, [delivery for delivery in decided if delivery.dead])
    return decided


def standing(connection: Connection, channel: str) -> list[Story]:
    """What a channel was sent last of each thing that is live, or whose end it waits for, if that says it is on."""
    return [story_from_json(text) for text in connection.scalars(_STANDING, {"to": channel})]


_AWAITED = select(outbox.c.alert_id).where(_IS_WAITING, outbox.c.channel == bindparam("to"))
_LAST_SENT = (
    select(func.max(outbox.c.id))
    .join_from(outbox, alerts)
    .where(alerts.c.closed_ms.is_(None) | alerts.c.id.in_(_AWAITED))
    .where(outbox.c.channel == bindparam("to"), outbox.c.status == Status.SENT.value)
    .group_by(alerts.c.rule, alerts.c.target_id, alerts.c.labels)
)
_HAS_FACTS = outbox.c.story != ""  # what was sent before 0008 has none
_STANDING = (
    select(outbox.c.story).where(outbox.c.id.in_(_LAST_SENT), outbox.c.level != 0, _HAS_FACTS).order_by(outbox.c.id)
)


def _receipt_row(delivery: Delivery) -> Parameters:
    return {
        "outbox_id": delivery.letter_id,
        "channel": delivery.channel,
        "at_ms": codec.to_ms(delivery.at),
        "outcome": delivery.outcome,
        "latency_ms": delivery.latency_ms,
        "status": delivery.status,
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
