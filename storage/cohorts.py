"""What videos had at the ages at which they are compared, for as long as others are compared with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from rules.cohorts import KEPT
from storage import codec
from storage.database import Parameters, among, write
from storage.schedule import target_ids
from storage.tables import cohorts, targets


@dataclass(frozen=True, slots=True)
class Passage:
    """What a video (its key, its account's key) that was ``born`` then had of a metric at an age, in seconds."""

    account: str
    metric: str
    age_s: float
    video: str
    born: datetime
    value: float


def commit(connection: Connection, passages: Sequence[Passage]) -> None:
    """Write down these. What is neither of the newest videos of the account at that age nor of a watched one goes.

    Each target must have been named to ``sync_targets``.
    """
    ids = target_ids(connection, {key for each in passages for key in (each.account, each.video)})
    rows = [_row(each, ids) for each in passages]
    write(connection, insert(cohorts).prefix_with("OR REPLACE"), rows)
    places = {(row["account_id"], row["metric"], row["age_s"]) for row in rows}
    write(connection, _FORGET, [dict(zip(_PLACE, place, strict=True)) for place in sorted(places)])


def read(connection: Connection, metrics: Collection[str]) -> list[Passage]:
    """All that is kept of these metrics, the oldest video first."""
    account = targets.alias()
    chosen = (
        select(cohorts, account.c.key.label("account"), targets.c.key.label("video"))
        .join(account, account.c.id == cohorts.c.account_id)
        .join(targets, targets.c.id == cohorts.c.video_id)
        .where(cohorts.c.metric.in_(among(metrics)))
        .order_by(cohorts.c.born_ms, cohorts.c.video_id, cohorts.c.age_s)
    )
    return [
        Passage(row.account, row.metric, row.age_s, row.video, codec.from_ms(row.born_ms), row.value)
        for row in connection.execute(chosen)
    ]


def _row(passage: Passage, ids: Mapping[str, int]) -> Parameters:
    return {
        "account_id": ids[passage.account],
        "metric": passage.metric,
        "age_s": int(passage.age_s),
        "video_id": ids[passage.video],
        "born_ms": codec.to_ms(passage.born),
        "value": passage.value,
    }


_PLACE = ("at_account", "of_metric", "at_age")
_SAME = (
    cohorts.c.account_id == bindparam("at_account"),
    cohorts.c.metric == bindparam("of_metric"),
    cohorts.c.age_s == bindparam("at_age"),
)
_NEWEST = select(cohorts.c.video_id).where(*_SAME).order_by(cohorts.c.born_ms.desc(), cohorts.c.video_id.desc())
_WATCHED = select(targets.c.id).where(targets.c.removed_ms.is_(None))
_FORGET = delete(cohorts).where(
    *_SAME, cohorts.c.video_id.not_in(_NEWEST.limit(KEPT)), cohorts.c.video_id.not_in(_WATCHED)
)
"""What is neither of the newest videos nor of a watched one."""
