"""What was judged: alerts, the steps they made, and the letters that are owed, in one commit.

An alert is live until it is over *and* everybody who was told of it has been told so: news that is held back must not
be lost because the alert is gone. What is remembered of it then (how often it began lately) outlives it: what begins
next is an alert of its own, with that past.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, exists, func, insert, select, update

from rules.outcomes import Outcome, Owed
from rules.story import story_to_json
from rules.values import NO_PAST, Alert, Labels, Ok
from rules.wording import title
from storage import bundles, codec
from storage.database import Parameters, among, write
from storage.records import Status
from storage.schedule import target_ids
from storage.tables import alerts, memories, outbox, targets, transitions


@dataclass(frozen=True, slots=True)
class _Followed:
    """An outcome, with ``told`` and ``peak`` (the highest level ever) as the store has them."""

    outcome: Outcome
    alert: Alert
    peak: int

    @property
    def idle(self) -> bool:
        """It is over, never fired, and nobody heard of it."""
        return self.alert.over and self.peak == 0 and not self.alert.told


def commit(connection: Connection, outcomes: Sequence[Outcome], at_ms: int) -> list[Alert]:
    """Store what follows. Returns those of the alerts that are live or remembered, with their ids and what was told."""
    stored = _stored(connection, outcomes)
    followed = [_follow(outcome, *stored.get(outcome.alert.id, ({}, 0))) for outcome in outcomes]
    _forget(connection, [entry.alert.id for entry in followed if entry.idle and entry.alert.id is not None])
    kept = [entry for entry in followed if not entry.idle]
    known = [entry for entry in kept if entry.alert.id is not None]
    new = _insert(connection, [entry for entry in kept if entry.alert.id is None], at_ms)
    write(connection, _UPDATE, [{"row_id": e.alert.id, **_standing(e, at_ms)} for e in known])
    write(connection, insert(transitions), [row for e in known + new for row in _transition_rows(e)])
    letters = [row for e in known + new for row in _letter_rows(e, at_ms)]
    write(connection, insert(outbox), letters)
    bundles.gather(connection, _waits(entry.outcome for entry in known + new), at_ms)
    remembered = _remember(connection, [entry.alert for entry in followed if entry.alert.over])
    return [entry.alert for entry in known + new if not entry.alert.over] + remembered


def _stored(connection: Connection, outcomes: Sequence[Outcome]) -> Mapping[int | None, tuple[Mapping[str, int], int]]:
    ids = among(outcome.alert.id for outcome in outcomes if outcome.alert.id is not None)
    rows = connection.execute(select(alerts.c.id, alerts.c.told, alerts.c.peak).where(alerts.c.id.in_(ids)))
    return {row.id: (codec.from_json(row.told), row.peak) for row in rows}


def _follow(outcome: Outcome, told: Mapping[str, int], peak: int) -> _Followed:
    """What was told is read here, not believed: a letter may have died since the judge looked.

    A channel that the outcome's alert no longer names is forgotten.
    """
    alert = outcome.alert
    kept = {channel: level for channel, level in told.items() if channel in alert.told}
    owed = {letter.channel: letter.level for letter in outcome.owed}
    return _Followed(outcome, replace(alert, told=kept | owed), max(peak, alert.peak))


def _forget(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute(delete(transitions).where(transitions.c.alert_id.in_(among(ids))))
    connection.execute(delete(alerts).where(alerts.c.id.in_(among(ids))))


def _remember(connection: Connection, over: Sequence[Alert]) -> list[Alert]:
    """Keep what is remembered of alerts that are over, or forget it; those of which something is."""
    if not over:
        return []
    target_id = target_ids(connection, {alert.target for alert in over})
    keys = [
        {"rule": alert.rule, "target_id": target_id[alert.target], "labels": codec.labels_to_json(alert.labels)}
        for alert in over
    ]
    write(connection, _FORGET, [{f"old_{name}": value for name, value in key.items()} for key in keys])
    kept = [(alert, key) for alert, key in zip(over, keys, strict=True) if alert.past != NO_PAST]
    write(connection, insert(memories), [key | {"past": codec.past_to_json(alert.past)} for alert, key in kept])
    return [replace(alert, id=None, told={}) for alert, _ in kept]


_FORGET = delete(memories).where(
    memories.c.rule == bindparam("old_rule"),
    memories.c.target_id == bindparam("old_target_id"),
    memories.c.labels == bindparam("old_labels"),
)


def _insert(connection: Connection, new: Sequence[_Followed], at_ms: int) -> list[_Followed]:
    if not new:
        return []
    target_id = target_ids(connection, {entry.alert.target for entry in new})
    rows = [
        {
            "rule": entry.alert.rule,
            "target_id": target_id[entry.alert.target],
            "labels": codec.labels_to_json(entry.alert.labels),
            "opened_ms": at_ms,
            **_standing(entry, at_ms),
        }
        for entry in new
    ]
    ids = connection.scalars(insert(alerts).returning(alerts.c.id, sort_by_parameter_order=True), rows)
    return [replace(e, alert=replace(e.alert, id=row_id)) for e, row_id in zip(new, ids, strict=True)]


def _standing(entry: _Followed, at_ms: int) -> Parameters:
    return {
        "level": entry.alert.level,
        "peak": entry.peak,
        "state": codec.state_to_json(entry.alert.state),
        "told": codec.to_json(entry.alert.told),
        "closed_ms": at_ms if entry.alert.over else None,
        "past": codec.past_to_json(entry.alert.past),
        "meaning": entry.alert.meaning,
    }


_UPDATE = update(alerts).where(alerts.c.id == bindparam("row_id"))


def _transition_rows(entry: _Followed) -> list[Parameters]:
    return [
        {
            "alert_id": entry.alert.id,
            "at_ms": codec.to_ms(step.at),
            "change": step.change.value,
            "from_level": step.from_level,
            "to_level": step.to_level,
            "reason": step.reason,
            "evidence": codec.evidence_to_json(step.evidence),
        }
        for step in entry.outcome.transitions
    ]


def _letter_rows(entry: _Followed, at_ms: int) -> list[Parameters]:
    return [
        {
            "alert_id": entry.alert.id,
            "channel": letter.channel,
            "level": letter.level,
            "news": letter.story.news.value,
            "severity": letter.story.severity.value,
            "title": title(letter.story),
            "story": story_to_json(letter.story),
            "created_ms": at_ms,
            "due_ms": _due_ms(letter, at_ms),
            "meant_ms": _due_ms(letter, at_ms),
            "attempts": 0,
            "status": Status.WAITING.value,
            "bundle": letter.bundle,
        }
        for letter in entry.outcome.owed
    ]


def _due_ms(letter: Owed, at_ms: int) -> int:
    return at_ms if letter.due is None else codec.to_ms(letter.due)


def _waits(outcomes: Iterable[Outcome]) -> Mapping[tuple[str, str], int]:
    """The bundles, as (channel, bundle), that wait until nothing was added for so many milliseconds."""
    letters = (letter for outcome in outcomes for letter in outcome.owed if letter.wait)
    return {(each.channel, each.bundle): round(each.wait.total_seconds() * 1000) for each in letters}


def live(connection: Connection) -> list[Alert]:
    """Every alert that is not over, or not over for everybody who was told of it; and what is remembered of others."""
    return _read(connection, _LIVE) + [
        Alert(row.rule, row.key, _labels(row.labels), Ok(), past=codec.past_from_json(row.past))
        for row in connection.execute(_MEMORIES)
    ]


def live_now(connection: Connection, ids: Collection[int]) -> list[Alert]:
    """What is live of the things that these alerts are about."""
    return _read(connection, _LIVE.where(alerts.c.id.in_(_BESIDE.where(_ABOUT.c.id.in_(among(ids))))))


def _read(connection: Connection, rows: Select[Any]) -> list[Alert]:
    return [
        Alert(
            rule=row.rule,
            target=row.key,
            labels=_labels(row.labels),
            state=codec.state_from_json(row.state),
            told=codec.from_json(row.told),
            id=row.id,
            past=codec.past_from_json(row.past),
            meaning=row.meaning,
        )
        for row in connection.execute(rows)
    ]


_ABOUT = alerts.alias()
_ONE_THING = and_(
    alerts.c.target_id == _ABOUT.c.target_id, alerts.c.rule == _ABOUT.c.rule, alerts.c.labels == _ABOUT.c.labels
)
_BESIDE = select(alerts.c.id).join_from(_ABOUT, alerts, _ONE_THING)
"""The ids of all alerts on the same things as ``_ABOUT``."""

_LIVE = (
    select(alerts, targets.c.key).join_from(alerts, targets).where(alerts.c.closed_ms.is_(None)).order_by(alerts.c.id)
)


# What is live knows its past itself.
_MEMORIES = (
    select(memories, targets.c.key)
    .join_from(memories, targets)
    .where(
        ~exists().where(
            alerts.c.rule == memories.c.rule,
            alerts.c.target_id == memories.c.target_id,
            alerts.c.labels == memories.c.labels,
            alerts.c.closed_ms.is_(None),
        )
    )
)


def _labels(text: str) -> Labels:
    return codec.labels_from(codec.from_json(text))


def incidents(connection: Connection, alert_id: int) -> Sequence[int]:
    """The ids of all alerts on the thing that this one is about, also those that are over, oldest first."""
    return connection.scalars(_INCIDENTS, {"row_id": alert_id}).all()


def untell(connection: Connection, alert_id: int, channel: str, level: int | None) -> None:
    """Put back what a channel has been told to ``level`` (None: nothing), because a letter to it died."""
    told = codec.from_json(connection.execute(_TOLD, {"row_id": alert_id}).scalar_one())
    told.pop(channel, None)
    if level is not None:
        told[channel] = level
    connection.execute(_UPDATE, {"row_id": alert_id, "told": codec.to_json(told)})


def retell(connection: Connection, letters: Collection[tuple[int, str]]) -> None:
    """Say anew what channels were told of alerts that are live, by (alert, channel): letters to them were taken back.

    That is the newest letter about the same thing that has not died.
    """
    ids = among({alert_id for alert_id, _ in letters})
    newest = _NEWEST.where(_ABOUT.c.id.in_(ids)).subquery()
    letter = outbox.c.id == newest.c.letter
    levels = select(newest.c.id, newest.c.channel, outbox.c.level).join_from(newest, outbox, letter)
    known = {(row.id, row.channel): row.level for row in connection.execute(levels)}
    rows = connection.execute(select(alerts.c.id, alerts.c.told).where(alerts.c.id.in_(ids)))
    told = {row.id: codec.from_json(row.told) for row in rows}
    for alert_id, channel in letters:
        told[alert_id].pop(channel, None)
        told[alert_id] |= {channel: known[alert_id, channel]} if (alert_id, channel) in known else {}
    write(connection, _UPDATE, [{"row_id": each, "told": codec.to_json(own)} for each, own in told.items()])


_NEWEST = (
    select(_ABOUT.c.id, outbox.c.channel, func.max(outbox.c.id).label("letter"))
    .join_from(_ABOUT, alerts, _ONE_THING)
    .join(outbox, outbox.c.alert_id == alerts.c.id)
    .where(outbox.c.status != Status.DEAD.value)
    .group_by(_ABOUT.c.id, outbox.c.channel)
)


def reopen(connection: Connection, alert_id: int) -> None:
    """Let an alert be live again if somebody still believes in it; no newer one on the same thing may be live."""
    told = codec.from_json(connection.execute(_TOLD, {"row_id": alert_id}).scalar_one())
    if any(told.values()):
        connection.execute(_UPDATE, {"row_id": alert_id, "closed_ms": None})


_TOLD = select(alerts.c.told).where(alerts.c.id == bindparam("row_id"))
_INCIDENTS = _BESIDE.where(_ABOUT.c.id == bindparam("row_id")).order_by(alerts.c.id)
