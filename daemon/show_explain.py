"""What ``explain`` prints: of each rule its numbers, its conditions, what it says, and who was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from daemon import show
from daemon.explain import Condition, Explained, Life, Seen
from daemon.providers import METRICS
from daemon.recent import STATES
from daemon.show_audience import briefly, heard
from rules.book import Rule
from rules.durations import say_duration
from rules.values import Bounds, Change, Firing, Labels, Rising, Target, Unit, Verdict
from rules.wording import PLAIN, say_number, say_time

_SHOWN = 8
"""Label sets that a part of a condition is shown for."""


def explanation(target: Target, at: datetime, found: Sequence[Explained]) -> None:
    """Print what rules make of a target; those that do not look at it at the end."""
    show.line(f"{target.name} ({target.key}){f', owner {target.owner}' if target.owner else ''}, at {say_time(at)}")
    for each in (each for each in found if not each.idle):
        show.line()
        for text in _lines(each, at):
            show.line(text)
    show.line()
    if not found:
        show.line(f"no rule is on: {target.subject}")
    for each in (each for each in found if each.idle):
        for text in _lines(each, at):
            show.line(text)


def facts(target: Target, at: datetime, found: Sequence[Explained]) -> Mapping[str, Any]:
    """The same as it is printed in JSON."""
    return {"target": target.key, "name": target.name, "at": at.isoformat(), "rules": [_facts(each) for each in found]}


# --- text ---------------------------------------------------------------------------------------------------------


def _lines(each: Explained, at: datetime) -> Iterator[str]:
    yield f"{each.rule.name}: {each.idle or _standing(each)}"
    for seen in each.series:
        yield f"  {_seen(seen, at)}"
    for condition in each.conditions:
        yield from (f"  {text}" for text in _condition(condition))
    yield from (f"  held: {why}" for why in each.held)
    for own in each.tells:
        first, *more = briefly(own.audience, PLAIN)
        of_levels = f" of {', '.join(own.levels)}" if len(each.tells) > 1 else ""
        yield f"  tells{of_levels}: {first}"
        yield from (f"    {text}" for text in more)
    for life in each.lives:
        yield from (f"  {text}" for text in _life(life, each.rule))


def _standing(each: Explained) -> str:
    """Where its alerts stand; without one what it says."""
    states = [f"{_state(alert.state, each.rule)}{_of(alert.labels)}" for alert in each.alerts]
    if states:
        return "; ".join(states)
    verdicts = each.verdicts or {}
    unknown = sum(verdict.unknown for verdict in verdicts.values())
    if not verdicts:
        return "there is nothing that it could be about"
    true = max(verdict.at_least for verdict in verdicts.values())
    if true:
        return f"{each.rule.levels[true - 1].name} is true, and the daemon has not followed that yet"
    return "unknown" if unknown == len(verdicts) else f"fine, {unknown} unknown" if unknown else "fine"


def _state(state: object, rule: Rule) -> str:
    match state:
        case Firing(level=level, since=since):
            return f"FIRING, {rule.levels[level - 1].name}, since {say_time(since)}"
        case Rising(level=level, since=since):
            return f"pending, {rule.levels[level - 1].name}, since {say_time(since)}"
    return "over, and not everybody was told yet"


def _seen(seen: Seen, at: datetime) -> str:
    name = show.series(seen.metric, (f'{label}="{value}"' for label, value in seen.labels))
    if seen.polled is None or seen.since is None:
        return f"{name}: unknown: {seen.unknown}"
    number = say_number(seen.value, METRICS[seen.metric].unit)
    told = "said" if seen.metric in STATES else "polled"
    ages = [f"{told} {say_time(seen.polled)}, {_ago(seen.polled, at)}"]
    ages += [f"measured {say_time(seen.measured)}"] if seen.measured else []
    ages += [_past(seen, (seen.polled - seen.since).total_seconds())] if seen.looks > 1 or seen.back_s else []
    unknown = f"; unknown: {seen.unknown}" if seen.unknown else ""
    return f"{name} = {number} ({'; '.join(ages)}){unknown}"


def _past(seen: Seen, past_s: float) -> str:
    """How much past there is, and of how much where that is not all that the rule reads."""
    all_of_it = f" of {say_duration(seen.back_s)}" if past_s < seen.back_s else ""
    return f"{seen.looks} looks in {say_duration(past_s)}{all_of_it}"


def _ago(then: datetime, at: datetime) -> str:
    return f"{say_duration((at - then).total_seconds())} ago"


def _condition(condition: Condition) -> Iterator[str]:
    for part in condition.parts:
        if part.depth == 0:
            yield f"{condition.name}: {condition.expression.shown or part.text}  ->  {_value(part.value, part.unit)}"
        else:
            yield f"{'  ' * part.depth}{part.text}  ->  {_value(part.value, part.unit)}"
    for metric, labels, found in condition.bands:
        low, high, saw = (say_number(float(round(value)), Unit.COUNT) for value in (found.low, found.high, found.saw))
        score = f"({', '.join((f'score {found.score:.3g}', *found.grounds))})"
        yield f"  {metric}{_of(labels)}: expected {low} to {high} {found.when}, saw {saw} {score}"


def _value(value: object, unit: Unit) -> str:
    if isinstance(value, Mapping):
        shown = [f"{_text(labels)}: {_value(own, unit)}" for labels, own in list(value.items())[:_SHOWN]]
        more = [f"and {len(value) - _SHOWN} more"] if len(value) > _SHOWN else []
        return "; ".join(shown + more) or "nothing"
    match value:
        case None:
            return "unknown"
        case bool():
            return "true" if value else "false"
        case Bounds(low=low, high=high):
            return f"between {low:g} and {high:g}"
        case float() | int():
            return f"{value:,.6g}" if unit is Unit.COUNT else say_number(value, unit)
    return str(value)


def _said(change: Change) -> str:
    return change.name[2:].lower()


def _of(labels: Labels) -> str:
    return f" of {_text(labels)}" if labels else ""


def _text(labels: Labels) -> str:
    return ", ".join(value for _, value in labels) or "all"


def _life(life: Life, rule: Rule) -> Iterator[str]:
    yield f"alert {life.row.id}{_of(life.row.labels)}:"
    for step in life.steps:
        level = rule.levels[step.to_level - 1].name if 0 < step.to_level <= len(rule.levels) else "none"
        yield f"  {say_time(step.at)} {_said(step.change)}, level {level}: {step.reason}"
    for letter in life.letters:
        when = f"{letter.outcome} {say_time(letter.tried)}" if letter.tried else "waits"
        yield f"  {say_time(letter.created)} to {letter.channel}: {letter.news}, {when}: {letter.title}"


# --- JSON ---------------------------------------------------------------------------------------------------------


def _facts(each: Explained) -> Mapping[str, Any]:
    alerts = [_life_facts(life) for life in each.lives]
    if each.idle:
        return {"rule": each.rule.name, "idle": each.idle, "alerts": alerts}
    return {
        "rule": each.rule.name,
        "says": _standing(each),
        "series": [{**_written(asdict(seen)), "labels": dict(seen.labels)} for seen in each.series],
        "conditions": [_condition_facts(condition) for condition in each.conditions],
        "verdicts": [_verdict(labels, own) for labels, own in (each.verdicts or {}).items()],
        "held": list(each.held),
        "tells": [{"levels": list(own.levels), **heard(own.audience)} for own in each.tells],
        "alerts": alerts,
    }


def _life_facts(life: Life) -> Mapping[str, Any]:
    return {
        "id": life.row.id,
        "labels": dict(life.row.labels),
        "steps": [
            _written({"at": s.at, "change": _said(s.change), "level": s.to_level, "reason": s.reason})
            for s in life.steps
        ],
        "letters": [_written(asdict(letter)) for letter in life.letters],
    }


def _condition_facts(condition: Condition) -> Mapping[str, Any]:
    return {
        "name": condition.name,
        "text": condition.expression.text,
        "parts": [{"depth": p.depth, "text": p.text, "value": _plain(p.value)} for p in condition.parts],
        "expected": [
            {"metric": metric, "labels": dict(labels), **found._asdict()} for metric, labels, found in condition.bands
        ],
    }


def _verdict(labels: Labels, verdict: Verdict) -> Mapping[str, Any]:
    return {"labels": dict(labels), **asdict(verdict)}


def _written(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """With its times in ISO 8601."""
    return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in told.items()}


def _plain(value: object) -> object:
    """A value as JSON has it: of labels a list."""
    if isinstance(value, Mapping):
        return [{"labels": dict(labels), "value": _plain(own)} for labels, own in value.items()]
    return asdict(value) if isinstance(value, Bounds) else value
