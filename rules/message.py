"""A transition in words.

Plain text, a fact a line: what happened (old -> new), what it means, what comes next and how far it is, the records
behind it, when it was measured and when polled, whose it is, and where to look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from rules.book import PLACEHOLDER, Level, Rule
from rules.durations import say_duration
from rules.expression import Threshold
from rules.values import (
    NO_LABELS,
    Alert,
    Evidence,
    Firing,
    Labels,
    Message,
    News,
    Record,
    Severity,
    Target,
    Unit,
    View,
    Window,
)

MAX_RECORDS = 3
MAX_EVIDENCE = 8

Records = Callable[[str], Sequence[Record]]
"""The newest records of a kind that are kept for the target."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All a message can speak of.

    ``measured`` is the instant a metric's newest number describes, where that is not the time of the poll; ``reason``
    is why the alert took its step, or "".
    """

    rule: Rule
    target: Target
    labels: Labels
    view: View
    at: datetime
    measured: Mapping[str, datetime]
    records: Records
    reason: str


def compose(scene: Scene, before: Alert | None, after: Alert, told: int, what: News) -> Message:
    """The message for a channel that was last told level ``told``."""
    rule = scene.rule
    level = rule.levels[(after.level or told) - 1]
    severity = Severity.INFO if what is News.RESOLVED else level.severity
    title = f"{_MARKS[what]} {severity.upper()}: {_summary(scene, level)}"
    if what is News.RESOLVED:
        title = f"{_MARKS[what]} RESOLVED: {_summary(scene, level)}"
    lines = [*_what_happened(scene, told, after, what), *_meaning(scene, level, what), *_ending(scene, before, what)]
    return Message(title, "\n".join([*lines, *_records(scene, what), *_times(scene), *_whose(scene)]), severity, what)


def gather(rule: Rule, labels: Labels, view: View) -> tuple[Evidence, ...]:
    """The newest numbers that a rule's conditions rest on, for the series that belong to ``labels``."""
    found: dict[tuple[str, Labels], Evidence] = {}
    for metric, own, window, unit in _windows(rule, labels, view):
        value = window.values[-1] if window.times_s and not window.blind else math.nan
        found[metric, own] = Evidence(metric, own, None if math.isnan(value) else value, unit)
    return tuple(found.values())[:MAX_EVIDENCE]


def seen_at(rule: Rule, labels: Labels, view: View) -> datetime | None:
    """When the newest of those numbers was polled; None if none ever was."""
    times_s = [window.times_s[-1] for _, _, window, _ in _windows(rule, labels, view) if window.times_s]
    return datetime.fromtimestamp(max(times_s), UTC) if times_s else None


def say_number(value: float | None, unit: Unit) -> str:
    """A number as a person writes it: 12,345 or 7.16 or 5 % or 3 d 2 h; "unknown" where it is."""
    if value is None or math.isnan(value):
        return "unknown"
    match unit:
        case Unit.RATIO:
            return f"{value * 100:.3g} %"
        case Unit.SECONDS:
            return say_duration(value)
        case Unit.TIMESTAMP:
            return say_time(datetime.fromtimestamp(value, UTC))
        case Unit.STATE:
            return "yes" if value else "no"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def say_time(at: datetime) -> str:
    """``2026-11-21 03:46 UTC``."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


_MARKS = {News.FIRED: "▲", News.CLIMBED: "▲", News.DESCENDED: "▼", News.RESOLVED: "✔"}


def _summary(scene: Scene, level: Level) -> str:
    text = scene.rule.summary or "{name}: {rule}" + ("" if len(scene.rule.levels) == 1 else " {level}")
    words = {
        "name": scene.target.name,
        "owner": scene.target.owner,
        "platform": scene.target.platform,
        "rule": scene.rule.name,
        "level": level.name,
        **dict(scene.labels),
    }
    return PLACEHOLDER.sub(lambda match: _filled(scene, match.group(1), words), text)


def _filled(scene: Scene, name: str, words: Mapping[str, str]) -> str:
    return words[name] if name in words else _newest(scene, name)


def _newest(scene: Scene, metric: str) -> str:
    window = scene.view.get(metric, {}).get(NO_LABELS)
    return say_number(window.values[-1] if window and window.times_s else None, scene.rule.reads[metric])


def _what_happened(scene: Scene, told: int, after: Alert, what: News) -> Iterator[str]:
    ladder = scene.rule.levels
    if len(ladder) > 1:
        old = ladder[told - 1].name if told else "none"
        new = ladder[after.level - 1].name if after.level else "none"
        yield f"Level: {old} → {new}"
    for metric, labels, window, unit in islice(_windows(scene.rule, scene.labels, scene.view), MAX_EVIDENCE):
        own = ", ".join(value for _, value in labels if (_, value) not in scene.labels)
        yield f"{metric}{f' ({own})' if own else ''}: {_old_and_new(window, unit)}"
    if what is not News.RESOLVED:
        yield f"Condition: {ladder[after.level - 1].when.text}"


def _old_and_new(window: Window, unit: Unit) -> str:
    if not window.times_s:
        return "never seen"
    new = say_number(window.values[-1], unit)
    earlier = [value for value in window.values[:-1] if value != window.values[-1] and not math.isnan(value)]
    return f"{say_number(earlier[-1], unit)} → {new}" if earlier else new


def _meaning(scene: Scene, level: Level, what: News) -> Iterator[str]:
    if what is News.RESOLVED:
        return
    if level.effect:
        yield f"Means: {level.effect}"
    above = scene.rule.levels[scene.rule.levels.index(level) + 1 :]
    if above and above[0].when.threshold:
        yield f"Next: {above[0].name} {_distance(scene, above[0].when.threshold)}"


def _distance(scene: Scene, threshold: Threshold) -> str:
    window = scene.view.get(threshold.metric, {}).get(NO_LABELS)
    value = window.values[-1] if window and window.times_s else math.nan
    to_go = "" if math.isnan(value) else f", {abs(threshold.value - value):g} to go"
    return f"at {threshold.metric} {threshold.operator} {threshold.value:g}{to_go}"


def _ending(scene: Scene, before: Alert | None, what: News) -> Iterator[str]:
    if what is News.RESOLVED and before is not None and isinstance(before.state, Firing):
        lasted = say_duration((scene.at - before.state.since).total_seconds())
        peak = scene.rule.levels[before.state.peak - 1].name
        yield f"Lasted: {lasted}; peak: {peak}"
    if what is News.RESOLVED and scene.reason:
        yield f"Why: {scene.reason}"


def _records(scene: Scene, what: News) -> Iterator[str]:
    if not scene.rule.records or what is News.RESOLVED:
        return
    about = {value for _, value in scene.labels}
    found = scene.records(scene.rule.records)
    for record in [record for record in found if not about or record.id in about][:MAX_RECORDS]:
        told = [f"{name.replace('_', ' ')}: {text}" for name, text in record.words.items() if text]
        yield f"{record.kind.replace('_', ' ')} {record.id}"
        yield from (f"  {line}" for line in told)


def _times(scene: Scene) -> Iterator[str]:
    polled = seen_at(scene.rule, scene.labels, scene.view)
    if polled is None:
        return
    measured = min((scene.measured[name] for name in scene.rule.needs if name in scene.measured), default=polled)
    yield f"Measured: {say_time(measured)}; polled: {say_time(polled)}"


def _whose(scene: Scene) -> Iterator[str]:
    target = scene.target
    yield f"Who: {target.name} ({target.key})" + (f", owner {target.owner}" if target.owner else "")
    if target.link:
        yield target.link


def _windows(rule: Rule, labels: Labels, view: View) -> Iterator[tuple[str, Labels, Window, Unit]]:
    """The windows the conditions read that belong to ``labels``: those whose own labels do not contradict them."""
    fixed = dict(labels)
    for metric, unit in rule.reads.items():
        for own, window in view.get(metric, {}).items():
            if all(fixed.get(name, value) == value for name, value in own):
                yield metric, own, window, unit
