"""Letters that wait for each other, to be sent as one message."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from rules.story import story_from_json
from rules.values import Labels
from storage import codec
from storage.records import Status
from storage.tables import alerts, outbox, targets

AT_MOST = 10
"""A bundle is sent at the latest when its first letter has waited for so many times its wait."""

_UNTRIED = and_(outbox.c.status == Status.WAITING.value, outbox.c.attempts == 0, outbox.c.owner.is_(None))


def gather(connection: Connection, posted: Mapping[tuple[str, str], int], at_ms: int) -> None:
    """Say anew when the letters of bundles are due: when nothing was added for so many milliseconds.

    To be called when letters were added, with their (channel, bundle) and wait. A letter that was tried already goes by
    itself: it does not wait again.
    """
    for (channel, bundle), wait_ms in posted.items():
        own = (_UNTRIED, outbox.c.channel == channel, outbox.c.bundle == bundle)
        first_ms = connection.scalar(select(func.min(outbox.c.created_ms)).where(*own)) or at_ms
        due_ms = min(at_ms + wait_ms, first_ms + AT_MOST * wait_ms)
        connection.execute(update(outbox).where(*own).values(due_ms=due_ms, meant_ms=due_ms))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that waits in quiet hours or for a digest; ``stand`` is the highest level that it speaks of."""

    id: int
    channel: str
    rule: str
    target: str
    labels: Labels
    stand: int
    due: datetime


def waiting(connection: Connection, kinds: Collection[str]) -> Sequence[Waiting]:
    """The letters that wait in bundles of these kinds, and were not tried."""
    bundled = or_(*(outbox.c.bundle.startswith(f"{kind} ", autoescape=True) for kind in kinds))
    return [
        Waiting(
            row.id,
            row.channel,
            row.rule,
            row.key,
            codec.labels_from(codec.from_json(row.labels)),
            max(abs(row.level), abs(story_from_json(row.story).told)),
            codec.from_ms(row.due_ms),
        )
        for row in connection.execute(_LETTERS.where(_UNTRIED, bundled))
    ]


def hasten(connection: Connection, dues: Mapping[int, datetime]) -> None:
    """Let letters (their ids) be due at other times."""
    rows = [{"row_id": each, "due": codec.to_ms(due)} for each, due in dues.items()]
    connection.execute(_HASTEN, rows)


_LETTERS = select(
    *(outbox.c[name] for name in ("id", "channel", "level", "story", "due_ms")),
    *(alerts.c.rule, alerts.c.labels, targets.c.key),
).select_from(outbox.join(alerts).join(targets))
_HASTEN = (
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"), _UNTRIED)
    .values(due_ms=bindparam("due"), meant_ms=bindparam("due"))
)
