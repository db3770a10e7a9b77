"""What would be sent of a rule and a target now, and to whom. Nothing is written, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from daemon.channels import Channel
from daemon.explain import Known
from daemon.illustrator import line_of
from daemon.recent import KEPT
from daemon.scribe import Scribe
from rules.audience import Audience, audience
from rules.book import Rule
from rules.evaluate import as_read, judge
from rules.message import Scene, compose
from rules.story import Story
from rules.telling import news
from rules.values import NO_LABELS, Alert, Firing, Labels, News, Ok, Target, Window
from rules.wording import Message
from storage.samples import SampleRow
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An alert that is on (it has an id), or would be, what is told of it to somebody new, and who hears it now.

    ``held`` is why none of them does for now, in words; "" if they do.
    """

    alert: Alert
    story: Story
    audience: Audience
    held: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as its service is given it."""

    channel: str
    title: str
    body: str
    message: Message


def rehearse(rule: Rule, target: Target, known: Known, store: Store, level: int = 0) -> Rehearsal:
    """The alert of a rule on a target, if there is one, else as it were if the rule fired, at its lowest true level.

    Where several are on, or could be, the gravest. With ``level`` (counted from 1) as it were at that one.
    """
    alert = _alert(rule, target, known, level)
    before = replace(alert, state=Ok(), told={})
    what = news(None, alert.stand) or News.FIRED
    story = compose(_scene(rule, target, alert.labels, known, store), before, alert, 0, what)
    case = rule.case(target, alert.labels, alert.stand)
    found = audience(rule, case, known.telling, known.at, escalated=alert.past.escalated)
    held = known.docket.why_muted(rule, target.key) or known.docket.said.silenced(case, known.at)
    return Rehearsal(alert, story, found, held)


def shown(rehearsal: Rehearsal, channel: Channel, scribe: Scribe, known: Known) -> Shown:
    """The message for a channel, as ``scribe`` writes it at the moment ``known``; without links, which would act."""
    story = as_read(channel.name, rehearsal.story, known.telling)
    message = scribe.write([story], channel.name, channel.markup, known.at)
    title, body = channel.texts(message, f"{rehearsal.alert.id or 0}.0")
    return Shown(channel.name, title, body, message)


def _alert(rule: Rule, target: Target, known: Known, level: int) -> Alert:
    on = [alert for alert in known.docket.alerts(target.key) if alert.rule == rule.name and alert.stand]
    if on and level in (0, max(on, key=_level).level):
        return max(on, key=_level)
    verdicts = judge(rule, known.recent.view(target.key), known.at.timestamp())
    true = {labels: verdict.at_least for labels, verdict in verdicts.items()}
    labels = max(on, key=_level).labels if on else _gravest(true)
    number = level or true.get(labels, 0) or 1
    return Alert(rule.name, target.key, labels, Firing(number, known.at, known.at, number))


def _level(alert: Alert) -> int:
    return abs(alert.stand)


def _gravest(true: Mapping[Labels, int]) -> Labels:
    return max(true, key=lambda labels: true[labels], default=NO_LABELS)


def _scene(rule: Rule, target: Target, labels: Labels, known: Known, store: Store) -> Scene:
    return Scene(
        rule=rule,
        target=target,
        labels=labels,
        view=dict(_remembered(rule, target, known, store)),
        at=known.at,
        measured=known.recent.measured(target.key),
        records=partial(known.docket.records, target.key),
        reason="",
    )


def _remembered(
    rule: Rule, target: Target, known: Known, store: Store
) -> Iterator[tuple[str, Mapping[Labels, Window]]]:
    """What the rule reads, with as many looks as a daemon at work remembers: a message tells old and new."""
    for metric, windows in known.recent.view(target.key).items():
        line = line_of(target.key, metric, known.recent) if metric in rule.needs else None
        rows = [] if line is None else list(store.backwards(line, known.at, KEPT))[::-1]
        yield metric, {labels: _longer(window, metric, labels, rows) for labels, window in windows.items()}


def _longer(window: Window, metric: str, labels: Labels, rows: Sequence[SampleRow]) -> Window:
    """The same with the looks before its own."""
    own = list(zip(window.times_s, window.values, strict=True))
    first_s = own[0][0] if own else 0.0
    before = [
        (at_s, numbers[keys.index((metric, labels))])
        for _, at_s, keys, numbers in rows
        if at_s < first_s and (metric, labels) in keys
    ]
    found = Window([*before, *own], window.fresh_for_s)
    found.blind, found.doubted, found.pause_for_s = window.blind, window.doubted, window.pause_for_s
    return found
