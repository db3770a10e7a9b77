"""A transition in words.

Plain text, a fact a line: what happened (old -> new), what it means, what comes next and how far it is, the records
behind it, when it was measured and when polled, whose it is, and where to look.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from rules.book import PLACEHOLDER, Level, Rule
from rules.closures import not_older
from rules.durations import say_duration
from rules.expression import Threshold
from rules.grammar import Selector
from rules.lifecycle import how_often
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
from rules.windows import newest

MAX_RECORDS = 3
MAX_EVIDENCE = 8
MAX_LINES, MAX_LINE = 30, 100
"""Of a message that sums up: so many lines of so many characters fit into what every channel takes."""

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


def compose(scene: Scene, before: Alert, after: Alert, told: int, what: News) -> Message:
    """The message for a channel that was last told that the alert stands at ``told`` (0: nothing, or it is over)."""
    level = scene.rule.levels[abs(after.stand or told) - 1]
    over = what is News.RESOLVED
    severity = Severity.INFO if over else level.severity
    word = "RESOLVED" if over else severity.upper()
    title = f"{_MARKS[what]} {word}: {_summary(scene, level)}{_turn(told, what)}"
    lines = [
        *_what_happened(scene, level, told, after.stand),
        *([] if over else _meaning(scene, level)),
        *_why(scene, before, what),
        *([] if over else _records(scene)),
        *_times(scene),
        *_whose(scene),
    ]
    return Message(title, "\n".join(lines), severity, what)


def sum_up(messages: Sequence[Message]) -> Message:
    """One message for those that were on already when they were looked at for the first time; of one, that itself."""
    if len(messages) == 1:
        return messages[0]
    gravest = sorted(messages, key=lambda message: _GRAVITY[message.severity])
    lines = [message.title[:MAX_LINE] for message in gravest[:MAX_LINES]]
    rest = Counter(message.severity for message in gravest[MAX_LINES:])
    if rest:
        counted = ", ".join(f"{number} {severity}" for severity, number in rest.items())
        lines.append(f"and {rest.total()} more: {counted}")
    title = f"{len(messages)} alerts were on already at first sight"
    return Message(title, "\n".join(lines), gravest[0].severity, News.FIRED)


def gather(rule: Rule, labels: Labels, view: View, at: datetime) -> tuple[Evidence, ...]:
    """The numbers that a rule's conditions rest on at ``at``, for the series that belong to ``labels``."""
    found: dict[tuple[str, Labels], Evidence] = {}
    for metric, own, window, unit in _windows(rule, labels, view):
        found[metric, own] = Evidence(metric, own, _known(window, rule, at), unit)
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


_MARKS = {
    News.FIRED: "▲",
    News.CLIMBED: "▲",
    News.DESCENDED: "▼",
    News.FLAPPING: "↕",
    News.SETTLED: "▲",
    News.RESOLVED: "✔",
}
_GRAVITY = {severity: -position for position, severity in enumerate(Severity)}


def _turn(told: int, what: News) -> str:
    return " (comes and goes)" if what is News.FLAPPING else " (settled)" if told < 0 else ""


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
    window = scene.view.get(metric, {}).get(scene.rule.shown[metric])
    return "unknown" if window is None else _say_newest(window, scene, scene.rule.reads[metric])


def _what_happened(scene: Scene, level: Level, told: int, stand: int) -> Iterator[str]:
    if len(scene.rule.levels) > 1:
        yield f"Level: {_say_stand(scene.rule, told)} → {_say_stand(scene.rule, stand)}"
    for metric, labels, window, unit in islice(_windows(scene.rule, scene.labels, scene.view), MAX_EVIDENCE):
        yield f"{metric}{_say_labels(labels, scene.labels)}: {_old_and_new(window, scene, unit)}"
    if stand:
        yield from dict.fromkeys(_bands(scene, level))
        yield f"Condition: {level.when.shown}"


def _bands(scene: Scene, level: Level) -> Iterator[str]:
    """What was expected where a detector looked, and what was seen."""
    for metric, labels, found in level.when.bands(scene.view, scene.at.timestamp()):
        if _belongs(labels, dict(scene.labels)):
            low, high, saw = (say_number(_rounded(value), Unit.COUNT) for value in (found.low, found.high, found.saw))
            expected = f"expected {low}–{high} {found.when}, saw {saw}"  # noqa: RUF001 - a range
            grounds = f" ({', '.join(found.grounds)})" if found.grounds else ""
            yield f"{metric}{_say_labels(labels, scene.labels)}: {expected}{grounds}"


def _rounded(value: float) -> float:
    return float(round(value)) if abs(value) >= 10 else value


def _say_stand(rule: Rule, stand: int) -> str:
    return "coming and going" if stand < 0 else rule.levels[stand - 1].name if stand else "none"


def _say_labels(labels: Labels, known: Labels) -> str:
    """The labels that tell a series from the others of its alert."""
    own = ", ".join(value for name, value in labels if (name, value) not in known)
    return f" ({own})" if own else ""


def _old_and_new(window: Window, scene: Scene, unit: Unit) -> str:
    if not window.times_s:
        return "never seen"
    value, new = _known(window, scene.rule, scene.at), _say_newest(window, scene, unit)
    earlier = [] if value is None else [each for each in window.values if each != value and not math.isnan(each)]
    return f"{say_number(earlier[-1], unit)} → {new}" if earlier else new


def _known(window: Window, rule: Rule, at: datetime) -> float | None:
    """The newest number, as far as the rule believes it at ``at``."""
    stale_after_s = math.inf if rule.stale_after is None else rule.stale_after.total_seconds()
    known: float | None = not_older(newest, stale_after_s)(window, at.timestamp())
    return known


def _say_newest(window: Window, scene: Scene, unit: Unit) -> str:
    """The newest number; of one that is not known, what was known last: "unknown (last known 3, 5 h ago)"."""
    value, at_s = _known(window, scene.rule, scene.at), scene.at.timestamp()
    seen = [(time_s, each) for time_s, each in zip(window.times_s, window.values, strict=True) if not math.isnan(each)]
    if value is not None or not seen:
        return say_number(value, unit)
    time_s, last = seen[-1]
    return f"unknown (last known {say_number(last, unit)}, {say_duration(at_s - time_s)} ago)"


def _meaning(scene: Scene, level: Level) -> Iterator[str]:
    if level.effect:
        yield f"Means: {level.effect}"
    above = scene.rule.levels[scene.rule.levels.index(level) + 1 :]
    if above and above[0].when.threshold:
        yield f"Next: {above[0].name} {_distance(scene, above[0].when.threshold)}"


def _distance(scene: Scene, threshold: Threshold) -> str:
    window = scene.view.get(threshold.metric, {}).get(NO_LABELS)
    value = None if window is None else _known(window, scene.rule, scene.at)
    unit = Unit.RATIO if scene.rule.reads[threshold.metric] is Unit.RATIO else Unit.COUNT  # a state is 0 or 1 here
    left = None if value is None or threshold.holds(value) else abs(threshold.value - value)
    to_go = "" if left is None else f", {say_number(left, unit)} to go"
    return f"at {threshold.metric} {threshold.operator} {say_number(threshold.value, unit)}{to_go}"


def _why(scene: Scene, before: Alert, what: News) -> Iterator[str]:
    """Why it is told now, and not otherwise or before."""
    flapping = scene.rule.flapping
    if what is News.FLAPPING and flapping is not None:
        still = say_duration(flapping.within.total_seconds())
        yield f"Comes and goes: {how_often(scene.rule, flapping)}; held until it is still for {still}"
    if what is News.RESOLVED and isinstance(before.state, Firing):
        lasted = say_duration((scene.at - before.state.since).total_seconds())
        yield f"Lasted: {lasted}; peak: {scene.rule.levels[before.state.peak - 1].name}"
    if what in {News.RESOLVED, News.SETTLED} and scene.reason:
        yield f"Why: {scene.reason}"
    if before.past.held and what is not News.RESOLVED:
        yield f"Why held: {before.past.held}"


def _records(scene: Scene) -> Iterator[str]:
    if not scene.rule.records:
        return
    about = {value for _, value in scene.labels}
    found = scene.records(scene.rule.records)
    for record in [record for record in found if not about or record.id in about][:MAX_RECORDS]:
        yield f"{record.kind.replace('_', ' ')} {record.id}"
        for name, text in record.words.items():
            if text:
                yield f"  {name.replace('_', ' ')}: {_say_word(name, text, scene.at)}"


def _say_word(name: str, text: str, at: datetime) -> str:
    """A record's word as it is; an instant as people read it, and a deadline with the time that is left."""
    instant = _instant(text)
    if instant is None:
        return text
    if not name.endswith("deadline"):
        return say_time(instant)
    left_s = (instant - at).total_seconds()
    left = f"closes in {say_duration(left_s)}" if left_s > 0 else f"closed {say_duration(left_s)} ago"
    return f"{say_time(instant)}, {left}"


def _instant(text: str) -> datetime | None:
    """The instant that a text names; None also if it only looks like one."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _INSTANT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


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
    for metric, narrowed in _series(rule).items():
        for own, window in view.get(metric, {}).items():
            if _belongs(own, fixed) and any(_fits(own, selectors) for selectors in narrowed):
                yield metric, own, window, rule.reads[metric]


def _series(rule: Rule) -> Mapping[str, Sequence[Sequence[Selector]]]:
    """What a rule reads: the metrics, and how each is narrowed wherever it is read."""
    conditions = [*(level.when for level in rule.levels), rule.clear, *(level.clear for level in rule.levels)]
    found: dict[str, list[Sequence[Selector]]] = {}
    for series in [series for condition in conditions if condition is not None for series in condition.series]:
        found.setdefault(series.metric, []).append(series.selectors)
    return found


def _belongs(own: Labels, fixed: Mapping[str, str]) -> bool:
    return all(fixed.get(name, value) == value for name, value in own)


def _fits(own: Labels, selectors: Sequence[Selector]) -> bool:
    return all(((each.label, each.value) in own) is each.equal for each in selectors)
