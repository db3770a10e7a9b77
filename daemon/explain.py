"""Why a target has the alerts that it has, and no others: what each rule saw at a moment, and what came of it.

Of now it is what a daemon knows that starts now, from all that is stored, in a sketch of the database. Of the past the
stored numbers are replayed up to the moment; whether a poll failed then is not stored, nor is what the daemon said
itself. Which alerts there were, and who was told, is stored for all times.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from daemon.backtest import Group, Period, asking, ever_watched, groups, not_replayed, relive, replayable, warm_up
from daemon.config import Config
from daemon.desk import Desk
from daemon.docket import Docket
from daemon.hearing import Heard, heard, said_of
from daemon.providers import ENDPOINTS
from daemon.recent import STATES, Recent, Watch
from daemon.replay import Replay
from daemon.statements import silence_of
from rules.book import Rule
from rules.detectors import Finding
from rules.durations import say_duration
from rules.evaluate import judge
from rules.expression import Evaluated, Expression
from rules.lifecycle import must_confirm
from rules.outcomes import Transition
from rules.posting import Telling
from rules.selectors import id_of
from rules.silences import Said
from rules.values import Alert, Firing, FirstSight, Labels, Rising, Subject, Target, Verdict, Window
from rules.wording import say_time
from storage.records import POLLED, AlertRow, Posted, Remembered
from storage.store import Store

LIVES = 5
"""So many alerts of a rule are told of, the newest first."""

_SEARCHED = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at a moment. ``lines`` say how polls ended, as far as that is known of the moment.

    ``silent`` are rules that the docket lacks, because what they read of the moment is not stored. ``telling`` says who
    hears what.
    """

    at: datetime
    docket: Docket
    recent: Recent
    lines: Mapping[tuple[str, str], Remembered]
    doubts: Mapping[tuple[str, str], str]
    telling: Telling
    silent: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A series that a rule reads: its newest number, and why that counts as unknown ("" if it is known).

    Of its past there are so many ``looks``, from ``since`` on; the rule reads it ``back_s`` seconds back.
    """

    metric: str
    labels: Labels
    value: float | None
    polled: datetime | None
    measured: datetime | None
    looks: int
    since: datetime | None
    back_s: float
    unknown: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule: what it and each of its parts came to, and what its detectors expected."""

    name: str
    expression: Expression
    parts: Sequence[Evaluated]
    bands: Sequence[tuple[str, Labels, Finding]]


@dataclass(frozen=True, slots=True)
class Life:
    """An alert that was stored, its steps and its letters, up to the moment."""

    row: AlertRow
    steps: Sequence[Transition]
    letters: Sequence[Posted]


@dataclass(frozen=True, slots=True)
class Explained:
    """What a rule makes of a target. ``idle`` is why it does not look at it; then there are ``lives`` at most.

    ``held`` is why nobody is told, or would be, ``tells`` who is. ``alerts`` are where they stand, ``lives`` what is
    stored of them.
    """

    rule: Rule
    idle: str
    series: Sequence[Seen] = ()
    conditions: Sequence[Condition] = ()
    verdicts: Mapping[Labels, Verdict] | None = None
    alerts: Collection[Alert] = ()
    held: Sequence[str] = ()
    tells: Sequence[Heard] = ()
    lives: Sequence[Life] = ()


_FOUND_FIRST = (Subject.ACCOUNT, Subject.VIDEO, Subject.PROVIDER, Subject.DAEMON, Subject.COOKIE)
"""Whose id a name is, where several have it: that of an account before that of its cookie."""


def names(config: Config, store: Store, at: datetime) -> Mapping[str, Target]:
    """All that is watched, or ever was of what ``config`` names, by what people may call it: key, id and name."""
    watchlist = ever_watched(asking(config, store), store, at)
    targets = sorted(watchlist.targets().values(), key=lambda target: _FOUND_FIRST.index(target.subject))
    found = {target.key: target for target in targets}
    for target in targets:
        found.setdefault(id_of(target.key), target)
    for target in targets:
        found.setdefault(target.name, target)
    return found


# --- what is known ------------------------------------------------------------------------------------------------


def known_now(config: Config, sketch: Store, at: datetime) -> Known:
    """What a daemon would know that starts now; ``sketch`` is of its database."""
    asked = {ENDPOINTS[line.endpoint].provider for line in sketch.remembered()}
    desk = Desk(asking(config, sketch), sketch, asked, lambda _: None)
    desk.watchlist.renew(sketch.identities(), sketch.discovered(), at)
    sketch.sync_targets([watched.target for watched in desk.watchlist], at)
    desk.remember(at)
    desk.states.tick(at, {})  # which rules work, only a daemon at work knows
    lines = {(line.target, line.endpoint): line for line in sketch.remembered()}
    doubts = {(each.endpoint, each.metric): f"{each.kind} since {say_time(each.since)}" for each in sketch.incidents()}
    doubts |= {(each.endpoint, each.metric): each.reason for each in sketch.quarantines()}
    return Known(at, desk.judge.docket, desk.recent, lines, doubts, config.telling)


def known_then(config: Config, store: Store, target: Target, at: datetime) -> Known:
    """What was known of a target at a time in the past, by what is stored."""
    silent = [rule.name for rule in not_replayed(config.book)]
    config = replayable(config, store)
    group = groups(config, store, at).get(target.account or target.key, Group({target.key: target}))
    period = Period(at - warm_up(config.book, group.slowest), at)
    rows = list(store.history(list(group.asked(period.since)), *period))
    replay = Replay(config.book, {}, config.channels, births=group.births, telling=config.telling)
    for _ in relive(replay, group, rows, period, store):
        pass
    if target.key not in replay.docket.targets:
        replay.follow({target.key: target}, {}, at)
    _identify(replay.docket, target, store, at)
    acks = {ack.alert_id: ack.level for ack in store.spoken.acks_then(at)}
    replay.docket.said = Said(tuple(map(silence_of, store.spoken.silences_then(at))), acks)
    return Known(at, replay.docket, replay.recent, {}, {}, config.telling, silent)


def _identify(docket: Docket, target: Target, store: Store, at: datetime) -> None:
    """Give alerts that were relived the ids of those that are stored: what people said is said of these."""
    rows = store.alerts_of(target.key, at, _SEARCHED)
    ids = {(row.rule, row.labels): row.id for row in rows if row.closed is None or row.closed > at}
    docket.renew([replace(each, id=ids.get((each.rule, each.labels))) for each in docket.alerts(target.key)])


# --- what follows of it -------------------------------------------------------------------------------------------


def explained(target: Target, config: Config, known: Known, store: Store, named: str = "") -> Iterator[Explained]:
    """What each rule on such targets makes of this one, in the order of the file; or the one that is ``named``."""
    applying = {rule.name for rule in config.book.rules_for(target)}
    judging = {rule.name: rule for rule in known.docket.rules(target.key)}
    rows = store.alerts_of(target.key, known.at, _SEARCHED)
    for written in [rule for rule in config.book.rules if named in ("", rule.name)]:
        rule = judging.get(written.name)
        own = [row for row in rows if row.rule == written.name][:LIVES]
        lives = [_life(row, known.at, store) for row in own]
        if rule is not None:
            yield _explain(rule, target, known, lives)
        elif named or written.subject is target.subject:
            idle = _idle(written, target, known) if written.name in applying else _left_out(written, target)
            yield Explained(written, idle, lives=lives)


def _left_out(rule: Rule, target: Target) -> str:
    if rule.subject is not target.subject or rule.only is None:
        return f"does not look: it is on: {rule.subject}, and this is: {target.subject}"
    return f"does not look: `only: {rule.only.text}` leaves this target out"


def _idle(rule: Rule, target: Target, known: Known) -> str:
    if rule.name in known.silent:
        said = ", ".join(sorted(rule.needs.keys() & STATES))
        return f"is not replayed: what the daemon said of {said} then is not stored"
    polled = [watch.endpoint for watch in known.recent.watches.values() if watch.target == target.key]
    missing = rule.needs.keys() - {metric.name for endpoint in polled for metric in endpoint.metrics} - STATES
    return f"does not look: this target is not asked for {', '.join(sorted(missing))}"


def _explain(rule: Rule, target: Target, known: Known, lives: Sequence[Life]) -> Explained:
    view, at_s = known.recent.view(target.key), known.at.timestamp()
    alerts = [alert for alert in known.docket.alerts(target.key) if alert.rule == rule.name and not alert.over]
    return Explained(
        rule=rule,
        idle="",
        series=[seen for metric in rule.needs for seen in _series(metric, rule, target, known)],
        conditions=[_condition(name, each, known, target) for name, each in _conditions(rule)],
        verdicts=judge(rule, view, at_s),
        alerts=alerts,
        held=list(_held(rule, target, alerts, known)),
        tells=heard(rule, target, alerts, known.telling, known.at),
        lives=lives,
    )


def _conditions(rule: Rule) -> Iterator[tuple[str, Expression]]:
    for level in rule.levels:
        yield level.name, level.when
        if level.clear:
            yield f"leaves {level.name}", level.clear
    if rule.clear:
        yield "clear", rule.clear


def _condition(name: str, expression: Expression, known: Known, target: Target) -> Condition:
    view, at_s = known.recent.view(target.key), known.at.timestamp()
    return Condition(name, expression, expression.evaluated(view, at_s), list(expression.bands(view, at_s)))


def _life(row: AlertRow, at: datetime, store: Store) -> Life:
    closed = row.closed if row.closed and row.closed <= at else None
    steps = [step for step in store.transitions(row.id) if step.at <= at]
    return Life(replace(row, closed=closed), steps, store.posted(row.id, at))


# --- why it is not known ------------------------------------------------------------------------------------------


def _series(metric: str, rule: Rule, target: Target, known: Known) -> Iterator[Seen]:
    """The series of a metric that a rule reads; if there is none, that."""
    chosen = [each.selectors for _, own in _conditions(rule) for each in own.series if each.metric == metric]
    windows = {
        labels: window
        for labels, window in known.recent.view(target.key).get(metric, {}).items()
        if any(all(((s.label, s.value) in labels) is s.equal for s in selectors) for selectors in chosen)
    }
    for labels, window in windows.items():
        times_s, value = window.times_s, window.values[-1] if window.values else math.nan
        yield Seen(
            metric=metric,
            labels=labels,
            value=None if math.isnan(value) else value,
            polled=_time(times_s[-1]) if times_s else None,
            measured=known.recent.measured(target.key).get(metric),
            looks=len(times_s),
            since=_time(times_s[0]) if times_s else None,
            back_s=rule.needs[metric],
            unknown=_unknown(window, metric, rule, target, known),
        )
    if not windows:
        yield Seen(metric, (), None, None, None, 0, None, rule.needs[metric], _absent(metric, target, known))


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _unknown(window: Window, metric: str, rule: Rule, target: Target, known: Known) -> str:
    if window.blind:
        return _unseen(metric, target, known)
    if not window.times_s or math.isnan(window.values[-1]):
        return "it was asked for, and is not known"
    age_s, past_s = (known.at.timestamp() - window.times_s[end] for end in (-1, 0))
    if age_s > window.fresh_for_s:
        return f"too old: older than three of its intervals ({say_duration(window.fresh_for_s)})"
    if rule.stale_after is not None and age_s > rule.stale_after.total_seconds():
        return f"older than `stale_after` ({say_duration(rule.stale_after.total_seconds())})"
    if past_s < rule.min_history.total_seconds():
        return f"its past is shorter than `min_history` ({say_duration(rule.min_history.total_seconds())})"
    return ""


def _absent(metric: str, target: Target, known: Known) -> str:
    """Why there is no series of a metric."""
    if metric in STATES:
        return "the daemon says nothing of it"
    watch = _watch(metric, target, known)
    if watch is None:
        return "it is not asked for"
    if watch.seen_s:
        return "there is none in the newest answer"
    return _failure(watch, target, known) or "it was not seen yet"


def _unseen(metric: str, target: Target, known: Known) -> str:
    """Why a series that was seen once is not seen now."""
    watch = _watch(metric, target, known)
    if watch is None:
        return "it is not asked for"
    name = watch.endpoint.name
    if watch.suspended or (name, metric) in known.recent.withheld():
        return f"not believed: {known.doubts.get((name, metric)) or known.doubts.get((name, ''), 'it is in doubt')}"
    return _failure(watch, target, known) or "its newest poll failed"


def _failure(watch: Watch, target: Target, known: Known) -> str:
    """How the newest poll failed, the line's own or its carrier's; "" if it did not."""
    for key in (target.key, target.account):
        line = known.lines.get((key, watch.endpoint.name))
        if line is not None and line.polled is not None and line.outcome != POLLED:
            often = f", {line.failures} times in a row" if line.failures > 1 else ""
            return f"its newest poll failed ({line.outcome}) at {say_time(line.polled)}{often}"
    return ""


def _watch(metric: str, target: Target, known: Known) -> Watch | None:
    """The line that tells a metric."""
    for name, endpoint in ENDPOINTS.items():
        line = known.recent.line(target.key, name)
        if line is not None and metric in {each.name for each in endpoint.metrics}:
            return known.recent.watches[line]
    return None


# --- why nobody is told -------------------------------------------------------------------------------------------


def _held(rule: Rule, target: Target, alerts: Collection[Alert], known: Known) -> Iterator[str]:
    if rule.shadow:
        yield "in shadow: told to nobody"
    muted = known.docket.why_muted(rule, target.key)
    if muted:
        yield muted
    if known.docket.is_first(rule, target.key):
        yield "it has not known an answer for this target yet"
    said = list(said_of(rule, target, alerts, known.docket.said, known.at))
    yield from said
    for alert in alerts:
        yield from _waits(alert, rule)
        if alert.past.held and alert.past.held not in (muted, *said):
            yield alert.past.held


def _waits(alert: Alert, rule: Rule) -> Iterator[str]:
    """What in the life of an alert keeps it from being told."""
    state = alert.state
    rising = state.rising if isinstance(state, Firing) else state if isinstance(state, Rising) else None
    if rising is not None:
        wants = [f"for {say_duration(rule.hold_for.total_seconds())}"] if rule.hold_for else []
        wants += [f"in {rule.for_polls} polls ({rising.polls} so far)"] if rule.for_polls > 1 else []
        wants += ["in one more poll"] if must_confirm(rule, rising.level) and rising.polls < 2 else []
        level = rule.levels[rising.level - 1].name
        yield f"{level} is true since {say_time(rising.since)}, and must be so {' and '.join(wants) or 'again'}"
    if alert.past.flaps is not None and rule.flapping is not None:
        within = say_duration(rule.flapping.within.total_seconds())
        yield f"it comes and goes: told once, and held until it is still for {within}"
    if alert.past.first and rule.on_first_sight is FirstSight.BASELINE:
        yield "it was so at first sight, and counts as usual"
