"""A transition as a story: all the facts that a message may speak of, gathered at the moment when they are true."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from rules import story
from rules.book import PLACEHOLDER, Level, Rule
from rules.closures import not_older
from rules.expression import Threshold
from rules.grammar import Selector
from rules.story import Amount, Story
from rules.values import (
    NO_LABELS,
    Alert,
    Evidence,
    Farthest,
    Firing,
    Labels,
    News,
    Record,
    Severity,
    State,
    Subject,
    Target,
    Unit,
    View,
    Window,
)
from rules.windows import newest

MAX_RECORDS = 3
MAX_EVIDENCE = 8

SCHEMES = {"violation_score": "points", "health_rating": "chr"}
"""The numbers that are known on one scheme of an account's health only, and which (DOMAIN 1.5)."""
POINTS_COUNT_FOR = timedelta(days=90)
"""Violation points fall off so long after the violation (DOMAIN 1.7); the platform does not say when."""

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


def compose(scene: Scene, before: Alert, after: Alert, told: int, what: News) -> Story:
    """The story for a channel that was last told that the alert stands at ``told`` (0: nothing, or it is over)."""
    rule, stand, over = scene.rule, after.stand, what is News.RESOLVED
    level = rule.levels[abs(stand or told) - 1]
    polled = seen_at(rule, scene.labels, scene.view)
    return Story(
        news=what,
        severity=Severity.INFO if over else level.severity,
        at=scene.at,
        rule=rule.name,
        who=_who(scene),
        headline=tuple(_headline(scene, level)),
        level=level.name,
        ladder=tuple(each.name for each in rule.levels),
        told=told,
        stand=stand,
        scheme=next((SCHEMES[metric] for metric in rule.reads if metric in SCHEMES), ""),
        changes=tuple(_changes(scene, before if over else None)),
        bands=tuple(dict.fromkeys(_bands(scene, level))) if stand else (),
        condition=level.when.shown if stand else "",
        effect="" if over else level.effect,
        ends=None if over else _ends(scene, level, after),
        ahead=None if over else _ahead(scene, level),
        flutter=_flutter(rule) if what is News.FLAPPING else None,
        ending=_ending(scene, before) if over else None,
        reason=scene.reason if what in {News.RESOLVED, News.SETTLED} else "",
        held="" if over else before.past.held,
        records=() if over else tuple(_records(scene)),
        measured=min((scene.measured[name] for name in rule.needs if name in scene.measured), default=polled),
        polled=polled,
        template=rule.template,
        labels=scene.labels,
        stood=after.past.stood,
        heard=after.past.heard,
        escalated=bool(after.past.escalated) and what is News.FIRED,
    )


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


def _who(scene: Scene) -> story.Who:
    target = scene.target
    handle = _HANDLE.search(target.link)
    known = scene.records("shop_account") if target.subject is Subject.ACCOUNT else ()
    return story.Who(
        name=target.name,
        key=target.key,
        platform=target.platform,
        owner=target.owner,
        handle=handle[1] if handle else "",
        region=known[0].words.get("region", "") if known else "",
        link=target.link,
    )


_HANDLE = re.compile(r"^https://[^/]+/@([\w.]+)$")


def _headline(scene: Scene, level: Level) -> Iterator[story.Piece]:
    text = scene.rule.summary
    if not text:
        yield ", ".join([f"{scene.target.name}: {scene.rule.name}{_step(scene, level)}", *dict(scene.labels).values()])
    words = {
        "name": scene.target.name,
        "owner": scene.target.owner,
        "platform": scene.target.platform,
        "rule": scene.rule.name,
        "level": level.name,
        **dict(scene.labels),
    }
    for position, part in enumerate(PLACEHOLDER.split(text)):
        if position % 2 == 0:
            yield from filter(None, [part])
        else:
            yield words[part] if part in words else _newest(scene, part)


def _step(scene: Scene, level: Level) -> str:
    return "" if len(scene.rule.levels) == 1 else f" {level.name}"


def _newest(scene: Scene, metric: str) -> Amount:
    window, unit = scene.view.get(metric, {}).get(scene.rule.shown[metric]), scene.rule.reads[metric]
    return Amount(None, unit) if window is None else _amount(window, scene, unit)


def _changes(scene: Scene, before: Alert | None) -> Iterator[story.Change]:
    """What the numbers were and are; with the alert as it was ``before`` its end also how far they went."""
    for metric, labels, window, unit in islice(_windows(scene.rule, scene.labels, scene.view), MAX_EVIDENCE):
        value = _known(window, scene.rule, scene.at)
        earlier = [] if value is None else [each for each in window.values if each != value and not math.isnan(each)]
        yield story.Change(
            metric=metric,
            unit=unit,
            new=_amount(window, scene, unit) if window.times_s else None,
            label=label_of(labels, scene.labels),
            old=earlier[-1] if earlier else None,
            peak=None if before is None else _peak(window, scene.rule, metric, before),
        )


def _peak(window: Window, rule: Rule, metric: str, before: Alert) -> float | None:
    """The number that was the farthest beyond its threshold while the alert was on; None where none is."""
    threshold = _threshold(rule)
    if threshold is None or threshold.metric != metric or not isinstance(before.state, Firing):
        return None
    since_s = before.state.since.timestamp()
    seen = [value for at_s, value in zip(window.times_s, window.values, strict=True) if at_s >= since_s]
    return _farthest(threshold, [_so_far(threshold, before.state), *seen])


def farthest(rule: Rule, labels: Labels, view: View, state: State) -> Farthest | None:
    """How far the number of an alert went, with the newest; ``state`` is where it stood at the last look."""
    threshold = _threshold(rule)
    if threshold is None:
        return None
    series = view.get(threshold.metric, {})
    window = series.get(labels) or series.get(NO_LABELS)
    now = window.values[-1] if window and window.times_s and not window.doubted else None
    number = _farthest(threshold, [_so_far(threshold, state), now])
    return None if number is None else Farthest(threshold.metric, number)


def _so_far(threshold: Threshold, state: State) -> float | None:
    """How far it went until the last look; None, too, if the rule was about another number by then."""
    known = state.farthest if isinstance(state, Firing) else None
    return known.number if known and known.metric == threshold.metric else None


def _threshold(rule: Rule) -> Threshold | None:
    """That of the lowest level which has one that can be passed by far: the number that the ladder is about."""
    found = (level.when.threshold for level in rule.levels)
    return next((each for each in found if each is not None and each.operator not in {"==", "!="}), None)


def _farthest(threshold: Threshold, numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None and math.isfinite(number)]
    return (min if threshold.operator.startswith("<") else max)(known, default=None)


def _bands(scene: Scene, level: Level) -> Iterator[story.Band]:
    """What was expected where a detector looked, and what was seen."""
    for metric, labels, found in level.when.bands(scene.view, scene.at.timestamp()):
        if _belongs(labels, dict(scene.labels)) and all(map(math.isfinite, (found.low, found.high, found.saw))):
            yield story.Band(
                metric=metric,
                low=found.low,
                high=found.high,
                saw=found.saw,
                span_s=found.span_s,
                by_age=found.is_age,
                label=label_of(labels, scene.labels),
                grounds=found.grounds,
            )


def label_of(labels: Labels, known: Labels) -> str:
    """The labels that tell a series from the others of its alert."""
    return ", ".join(value for name, value in labels if (name, value) not in known)


def _known(window: Window, rule: Rule, at: datetime) -> float | None:
    """The newest number, as far as the rule believes it at ``at``."""
    stale_after_s = math.inf if rule.stale_after is None else rule.stale_after.total_seconds()
    known: float | None = not_older(newest, stale_after_s)(window, at.timestamp())
    return known


def _amount(window: Window, scene: Scene, unit: Unit) -> Amount:
    """The newest number; of one that is not known, what was known last."""
    value = _known(window, scene.rule, scene.at)
    seen = [(time_s, each) for time_s, each in zip(window.times_s, window.values, strict=True) if not math.isnan(each)]
    if value is not None or not seen:
        return Amount(value, unit)
    time_s, last = seen[-1]
    return Amount(None, unit, last, datetime.fromtimestamp(time_s, UTC))


def _ends(scene: Scene, level: Level, after: Alert) -> datetime | None:
    """When the effect of a level is over at the latest: it began when it was first seen, or before."""
    state = after.state
    if level.lasts is None or not isinstance(state, Firing) or after.past.flaps is not None:
        return None
    is_first = state.level == state.peak == 1
    return (state.since if is_first else after.past.stood or scene.at) + level.lasts


def _ahead(scene: Scene, level: Level) -> story.Ahead | None:
    above = scene.rule.levels[scene.rule.levels.index(level) + 1 :]
    threshold = above[0].when.threshold if above else None
    if threshold is None:
        return None
    window = scene.view.get(threshold.metric, {}).get(NO_LABELS)
    value = None if window is None else _known(window, scene.rule, scene.at)
    return story.Ahead(
        level=above[0].name,
        metric=threshold.metric,
        operator=threshold.operator,
        threshold=threshold.value,
        unit=Unit.RATIO if scene.rule.reads[threshold.metric] is Unit.RATIO else Unit.COUNT,  # a state is 0 or 1 here
        to_go=None if value is None or threshold.holds(value) else abs(threshold.value - value),
    )


def _flutter(rule: Rule) -> story.Flutter | None:
    flapping = rule.flapping
    if flapping is None:
        return None
    return story.Flutter(flapping.times, flapping.within.total_seconds(), climbs=len(rule.levels) > 1)


def _ending(scene: Scene, before: Alert) -> story.Ending | None:
    """How it was; of one that came and went, since the first time that is remembered."""
    began = [before.state.since] if isinstance(before.state, Firing) else []
    if before.past.flaps is not None:
        began += before.past.begun
    if not began:
        return None
    return story.Ending((scene.at - min(began)).total_seconds(), scene.rule.levels[before.peak - 1].name)


def _records(scene: Scene) -> Iterator[story.RecordWords]:
    if not scene.rule.records:
        return
    about = {value for _, value in scene.labels}
    found = scene.records(scene.rule.records)
    for record in [record for record in found if not about or record.id in about][:MAX_RECORDS]:
        words = tuple(story.Word(name, text, _instant(text)) for name, text in record.words.items() if text)
        instants = {word.name: word.instant for word in words}
        violated = instants.get("violation_time")
        yield story.RecordWords(
            kind=record.kind,
            id=record.id,
            words=words,
            can_appeal=_can_appeal(scene, record),
            deadline=instants.get("appeal_deadline"),
            falls_off=None if violated is None else violated + POINTS_COUNT_FOR,
            alike=_alike(record, found, scene.at),
        )


def _can_appeal(scene: Scene, record: Record) -> bool | None:
    """Whether an appeal is open, as the platform says; None where it does not, or that is not known any more."""
    for own, window in scene.view.get("appeal_open", {}).items():
        if ("record", record.id) in own:
            known = _known(window, scene.rule, scene.at)
            return None if known is None else bool(known)
    deadline = _instant(record.words.get("appeal_deadline", ""))
    return None if deadline is None else deadline > scene.at


def _alike(record: Record, found: Sequence[Record], at: datetime) -> int | None:
    """How many of the records that are kept are of the same policy, and of the last 90 days; None: it names none."""
    policy = _policy(record)
    times = [_instant(each.words.get("violation_time", "")) for each in found if _policy(each) == policy]
    if not policy or _instant(record.words.get("violation_time", "")) is None:
        return None
    return sum(1 for time in times if time is not None and at - time <= POINTS_COUNT_FOR)


def _policy(record: Record) -> str:
    return record.words.get("policy_url", "") or record.words.get("type", "")


def _instant(text: str) -> datetime | None:
    """The instant that a text names; None also if it only looks like one."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _INSTANT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


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
