"""One look at one target: what its rules say, what becomes of its alerts, who is owed news."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from rules import lifecycle
from rules.book import Rule
from rules.lifecycle import Sighting, Step
from rules.message import Records, Scene, compose, farthest, gather, seen_at
from rules.outcomes import Outcome, Owed, Transition
from rules.owing import Due, Hearing, settle
from rules.posting import STRAIGHTFORWARD, Telling
from rules.selectors import Case
from rules.story import Story
from rules.values import NO_LABELS, NO_PAST, Alert, Firing, Labels, Ok, Past, Severity, Target, Unknown, Verdict, View

AlertKey = tuple[str, Labels]
"""A rule's name and a label set: with the target, what an alert is about."""

Truths = Mapping[Labels, bool | None]


def _unmuted(_rule: Rule, _case: Case) -> str:
    return ""


def _unknown_to_all(_alert: Alert) -> int:
    return 0


class Look(NamedTuple):
    """What is known of a target at a moment, and the alerts it has, also those that are over but remembered.

    ``first`` are the rules that have not judged this target yet: that never knew an answer (``is_known``). ``muted``
    says why nothing new is to be told of an alert now, in words; "" if it is. ``telling`` says who hears of alerts,
    and how; ``acked`` up to which level somebody said that they know of one (0: of none).
    """

    target: Target
    view: View
    alerts: Mapping[AlertKey, Alert]
    at: datetime
    measured: Mapping[str, datetime]
    records: Records
    first: Collection[str] = ()
    muted: Callable[[Rule, Case], str] = _unmuted
    telling: Telling = STRAIGHTFORWARD
    acked: Callable[[Alert], int] = _unknown_to_all


def evaluate(rules: Iterable[Rule], look: Look) -> list[Outcome]:
    """What follows for each alert that changes or is owed; targets where all is well answer with nothing.

    Judging the same look twice answers with nothing the second time.
    """
    outcomes: list[Outcome] = []
    for rule in stirred(rules, look):
        truths, guess = _truths(rule, look.view, look.at.timestamp()), _guess(rule, look.view)
        outcomes += _followed(rule, truths, guess, look)
    return outcomes


def stirred(rules: Iterable[Rule], look: Look) -> list[Rule]:
    """The rules of which something may follow, which are few: of all others it is certain that nothing does."""
    view, at_s, alerting = look.view, look.at.timestamp(), {name for name, _ in look.alerts} if look.alerts else ()
    return [
        rule for rule in rules if rule.name in alerting or rule.unknown is not Unknown.HOLD or _holds(rule, view, at_s)
    ]


def close(alert: Alert, rule: Rule, look: Look, reason: str) -> Outcome:
    """The end of an alert whose rule or target is no more: whoever was told of it is told that it is over."""
    is_on = not isinstance(alert.state, Ok) or alert.stand
    stepped = lifecycle.end(reason) if is_on else Step(alert.state, reason=reason)
    after, due = _standing(rule, alert, stepped, NO_PAST, look)
    return _outcome(rule, alert, after, due, stepped, look)


def judge(rule: Rule, view: View, at_s: float) -> Mapping[Labels, Verdict]:
    """What a rule says of each label set, at ``at_s`` seconds since the epoch.

    Nothing of none, if a number without labels that it reads was seen once and is no more (an account's points, when
    the account moved to a rating).
    """
    truths, clears, guess = _truths(rule, view, at_s), _clears(rule, view, at_s), _guess(rule, view)
    return {labels: _verdict(rule, labels, truths, clears, guess) for labels in _label_sets(truths)}


def is_known(rule: Rule, view: View, at_s: float) -> bool:
    """Whether a rule can judge a target: it knows an answer, or has looked and found nothing that it could be of."""
    verdicts = judge(rule, view, at_s)
    if not verdicts:
        return all(metric in view for metric in rule.needs)
    return not all(verdict.unknown for verdict in verdicts.values())


# --- what a rule says ---------------------------------------------------------------------------------------------


def _truths(rule: Rule, view: View, at_s: float) -> Sequence[Truths]:
    """The truths of each level; of none, where a number is no more."""
    for metric in rule.single:
        if not view.get(metric, True):
            return ()
    return [level.when.truths(view, at_s) for level in rule.levels]


def _holds(rule: Rule, view: View, at_s: float) -> bool:
    """Whether a level is true of anything."""
    for level in rule.levels:
        value = level.when.run(view, at_s)
        if value is True or (value and True in value.values()):
            return True
    return False


def _label_sets(truths: Sequence[Truths]) -> Iterable[Labels]:
    return truths[0] if len(truths) == 1 else dict.fromkeys(labels for each in truths for labels in each)


def _guess(rule: Rule, view: View) -> bool | None:
    """What the rule makes of unknown: true, false, or nothing (None). Nothing, too, of what was never asked."""
    if rule.unknown is Unknown.HOLD or not all(view.get(metric) for metric in rule.needs):
        return None
    return rule.unknown is Unknown.FIRE


@dataclass(frozen=True, slots=True)
class _Clears:
    """The truths of the clear conditions: the rule's (None: it has none), and those of the levels that have one."""

    rule: Truths | None
    levels: Sequence[tuple[int, Truths]]


def _clears(rule: Rule, view: View, at_s: float) -> _Clears:
    own = [(number, level.clear) for number, level in enumerate(rule.levels, 1) if level.clear is not None]
    return _Clears(
        None if rule.clear is None else rule.clear.truths(view, at_s),
        [(number, clear.truths(view, at_s)) for number, clear in own],
    )


def _verdict(rule: Rule, labels: Labels, truths: Sequence[Truths], clears: _Clears, guess: bool | None) -> Verdict:
    raw = [each.get(labels) for each in truths]
    known = raw if guess is None else [guess if truth is None else truth for truth in raw]
    true = [number for number, truth in enumerate(known, 1) if truth]
    at_most = max((number for number, truth in enumerate(known, 1) if truth is not False), default=0)
    cleared = at_most == 0 if clears.rule is None else _cleared(clears.rule, labels, guess)
    return Verdict(
        at_least=max(true, default=0),
        at_most=at_most,
        clear=cleared,
        kept=tuple(number for number, clear in clears.levels if _cleared(clear, labels, guess) is not True),
        sure=max((number for number in true if rule.severity(number) is not Severity.CRITICAL), default=0),
        guessed=known != raw,
    )


def _cleared(truths: Truths, labels: Labels, guess: bool | None) -> bool | None:
    truth = truths.get(labels, truths.get(NO_LABELS))
    return truth if truth is not None or guess is None else not guess


# --- what follows -------------------------------------------------------------------------------------------------

_NOTHING = Verdict(0, 0, clear=True)


def _followed(rule: Rule, truths: Sequence[Truths], guess: bool | None, look: Look) -> Iterator[Outcome]:
    """What follows of a rule for each label set where a level is true or there is an alert."""
    clears = _clears(rule, look.view, look.at.timestamp())
    for labels in _label_sets(truths):
        verdict = _verdict(rule, labels, truths, clears, guess)
        if verdict.at_least or (rule.name, labels) in look.alerts:
            yield from _follow(rule, labels, verdict, look)
    yield from _gone(rule, truths, look)


def _follow(rule: Rule, labels: Labels, verdict: Verdict, look: Look) -> Iterator[Outcome]:
    before = look.alerts.get((rule.name, labels)) or Alert(rule.name, look.target.key, labels, Ok())
    seen = _sighting(rule, before, verdict, look)
    stepped = _reached(rule, before, lifecycle.step(before.state, verdict, rule, seen), look.view)
    past = lifecycle.remember(before.past, stepped, verdict, rule, seen.at, rule.name in look.first)
    yield from _news(rule, before, stepped, past, look, _meaning(rule, before, stepped, verdict))


def _reached(rule: Rule, before: Alert, stepped: Step, view: View) -> Step:
    """The same, with how far its number ever went: windows are shorter than alerts are long."""
    if not isinstance(stepped.state, Firing):
        return stepped
    far = farthest(rule, before.labels, view, before.state)
    return replace(stepped, state=replace(stepped.state, farthest=far))


def _meaning(rule: Rule, before: Alert, stepped: Step, verdict: Verdict) -> str:
    """The meaning by which an alert is judged now: what is unknown judges nothing."""
    if isinstance(stepped.state, Ok):
        return ""
    return before.meaning if verdict.unknown else rule.meaning


def _sighting(rule: Rule, before: Alert, verdict: Verdict, look: Look) -> Sighting:
    """A look is as old as its newest numbers, unless these last, or time alone or not seeing them says something."""
    polled = look.at if verdict.guessed else seen_at(rule, before.labels, look.view) or look.at
    return Sighting(look.at if rule.by_clock else polled, polled, anew=before.meaning != rule.meaning)


def _gone(rule: Rule, truths: Sequence[Truths], look: Look) -> Iterator[Outcome]:
    for (name, labels), before in look.alerts.items():
        if name == rule.name and not any(labels in each for each in truths):
            ended = isinstance(before.state, Ok)
            stepped = Step(before.state) if ended else lifecycle.end("what it was about is gone")
            past = lifecycle.remember(before.past, stepped, _NOTHING, rule, look.at)
            yield from _news(rule, before, stepped, past, look)


def _news(rule: Rule, before: Alert, stepped: Step, past: Past, look: Look, meaning: str = "") -> Iterator[Outcome]:
    """The outcome of a step, if there is anything to store or to tell."""
    after, due = _standing(rule, before, stepped, past, look, meaning)
    if due or stepped.refetch or after != before:
        yield _outcome(rule, before, after, due, stepped, look)


def _standing(
    rule: Rule, before: Alert, stepped: Step, past: Past, look: Look, meaning: str = ""
) -> tuple[Alert, Sequence[Due]]:
    """The alert after a step, and the news that is told now."""
    after = replace(before, state=stepped.state, past=past, meaning=meaning)
    return settle(rule, before, after, Hearing(look.target, look.telling, look.muted, look.acked, look.at))


def _outcome(rule: Rule, before: Alert, after: Alert, due: Sequence[Due], stepped: Step, look: Look) -> Outcome:
    made = lifecycle.changes(stepped, before.past, after.past, rule)
    scene = Scene(
        rule=rule,
        target=look.target,
        labels=before.labels,
        view=look.view,
        at=look.at,
        measured=look.measured,
        records=look.records,
        reason=made[-1][1] if made else stepped.reason,
    )
    letters = [
        Owed(
            channel,
            after.stand,
            as_read(channel, compose(scene, before, after, before.told.get(channel, 0), what), look.telling),
            slot.bundle,
            slot.due,
            slot.wait,
        )
        for channel, what, slot in due
    ]
    transitions = [
        Transition(change, look.at, before.level, after.level, reason, gather(rule, before.labels, look.view, look.at))
        for change, reason in made
    ]
    told = {**before.told, **{letter.channel: letter.level for letter in letters}}
    return Outcome(replace(after, told=told), transitions, letters, stepped.refetch)


def as_read(channel: str, story: Story, telling: Telling) -> Story:
    """A story as a channel may read it: what our own people silenced, and why, is no business of clients."""
    return replace(story, held="") if channel in telling.routes.clients else story
