"""What people said of alerts: silences, acknowledgements, and the trail of who said it. A method is a transaction.

Each change has its row in the trail, in the same commit: the number of the newest row says whether anything changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from storage import alerts, codec
from storage.database import Transactions, among, write
from storage.records import Status
from storage.tables import acks, audits, outbox, silences


class How(StrEnum):
    """By what something was said."""

    CLI = "cli"
    LINK = "link"
    DAEMON = "daemon"


class What(StrEnum):
    """What was said, or came of that."""

    SILENCED = "silenced"
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"
    LAPSED = "lapsed"


class Speaker(NamedTuple):
    """Who says something, when, and by what."""

    who: str
    at: datetime
    how: How


@dataclass(frozen=True, slots=True)
class Wish:
    """A silence that somebody wants: of the alerts that meet ``condition``, until ``ends``, ``why``.

    With ``awaits`` (ids of alerts) it is over as soon as these are. ``link`` is what it was made by ("": no link): one
    that is used twice makes one silence.
    """

    condition: str
    ends: datetime
    why: str
    awaits: frozenset[int] = frozenset()
    link: str = ""


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """A silence as it is stored; ``ended`` is when it was ended before its time (None: it was not)."""

    id: int
    condition: str
    begins: datetime
    ends: datetime
    awaits: frozenset[int]
    who: str
    why: str
    matched: datetime
    ended: datetime | None

    def is_in_force(self, at: datetime) -> bool:
        """Whether it still counts."""
        return self.ended is None and at < self.ends


@dataclass(frozen=True, slots=True)
class Ack:
    """``who`` knows of an alert up to ``level`` since ``at``."""

    alert_id: int
    level: int
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Trace:
    """A row of the trail."""

    at: datetime
    who: str
    what: What
    about: str
    how: How


class Spoken:
    """What was said. One thread calls it at a time."""

    def __init__(self, transactions: Transactions) -> None:
        self._writing, self._reading = transactions.writing, transactions.reading

    # --- what is said -----------------------------------------------------------------------------------------

    def silence(self, wish: Wish, speaker: Speaker) -> SilenceRow:
        """Begin a silence now; with a link that was used before: what that made then."""
        with self._writing() as connection:
            link = hashlib.sha256(wish.link.encode()).hexdigest() if wish.link else None
            before = connection.execute(_SILENCES.where(silences.c.link == link)).one_or_none() if link else None
            if before is not None:
                return _silence(before)
            row = connection.execute(insert(silences).returning(silences), _wished(wish, speaker, link)).one()
            until = f"until {wish.ends:%Y-%m-%d %H:%M} UTC"
            _note(connection, speaker, What.SILENCED, f"silence {row.id}, {until}: {wish.condition} ({wish.why})")
            return _silence(row)

    def end_silence(self, silence_id: int, speaker: Speaker) -> bool:
        """End a silence before its time; whether one of this number was in force."""
        with self._writing() as connection:
            row = connection.execute(_SILENCES.where(silences.c.id == silence_id)).one_or_none()
            if row is None or not _silence(row).is_in_force(speaker.at):
                return False
            _end(connection, {silence_id: "before its time"}, speaker)
            return True

    def acknowledge(self, alert_id: int, speaker: Speaker, level: int | None = None) -> tuple[Ack | None, int]:
        """Note that somebody knows of an alert at ``level`` (None: where it stands), and where it stands (0: over).

        It is what was known before, if that goes as far; None where the alert is over, or has risen above ``level``.
        """
        with self._writing() as connection:
            stand = _stand(connection, alert_id)
            level = level or stand
            if not stand or level < stand:
                return None, stand
            row = connection.execute(_ACKS.where(acks.c.alert_id == alert_id)).one_or_none()
            if row is not None and row.level >= level:
                return _ack(row), stand
            _lapse(connection, alert_id, speaker)
            said = {"level": level, "who": speaker.who, "at_ms": codec.to_ms(speaker.at)}
            connection.execute(insert(acks).values(alert_id=alert_id, **said))
            _note(connection, speaker, What.ACKNOWLEDGED, f"alert {alert_id}, level {level}")
            return Ack(alert_id, level, speaker.who, speaker.at), stand

    # --- what comes of it -------------------------------------------------------------------------------------

    def settle(self, ended: Mapping[int, str], lapsed: Mapping[int, str], speaker: Speaker) -> None:
        """Write down that silences have ended and acknowledgements have lapsed (of these alerts), and why."""
        with self._writing() as connection:
            _end(connection, ended, speaker)
            for alert_id, why in lapsed.items():
                _lapse(connection, alert_id, speaker)
                _note(connection, speaker, What.LAPSED, f"alert {alert_id}: {why}")

    def note_matched(self, ids: Collection[int], at: datetime) -> None:
        """Write down that alerts which these silences match are on."""
        with self._writing() as connection:
            write(connection, _UPDATE, [{"row_id": each, "matched_ms": codec.to_ms(at)} for each in ids])

    def hold_back(self, ids: Collection[int], at: datetime, written: datetime) -> Collection[int]:
        """Take back what is to be told of these live alerts later than ``at``: it is owed again. The ids of those.

        Only what was ``written`` by then.
        """
        taken = delete(outbox).where(
            outbox.c.alert_id.in_(among(ids)),
            outbox.c.status == Status.WAITING.value,
            outbox.c.due_ms > codec.to_ms(at),
            outbox.c.created_ms <= codec.to_ms(written),
            outbox.c.owner.is_(None),
            outbox.c.attempts == 0,
        )
        with self._writing() as connection:
            rows = connection.execute(taken.returning(outbox.c.alert_id, outbox.c.channel)).all()
            letters = {(row.alert_id, row.channel) for row in rows}
            alerts.retell(connection, letters)
        return {alert_id for alert_id, _ in letters}

    # --- what is known ----------------------------------------------------------------------------------------

    def number(self) -> int:
        """The number of the newest row of the trail; 0 before the first."""
        with self._reading() as connection:
            return connection.scalar(select(func.max(audits.c.id))) or 0

    def silences(self, at: datetime) -> list[SilenceRow]:
        """Those in force, the oldest first."""
        return [row for row in self.unended() if row.is_in_force(at)]

    def unended(self) -> list[SilenceRow]:
        """Those of which nobody wrote down that they are over, the oldest first; the time of some may have run out."""
        with self._reading() as connection:
            return [_silence(row) for row in connection.execute(_SILENCES.where(silences.c.ended_ms.is_(None)))]

    def silences_then(self, at: datetime) -> list[SilenceRow]:
        """Those that were in force at a time in the past, the oldest first."""
        at_ms = codec.to_ms(at)
        counted = silences.c.begins_ms <= at_ms, silences.c.ends_ms > at_ms
        not_ended = silences.c.ended_ms.is_(None) | (silences.c.ended_ms > at_ms)
        with self._reading() as connection:
            rows = connection.execute(_SILENCES.where(*counted, not_ended))
            return [_silence(row) for row in rows]

    def acks(self) -> list[Ack]:
        """All in force."""
        with self._reading() as connection:
            return [_ack(row) for row in connection.execute(_ACKS)]

    def acks_then(self, at: datetime) -> list[Ack]:
        """Those that were in force at a time in the past."""
        at_ms = codec.to_ms(at)
        counted = acks.c.at_ms <= at_ms, acks.c.ended_ms.is_(None) | (acks.c.ended_ms > at_ms)
        with self._reading() as connection:
            return [_ack(row) for row in connection.execute(select(acks).where(*counted))]

    def trail(self, since: datetime) -> list[Trace]:
        """Who said what since then, the newest first."""
        newest = select(audits).where(audits.c.at_ms >= codec.to_ms(since)).order_by(audits.c.id.desc())
        with self._reading() as connection:
            rows = connection.execute(newest).all()
        return [Trace(codec.from_ms(row.at_ms), row.who, What(row.what), row.about, How(row.how)) for row in rows]


_SILENCES = select(silences).order_by(silences.c.id)
_UPDATE = update(silences).where(silences.c.id == bindparam("row_id"))
_ACKS = select(acks).where(acks.c.ended_ms.is_(None)).order_by(acks.c.alert_id)


def _wished(wish: Wish, speaker: Speaker, link: str | None) -> Mapping[str, object]:
    at_ms = codec.to_ms(speaker.at)
    return {
        "condition": wish.condition,
        "begins_ms": at_ms,
        "ends_ms": codec.to_ms(wish.ends),
        "awaits": codec.to_json(sorted(wish.awaits)),
        "who": speaker.who,
        "why": wish.why,
        "matched_ms": at_ms,
        "link": link,
    }


def _end(connection: Connection, ended: Mapping[int, str], speaker: Speaker) -> None:
    for silence_id, why in ended.items():
        connection.execute(_UPDATE, {"row_id": silence_id, "ended_ms": codec.to_ms(speaker.at)})
        _note(connection, speaker, What.ENDED, f"silence {silence_id}: {why}")


def _lapse(connection: Connection, alert_id: int, speaker: Speaker) -> None:
    """Let the acknowledgement of an alert that is in force, if there is one, count no more."""
    in_force = acks.c.alert_id == alert_id, acks.c.ended_ms.is_(None)
    connection.execute(update(acks).where(*in_force).values(ended_ms=codec.to_ms(speaker.at)))


def _note(connection: Connection, speaker: Speaker, what: What, about: str) -> None:
    row = {"at_ms": codec.to_ms(speaker.at), "who": speaker.who, "what": what.value, "about": about}
    connection.execute(insert(audits), {**row, "how": speaker.how.value})


def _stand(connection: Connection, alert_id: int) -> int:
    """The level at which an alert is on, also while it comes and goes; 0 if it is not."""
    found = (alert for alert in alerts.live_now(connection, [alert_id]) if alert.id == alert_id)
    return abs(next((alert.stand for alert in found), 0))


def _silence(row: Row[Any]) -> SilenceRow:
    return SilenceRow(
        id=row.id,
        condition=row.condition,
        begins=codec.from_ms(row.begins_ms),
        ends=codec.from_ms(row.ends_ms),
        awaits=frozenset(codec.from_json(row.awaits)),
        who=row.who,
        why=row.why,
        matched=codec.from_ms(row.matched_ms),
        ended=codec.from_ms_or_none(row.ended_ms),
    )


def _ack(row: Row[Any]) -> Ack:
    return Ack(row.alert_id, row.level, row.who, codec.from_ms(row.at_ms))
