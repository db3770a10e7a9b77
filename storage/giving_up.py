"""What becomes of news that could not be delivered: it is owed again, and told by another way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, insert, select

from rules.posting import FALLBACK
from rules.story import Story, story_from_json, story_to_json
from rules.telling import news
from rules.wording import title
from storage import alerts, codec
from storage.database import among
from storage.records import Delivery, Status
from storage.tables import outbox


def give_up(connection: Connection, dead: Sequence[Delivery]) -> None:
    """Let letters be owed again, and tell their news by the channels that stand in for theirs."""
    for delivery in dead:
        untell(connection, delivery.alert_id, delivery.channel)
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


def _fall_back(connection: Connection, delivery: Delivery) -> None:
    """Write the letter anew, to the channel that stands in; but for what that one was told last already.

    It counts as told there, so whoever reads it hears of the end too.
    """
    incidents = alerts.incidents(connection, delivery.alert_id)
    told = _told(connection, incidents, delivery.fallback)
    if told == delivery.level:
        return
    row = connection.execute(_LETTER, {"row_id": delivery.letter_id}).one()
    story = _retold(story_from_json(row.story), told or 0)
    at_ms = codec.to_ms(delivery.at)
    connection.execute(
        insert(outbox).values(
            alert_id=delivery.alert_id,
            channel=delivery.fallback,
            level=delivery.level,
            news=story.news.value,
            severity=story.severity.value,
            title=title(story),
            story=story_to_json(story),
            created_ms=at_ms,
            due_ms=at_ms,
            meant_ms=at_ms,
            attempts=0,
            status=Status.WAITING.value,
            bundle=f"{FALLBACK} {delivery.channel}",
        )
    )
    _retell(connection, delivery.alert_id, delivery.fallback, incidents)


_LETTER = select(outbox).where(outbox.c.id == bindparam("row_id"))


def _retold(story: Story, told: int) -> Story:
    """The story for who was told that it stands at ``told``; of the end of what they never heard of, as it is."""
    what = news(told, story.stand)
    return story if what is None else replace(story, told=told, news=what)
