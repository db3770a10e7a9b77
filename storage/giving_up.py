"""What becomes of news that could not be delivered: it is owed again, and told by another way.

What waits behind it is told as to a reader who never heard of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from rules.posting import FALLBACK
from rules.story import Story, story_from_json, story_to_json
from rules.telling import news
from rules.wording import title
from storage import alerts, codec
from storage.database import Parameters, among
from storage.records import Delivery, Status
from storage.tables import outbox


def give_up(connection: Connection, dead: Sequence[Delivery]) -> None:
    """Let letters be owed again, and tell their news by the channels that stand in for theirs."""
    for delivery in dead:
        untell(connection, delivery.alert_id, delivery.channel)
        _reword(connection, delivery)
        if delivery.fallback:
            _fall_back(connection, delivery)


def untell(connection: Connection, alert_id: int, channel: str) -> None:
    """A letter died: its news is owed again."""
    _retell(connection, alert_id, channel, alerts.incidents(connection, alert_id))


def _retell(connection: Connection, alert_id: int, channel: str, incidents: Sequence[int]) -> None:
    """Say anew what a channel was told, of one incident and of the newest of the same thing.

    That is the newest letter to it that has not died, be it of an earlier incident: who believes in that one is told by
    the newest that it is over.
    """
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


def _reword(connection: Connection, delivery: Delivery) -> None:
    """Let the next letter about the same thing, if one waits, tell its news from what its reader was told really."""
    incidents = alerts.incidents(connection, delivery.alert_id)
    about = (outbox.c.alert_id.in_(among(incidents)), outbox.c.channel == delivery.channel)
    later = (*about, outbox.c.id > delivery.letter_id, outbox.c.status == Status.WAITING.value)
    row = connection.execute(select(outbox).where(*later).order_by(outbox.c.id).limit(1)).one_or_none()
    if row is not None:
        known = select(outbox.c.level).where(*about, outbox.c.id < row.id, outbox.c.status == Status.SENT.value)
        told = connection.scalar(known.order_by(outbox.c.id.desc()).limit(1))
        words = _words(_retold(story_from_json(row.story), told or 0))
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(**words))


def _words(story: Story) -> Parameters:
    """What a row of the outbox says."""
    return {
        "news": story.news.value,
        "severity": story.severity.value,
        "title": title(story),
        "story": story_to_json(story),
    }


def _fall_back(connection: Connection, delivery: Delivery) -> None:
    """Write the letter anew, to the channel that stands in; but for what that one was told last already.

    Where others wait behind it, the newest of them is what is true by now. It counts as told there, so whoever reads it
    hears of the end too.
    """
    incidents = alerts.incidents(connection, delivery.alert_id)
    told = _told(connection, incidents, delivery.fallback)
    about = (outbox.c.alert_id.in_(among(incidents)), outbox.c.channel == delivery.channel)
    row = connection.execute(select(outbox).where(*about).order_by(outbox.c.id.desc()).limit(1)).one()
    known = told if row.id == delivery.letter_id else told or 0
    if known == row.level:
        return
    at_ms = codec.to_ms(delivery.at)
    connection.execute(
        insert(outbox).values(
            alert_id=row.alert_id,
            channel=delivery.fallback,
            level=row.level,
            **_words(_retold(story_from_json(row.story), told or 0)),
            created_ms=at_ms,
            due_ms=at_ms,
            meant_ms=at_ms,
            attempts=0,
            status=Status.WAITING.value,
            bundle=f"{FALLBACK} {delivery.channel}",
        )
    )
    _retell(connection, row.alert_id, delivery.fallback, incidents)


def _retold(story: Story, told: int) -> Story:
    """The story for who was told that it stands at ``told``; the end of what they never heard of is an end still."""
    return replace(story, told=told, news=news(told, story.stand) or story.news)
