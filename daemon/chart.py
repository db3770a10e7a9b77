"""A story as a chart: what its number was, the thresholds that it met, what was expected, and when it was told.

Values only: where everything lies and what is written beside it. ``daemon.drawing`` draws it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import orjson

from rules.book import Level
from rules.story import Band, Change, Story
from rules.values import Unit
from rules.wording import MARKS, Speech

MOST_POINTS = 500
"""More are not seen on 800 pixels."""

DAY_S = 86_400
TIME_STEPS_S = (60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S)
MOST_X_TICKS, Y_TICKS = 8, 5
ROOM, MARGIN = 0.08, 0.01
"""So much of the height stays free above and below, and of the width behind the end."""

FAR = 3.0
"""A threshold farther away than so many heights of what else is to be seen would press that to a line."""

Point = tuple[float, float | None]
"""Seconds since the epoch, and the number from then on; None: it is not known."""


@dataclass(frozen=True, slots=True)
class History:
    """The past of a number that a story speaks of, oldest first, NaN where it was not known.

    Between two looks it counts as known for ``pause_s`` seconds at most, after the last for ``fresh_s``. ``levels`` are
    those of the rule, the lowest first.
    """

    change: Change
    points: Sequence[tuple[float, float]]
    since: datetime
    pause_s: float
    fresh_s: float
    levels: Sequence[Level] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """All in the units of the axes (``span`` is from left to right, ``range`` from below), and all words ready.

    ``band`` has the lowest and the highest that was expected at some times; ``lines`` are thresholds, each with a
    label, a number and how grave it is; ``below`` stands under the axis of time.
    """

    title: str
    below: str
    span: tuple[float, float]
    range: tuple[float, float]
    points: Sequence[Point]
    lines: Sequence[tuple[str, float, str]]
    band: Sequence[tuple[float, float, float]]
    moments: Sequence[float]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]

    def as_line(self) -> bytes:
        """As ``daemon.drawing`` takes it: JSON, and the end of a line."""
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)


def chart(story: Story, history: History, speech: Speech) -> Chart | None:
    """The chart of a story, on the clock and in the language of ``speech``; None if there is no course to be seen."""
    change, end_s = history.change, story.at.timestamp()
    known = [value for _, value in history.points if not math.isnan(value)]
    if len(known) < 2:
        return None
    first_s = next(at_s for at_s, value in history.points if not math.isnan(value))
    start_s = max(first_s, history.since.timestamp())
    band = _band(story, history)
    own = [*known, *(edge for _, low, high in band for edge in (low, high))]
    lines = list(_lines(story, history, own, speech))
    bottom, top = _range([*own, *(value for _, value, _ in lines)])
    label = f" ({change.label})" if change.label else ""
    return Chart(
        title=f"{story.who.name}: {speech.name(change.metric)}{label}",
        below=f"{MARKS.get(story.news, '')} {speech.time(story.at)}".strip(),
        span=(start_s, end_s + (end_s - start_s) * MARGIN),
        range=(bottom, top),
        points=thinned(gapped(history, end_s), MOST_POINTS),
        lines=lines,
        band=band,
        moments=list(_moments(story, start_s)),
        x_ticks=time_ticks(start_s, end_s, speech.zone),
        y_ticks=[(value, speech.number(value, change.unit)) for value in ticks(bottom, top)],
    )


def gapped(history: History, end_s: float) -> list[Point]:
    """The points with gaps where nothing was known, and how long the last of them counted, until ``end_s`` at most."""
    found: list[Point] = []
    for at_s, value in history.points:
        if found and found[-1][1] is not None and at_s - found[-1][0] > history.pause_s:
            found.append((found[-1][0] + history.pause_s, None))
        found.append((at_s, None if math.isnan(value) else value))
    if found and found[-1][1] is not None and found[-1][0] < end_s:
        found.append((min(end_s, found[-1][0] + history.fresh_s), found[-1][1]))
    return found


def thinned(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most ``most`` points, with every stretch's lowest, highest and first gap, and the first and last of all."""
    if len(points) <= most:
        return points
    parts = (most - 2) // 3
    width_s = (points[-1][0] - points[0][0]) / parts or 1.0
    stretches: dict[int, list[int]] = {}
    for position, (at_s, _) in enumerate(points):
        stretches.setdefault(min(parts - 1, int((at_s - points[0][0]) / width_s)), []).append(position)
    kept = {0, len(points) - 1}
    for own in stretches.values():
        known = [(value, position) for position in own if (value := points[position][1]) is not None]
        kept |= {min(known)[1], max(known)[1]} if known else set()
        kept |= set([position for position in own if points[position][1] is None][:1])
    return [points[position] for position in sorted(kept)]


def ticks(bottom: float, top: float) -> list[float]:
    """About five round numbers from ``bottom`` to ``top``."""
    least = (top - bottom) / Y_TICKS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= least)
    first = math.ceil(bottom / step)
    return [round(number * step, 12) for number in range(first, math.floor(top / step) + 1)]


def time_ticks(start_s: float, end_s: float, zone: tzinfo) -> list[tuple[float, str]]:
    """Round times on the clock of ``zone``: ``14:00`` within days, ``11-21`` where days begin."""
    least = (end_s - start_s) / MOST_X_TICKS
    step_s = next((each for each in TIME_STEPS_S if each >= least), DAY_S * math.ceil(least / DAY_S))
    start = datetime.fromtimestamp(start_s, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for number in range(math.ceil((end_s - start_s + DAY_S) / step_s) + 1):
        there = start + timedelta(seconds=number * step_s)  # on the clock: also across the change to summer time
        at_s = there.timestamp()
        if start_s <= at_s <= end_s:
            is_day = there.hour == there.minute == 0
            found.append((at_s, there.strftime("%m-%d" if is_day else "%H:%M")))
    return found


def _range(numbers: Sequence[float]) -> tuple[float, float]:
    bottom, top = min(numbers), max(numbers)
    room = (top - bottom) * ROOM or abs(top) * ROOM or 1.0
    return (0.0 if bottom == 0 else bottom - room), top + room


def _lines(story: Story, history: History, own: Sequence[float], speech: Speech) -> Iterator[tuple[str, float, str]]:
    """The thresholds of the levels, as far as they are near what is to be seen."""
    bottom, top = min(own), max(own)
    for level in history.levels:
        threshold = level.when.threshold
        if threshold is None or threshold.metric != history.change.metric:
            continue
        room = FAR * max(top - bottom, abs(threshold.value) * ROOM)
        if level.name == story.level or bottom - room <= threshold.value <= top + room:
            number = speech.number(threshold.value, _unit(history.change.unit))
            yield f"{speech.name(level.name)} {threshold.operator} {number}", threshold.value, level.severity.value


def _unit(unit: Unit) -> Unit:
    """That of a threshold: the language writes it as a plain number, or as a share."""
    return unit if unit is Unit.RATIO else Unit.COUNT


def _band(story: Story, history: History) -> list[tuple[float, float, float]]:
    """What was expected of the number: where it should have been by now, from where it was; or at its age."""
    change = history.change
    band = next((each for each in story.bands if (each.metric, each.label) == (change.metric, change.label)), None)
    known = [(at_s, value) for at_s, value in history.points if not math.isnan(value)]
    if band is None or not known:
        return []
    return _at_its_age(band, history, known[-1][0]) if band.by_age else _growth(band, known)


def _growth(band: Band, known: Sequence[tuple[float, float]]) -> list[tuple[float, float, float]]:
    end_s = known[-1][0]
    before = [value for at_s, value in known if at_s <= end_s - band.span_s]
    if not before:
        return []
    start = before[-1]
    return [(end_s - band.span_s, start, start), (end_s, start + band.low, start + band.high)]


def _at_its_age(band: Band, history: History, end_s: float) -> list[tuple[float, float, float]]:
    """Over the last tenth of the picture."""
    width_s = (end_s - max(history.points[0][0], history.since.timestamp())) / 10
    return [(end_s - width_s, band.low, band.high), (end_s, band.low, band.high)]


def _moments(story: Story, start_s: float) -> Iterator[float]:
    """When it was told; of what is over also when it began, if that is to be seen."""
    at_s = story.at.astimezone(UTC).timestamp()
    if story.ending is not None and at_s - story.ending.lasted_s >= start_s:
        yield at_s - story.ending.lasted_s
    yield at_s
