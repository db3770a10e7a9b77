"""Prometheus' Alertmanager as a channel: alerts in its own form, by its API v2.

To it an alert is its labels, severity and level among them. So a climb ends one alert and begins another. It keeps no
alert over its own restart: what is on is posted again and again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar
from urllib.parse import unquote, urlsplit

import orjson

from daemon.courier import Courier, NotSent, Sent
from daemon.replies import Failure, post
from rules.story import Story
from rules.wording import Markup, Message, Speech, title

SCHEMES = {"alertmanager": "http", "alertmanagers": "https"}
PORT = 9093
STAYS = timedelta(days=1)
"""So long an alert stays on of which it is told nothing more. Without an end it would stay for five minutes."""

MOST_AT_ONCE = 500
"""Alerts in one request."""

Thing = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """Where it is; ``user`` and ``password`` are "" where it asks for none."""

    url: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, text: str) -> Address | str:
        """``alertmanager://[user:password@]host[:port][/prefix]``, or what is wrong with it, without quoting it."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port or PORT
        except ValueError:
            return "the port of an alertmanager:// URL must be a number from 1 to 65535"
        if not host or parts.query or parts.fragment:
            return "an alertmanager:// URL is alertmanager://host:port, or with a path before /api/v2"
        name = f"[{host}]" if ":" in host else host
        url = f"{SCHEMES[parts.scheme.lower()]}://{name}:{port}{parts.path.rstrip('/')}/api/v2/alerts"
        return cls(url, unquote(parts.username or ""), unquote(parts.password or ""))


@dataclass(frozen=True, slots=True)
class _Posted:
    labels: tuple[tuple[str, str], ...]
    since: datetime
    until: datetime
    annotations: tuple[tuple[str, str], ...]

    def json(self) -> dict[str, object]:
        return {
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": self.since.isoformat(),
            "endsAt": self.until.isoformat(),
        }


class AlertmanagerChannel:
    """Posts what begins, changes and ends to one Alertmanager, and what is on every ``repeats_every``."""

    markup: ClassVar[Markup] = Markup.TEXT
    service: ClassVar[str] = "Alertmanager"
    takes_pictures: ClassVar[bool] = False
    repeats_every: ClassVar[timedelta] = timedelta(minutes=3)

    def __init__(self, name: str, address: Address, courier: Courier) -> None:
        self.name = name
        self._address, self._courier = address, courier
        self._on: dict[Thing, _Posted] = {}
        self._at: datetime | None = None

    def fits(self, message: Message) -> bool:  # noqa: ARG002 - the others look at it
        """Always: it takes facts."""
        return True

    def texts(self, message: Message, id_text: str) -> tuple[str, str]:
        """The two of its annotations that are words."""
        return message.title, f"{message.body}\nid: {id_text}"

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """Post what a message tells; what was posted of it before under other labels ends."""
        on, posted = dict(self._on), list[_Posted]()
        for story in message.stories:
            posted += _told(on, story, self._until(story), _annotations(story, message, id_text))
        sent = await self._post(posted)
        if isinstance(sent, Sent):
            self._on = on
        return sent

    async def repeat(self, messages: Iterable[Message], at: datetime) -> Sent | NotSent:
        """Post all that is on, as these messages tell it; of nothing else it will be said that it ended."""
        self._at = at
        known, self._on = self._on, {}
        for message in messages:
            for story in message.stories:
                before = known.get(_thing(story))
                since, until = before.since if before else story.at, self._until(story)
                now = _Posted(_labels(story), since, until, _annotations(story, message, ""))
                # In its words of then: annotations are no identity, and what was posted may know its id.
                is_same = before and before.labels == now.labels
                self._on[_thing(story)] = replace(now, annotations=before.annotations) if before and is_same else now
        return await self._post(list(self._on.values()))

    def _until(self, story: Story) -> datetime:
        """What is told late was written long ago."""
        return max(story.at, self._at or story.at) + STAYS

    def close(self) -> None:
        """End its thread, at the latest when the call in it ends."""
        self._courier.close()

    async def _post(self, alerts: Sequence[_Posted]) -> Sent | NotSent:
        return await self._courier.carry(partial(_post, self._address, alerts))


def _post(address: Address, alerts: Sequence[_Posted]) -> Failure | None:
    for start in range(0, len(alerts), MOST_AT_ONCE):
        body = orjson.dumps([each.json() for each in alerts[start : start + MOST_AT_ONCE]])
        failure = post(address.url, body, (address.user, address.password) if address.user else None)
        if failure:
            return failure
    return None


def _told(
    on: dict[Thing, _Posted], story: Story, until: datetime, annotations: tuple[tuple[str, str], ...]
) -> Iterator[_Posted]:
    """What is to be posted after ``story``, when ``on`` was posted before; and ``on`` is brought up to date."""
    before = on.pop(_thing(story), None)
    now = _Posted(_labels(story), before.since if before else story.at, until, annotations)
    if not story.stand:
        yield _ended(before or now, story.at, annotations)
        return
    if before and before.labels != now.labels:
        yield _ended(before, story.at, before.annotations)
    on[_thing(story)] = now
    yield now


def _ended(posted: _Posted, at: datetime, annotations: tuple[tuple[str, str], ...]) -> _Posted:
    return _Posted(posted.labels, posted.since, max(at, posted.since), annotations)


def _thing(story: Story) -> Thing:
    return story.rule, story.who.key, story.labels


def _labels(story: Story) -> tuple[tuple[str, str], ...]:
    """Ours, and the alert's own; one that is named as one of ours is ``exported_``, as Prometheus does it."""
    ours = {
        "alertname": story.rule,
        "severity": story.severity.value,
        "level": story.level,
        "target": story.who.key,
        "name": story.who.name,
        "owner": story.who.owner,
        "platform": story.who.platform,
    }
    own = {re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII): value for name, value in story.labels}
    both = {f"exported_{name}" if name in ours else name: value for name, value in own.items()} | ours
    return tuple((name, _clean(value)) for name, value in both.items() if value)


def _annotations(story: Story, message: Message, id_text: str) -> tuple[tuple[str, str], ...]:
    """What the message says, if that is about this alone: not of each the words about all."""
    is_alone = len(message.stories) == 1
    summary, body = (message.title, message.body) if is_alone else (title(story, Speech()), "")
    words = {"summary": summary, "body": body, "id": id_text}
    return tuple((name, _clean(value)) for name, value in words.items() if value)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
