"""What becomes of news that could not be delivered: it is owed again, and told by another way.

What waits behind it is told as to a reader who never heard of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from rules.posting import FALLBACK
from rules.routes import GRAVITY
from rules.story import Story, story_from_json, story_to_json
from rules.telling import news
from rules.wording import title
from storage import alerts, codec
from storage.database import Parameters
from storage.records import Delivery, Status
from storage.tables import outbox


def give_up(connection: Connection, dead: Sequence[Delivery]) -> None:
    """Let letters be owed again, and tell their news by the channels that stand in for theirs."""
    for delivery in dead:
        incidents = alerts.incidents(connection, delivery.alert_id)
        letters = _letters(connection, incidents, delivery.channel)
        _retell(connection, delivery.alert_id, delivery.channel, incidents, letters)
        _reword(connection, delivery, letters)
        if delivery.fallback:
            left = [each for each in letters if each.id == delivery.letter_id or each.status == Status.WAITING.value]
            _fall_back(connection, delivery, incidents, left[-1])


def untell(connection: Connection, alert_id: int, channel: str) -> None:
    """A letter died: its news is owed again."""
    incidents = alerts.incidents(connection, alert_id)
    _retell(connection, alert_id, channel, incidents, _letters(connection, incidents, channel))


def _retell(
    connection: Connection, alert_id: int, channel: str, incidents: Sequence[int], letters: Sequence[Row[Any]]
) -> None:
    """Say anew what a channel was told, of one incident and of the newest of the same thing.

    That is the newest letter to it that has not died, be it of an earlier incident: who believes in that one is told by
    the newest that it is over.
    """
    newest = incidents[-1]
    for each in {alert_id, newest}:
        known = incidents[: incidents.index(each) + 1]
        alerts.untell(connection, each, channel, _told(letter for letter in letters if letter.alert_id in known))
    alerts.reopen(connection, newest)


def _told(letters: Iterable[Row[Any]]) -> int | None:
    """What the newest of them says that has not died; None where there is none."""
    alive = [each.level for each in letters if each.status != Status.DEAD.value]
    return alive[-1] if alive else None


def _letters(connection: Connection, incidents: Collection[int], channel: str) -> Sequence[Row[Any]]:
    """All letters about a thing to a channel, oldest first.

    They are few; if SQLite were asked for some of them, it would go through all that wait, or were sent, of anything.
    """
    return connection.execute(_LETTERS, {"ids": codec.to_json(list(incidents)), "to": channel}).all()


_IDS = func.json_each(bindparam("ids")).table_valued("value")
_LETTERS = (
    select(*(outbox.c[name] for name in ("id", "alert_id", "level", "status")))
    .where(outbox.c.alert_id.in_(select(_IDS.c.value)), outbox.c.channel == bindparam("to"))
    .order_by(outbox.c.id)
)


def _reword(connection: Connection, delivery: Delivery, letters: Sequence[Row[Any]]) -> None:
    """Let the next letter about the same thing, if one waits, tell its news from what its reader was told really."""
    waiting = (each for each in letters if each.id > delivery.letter_id and each.status == Status.WAITING.value)
    later = next(waiting, None)
    if later is not None:
        told = [each.level for each in letters if each.id < later.id and each.status == Status.SENT.value]
        story = _retold(_story(connection, later.id), told[-1] if told else 0)
        if story.told == story.stand == 0:  # it came and went: as grave as it was
            grave = _story(connection, delivery.letter_id).severity
            story = replace(story, severity=max(grave, story.severity, key=GRAVITY.__getitem__))
        connection.execute(update(outbox).where(outbox.c.id == later.id).values(**_words(story)))


def _story(connection: Connection, letter_id: int) -> Story:
    return story_from_json(connection.execute(select(outbox.c.story).where(outbox.c.id == letter_id)).scalar_one())


def _words(story: Story) -> Parameters:
    """What a row of the outbox says."""
    return {
        "news": story.news.value,
        "severity": story.severity.value,
        "title": title(story),
        "story": story_to_json(story),
    }


def _fall_back(connection: Connection, delivery: Delivery, incidents: Sequence[int], newest: Row[Any]) -> None:
    """Write the letter anew, to the channel that stands in; but for what that one was told last already.

    Where others wait behind it, the ``newest`` of them is what is true by now. It counts as told there, so whoever
    reads it hears of the end too.
    """
    told = _told(_letters(connection, incidents, delivery.fallback))
    known = told if newest.id == delivery.letter_id else told or 0
    if known == newest.level:
        return
    at_ms = codec.to_ms(delivery.at)
    connection.execute(
        insert(outbox).values(
            alert_id=newest.alert_id,
            channel=delivery.fallback,
            level=newest.level,
            **_words(_retold(_story(connection, newest.id), told or 0)),
            created_ms=at_ms,
            due_ms=at_ms,
            meant_ms=at_ms,
            attempts=0,
            status=Status.WAITING.value,
            bundle=f"{FALLBACK} {delivery.channel}",
        )
    )
    heard = _letters(connection, incidents, delivery.fallback)
    _retell(connection, newest.alert_id, delivery.fallback, incidents, heard)


def _retold(story: Story, told: int) -> Story:
    """The story for who was told that it stands at ``told``; the end of what they never heard of is an end still."""
    return replace(story, told=told, news=news(told, story.stand) or story.news)
