"""One look at one target: what its rules say, what becomes of its alerts, who is owed news."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rules import lifecycle
from rules.book import Rule
from rules.message import Records, Scene, compose, gather, seen_at
from rules.telling import owed
from rules.values import NO_LABELS, Alert, Labels, Ok, Outcome, Owed, Target, Transition, Verdict, View

AlertKey = tuple[str, Labels]
"""A rule's name and a label set: with the target, what an alert is about."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a target at a moment, and the alerts it has."""

    target: Target
    view: View
    alerts: Mapping[AlertKey, Alert]
    at: datetime
    measured: Mapping[str, datetime]
    records: Records


def evaluate(rules: Iterable[Rule], look: Look) -> list[Outcome]:
    """What follows for each alert that changes or is owed; targets where all is well answer with nothing.

    Judging the same look twice answers with nothing the second time.
    """
    outcomes: list[Outcome] = []
    at_s = look.at.timestamp()
    for rule in rules:
        verdicts = judge(rule, look.view, at_s)
        for labels, verdict in verdicts.items():
            alert = look.alerts.get((rule.name, labels))
            if alert is not None or verdict.at_least:
                outcomes += _follow(rule, labels, alert, verdict, look)
        outcomes += _gone(rule, verdicts, look)
    return outcomes


def close(alert: Alert, rule: Rule, look: Look, reason: str) -> Outcome:
    """The end of an alert whose rule or target is no more: whoever was told of it is told that it is over."""
    return _outcome(rule, alert, lifecycle.end(reason), look)


def judge(rule: Rule, view: View, at_s: float) -> Mapping[Labels, Verdict]:
    """What a rule says of each label set, at ``at_s`` seconds since the epoch.

    Nothing of none, if a number without labels that it reads was seen once and is no more (an account's points, when
    the account moved to a rating).
    """
    if any(view.get(metric) == {} for metric in rule.single):
        return {}
    truths = [level.when.truths(view, at_s) for level in rule.levels]
    clear = None if rule.clear is None else rule.clear.truths(view, at_s)
    everywhere = truths[0] if len(truths) == 1 else {labels for each in truths for labels in each}
    return {labels: _verdict([each.get(labels) for each in truths], clear, labels) for labels in everywhere}


def _verdict(truths: Sequence[bool | None], clear: Mapping[Labels, bool | None] | None, labels: Labels) -> Verdict:
    at_least = max((number for number, truth in enumerate(truths, 1) if truth), default=0)
    at_most = max((number for number, truth in enumerate(truths, 1) if truth is not False), default=0)
    cleared = at_most == 0 if clear is None else clear.get(labels, clear.get(NO_LABELS))
    return Verdict(at_least, at_most, cleared)


def _follow(rule: Rule, labels: Labels, alert: Alert | None, verdict: Verdict, look: Look) -> Iterator[Outcome]:
    before = alert or Alert(rule.name, look.target.key, labels, Ok())
    at = look.at if rule.timed else seen_at(rule, labels, look.view) or look.at
    stepped = lifecycle.step(before.state, verdict, rule, at)
    if stepped.state != before.state or any(owed(before, rule, look.target.channels)):
        yield _outcome(rule, before, stepped, look)


def _gone(rule: Rule, verdicts: Mapping[Labels, Verdict], look: Look) -> Iterator[Outcome]:
    for (name, labels), alert in look.alerts.items():
        if name == rule.name and labels not in verdicts:
            yield _outcome(rule, alert, lifecycle.end("what it was about is gone"), look)


def _outcome(rule: Rule, before: Alert, stepped: lifecycle.Step, look: Look) -> Outcome:
    after = replace(before, state=stepped.state)
    scene = Scene(rule, look.target, before.labels, look.view, look.at, look.measured, look.records, stepped.reason)
    transitions = [
        Transition(change, look.at, before.level, after.level, stepped.reason, gather(rule, before.labels, look.view))
        for change in [stepped.change]
        if change is not None
    ]
    letters = [
        Owed(channel, after.level, compose(scene, before, after, before.told.get(channel, 0), news))
        for channel, news in owed(after, rule, look.target.channels)
    ]
    told = {**before.told, **{letter.channel: letter.level for letter in letters}}
    return Outcome(replace(after, told=told), transitions, letters)
