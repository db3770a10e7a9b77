"""Messages with the chart of what they tell, where their channel takes one; and never later for it than agreed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from daemon.channels import Channel
from daemon.chart import History, chart
from daemon.docket import Docket
from daemon.easel import Easel
from daemon.providers import ENDPOINTS
from daemon.recent import Recent
from daemon.scribe import Scribe
from rules.book import Rule
from rules.message import label_of
from rules.story import Change, Story
from rules.values import Labels, News, Unit
from rules.wording import Message, Speech
from storage.store import Store

WAIT_S = 2.0
"""A message is sent so much later at most, for its chart and those before it."""

WEEK_S = timedelta(days=7).total_seconds()
"""A chart shows so much, or what the rule reads, if that is more."""

MOST_LOOKS = 5_000
"""So many looks of a line are read at most, the newest: 17 days of one every five minutes."""

PLAIN = frozenset({Unit.STATE, Unit.TIMESTAMP})
"""What has no course that a picture would tell better than a line of text."""

log = structlog.get_logger("creatorwatch.illustrator")


class Illustrator:
    """Adds charts to messages. ``on_writer`` runs a function on the thread that owns ``store`` and the windows.

    ``docket`` tells the one in force, by whose rules messages are.
    """

    def __init__(
        self,
        easel: Easel,
        store: Store,
        recent: Recent,
        docket: Callable[[], Docket],
        on_writer: Callable[[Callable[[], History | None]], Awaitable[History | None]],
    ) -> None:
        self._easel, self._store, self._recent, self._docket = easel, store, recent, docket
        self._on_writer = on_writer

    async def illustrate(self, message: Message, channel: Channel, scribe: Scribe, until_s: float) -> Message:
        """The message with its chart, if that is ready by ``until_s`` on the monotonic clock. It never fails."""
        if not (channel.takes_pictures and scribe.wants_charts(channel.name) and is_charted(message)):
            return message
        try:
            async with asyncio.timeout(until_s - time.monotonic()):
                return replace(message, picture=await self._picture(message.stories[0], scribe.speech(channel.name)))
        except TimeoutError:
            log.warning("a chart was not ready in time", channel=channel.name)
        except Exception:
            log.exception("a chart could not be made", channel=channel.name)
        return message

    async def _picture(self, story: Story, speech: Speech) -> bytes | None:
        found = await self._on_writer(lambda: history(story, self._docket(), self._recent, self._store))
        if found is None:
            return None
        made = await asyncio.to_thread(chart, story, found, speech)
        return None if made is None else await self._easel.draw(made)

    async def close(self) -> None:
        """Let go of the process that draws."""
        await self._easel.close()


def is_charted(message: Message) -> bool:
    """Whether it tells one alert, and more than that it is still on."""
    return len(message.stories) == 1 and message.stories[0].news is not News.REMINDED


def history(story: Story, docket: Docket, recent: Recent, store: Store) -> History | None:
    """The past of the number that a story rests on; None where there is none.

    On the thread that owns ``store`` and ``recent``. It reads thousands of rows at most.
    """
    rule = next((each for each in docket.rules(story.who.key) if each.name == story.rule), None)
    change = None if rule is None else _charted(story, rule)
    if rule is None or change is None:
        return None
    back_s = max(WEEK_S, rule.needs.get(change.metric, 0.0))
    since = story.at - timedelta(seconds=back_s)
    line = line_of(story.who.key, change.metric, recent)
    if line is None:
        return None
    points, labels = _points(line, change, story, since, store)
    watch = recent.watches[line]
    window = recent.view(story.who.key).get(change.metric, {}).get(labels or ())
    pause_s = max(watch.fresh_for_s, watch.pauses.now_s, window.pause_for_s if window else 0.0)
    return History(change, points, since, pause_s, 0.0 if watch.blind else watch.fresh_for_s, rule.levels)


def _charted(story: Story, rule: Rule) -> Change | None:
    """The number that the rule compares with a threshold, else the one that a detector looked at, else the first."""
    compared = [level.when.threshold.metric for level in rule.levels if level.when.threshold is not None]
    wanted = [*compared, *(band.metric for band in story.bands), *(change.metric for change in story.changes)]
    shown = [change for change in story.changes if change.unit not in PLAIN and change.new is not None]
    return min(shown, key=lambda change: wanted.index(change.metric), default=None)


def line_of(target: str, metric: str, recent: Recent) -> int | None:
    """The line of the plan that tells a metric of a target; None if none does."""
    telling = [name for name, endpoint in ENDPOINTS.items() if metric in {each.name for each in endpoint.metrics}]
    return next((line for name in telling if (line := recent.line(target, name)) is not None), None)


def _points(
    line: int, change: Change, story: Story, since: datetime, store: Store
) -> tuple[Sequence[tuple[float, float]], Labels | None]:
    """The numbers of a series since a time, and the newest before that, oldest first; and the labels of the series."""
    found: list[tuple[float, float]] = []
    labels: Labels | None = None
    for _, at_s, keys, numbers in store.backwards(line, story.at, MOST_LOOKS):
        if labels is None:
            own = (own for metric, own in keys if metric == change.metric and _is_told(own, change, story))
            labels = next(own, None)
        place = -1 if labels is None else _place(keys, (change.metric, labels))
        found.append((at_s, numbers[place] if place >= 0 else float("nan")))
        if at_s < since.timestamp():
            break
    return found[::-1], labels


def _place(keys: Sequence[tuple[str, Labels]], key: tuple[str, Labels]) -> int:
    return keys.index(key) if key in keys else -1


def _is_told(own: Labels, change: Change, story: Story) -> bool:
    """Whether these are the labels of the series that a change is of."""
    known = dict(story.labels)
    return label_of(own, story.labels) == change.label and all(known.get(name, text) == text for name, text in own)
