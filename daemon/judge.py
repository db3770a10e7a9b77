"""Judge: committed polls in; alerts, transitions and owed letters out, in one commit.

Runs on the writer's thread. The windows and the live alerts it works on are derived from rows; a crash between the
commit of the polls and the commit of what follows from them leaves those polls unjudged, and ``resume`` judges them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from daemon.health import Look
from daemon.learning import End, Lesson
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reading, Reason
from daemon.recent import STATES, Recent, Watch
from daemon.states import States
from daemon.watchlist import Watchlist, provider_key
from rules.book import Rule, RuleBook, judgeable, retired
from rules.evaluate import AlertKey, close, evaluate
from rules.evaluate import Look as Scene
from rules.values import Alert, Ok, Outcome, Record, Subject, Target
from storage.records import POLLED, Listing, Polled, Remembered, Settled
from storage.store import Store

RECORDS_KEPT_IN_SIGHT = 20
REPLANNED = timedelta(hours=1)
"""So often videos that have become too old leave the plan."""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger("creatorwatch.judge")


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished poll, with what the store does not keep of it: why it failed in words, how long it took (seconds).

    ``reading`` is what it brought. It was not ``asked`` where nothing was sent, because it is known already that it
    would be in vain.
    """

    target: str
    endpoint: str
    polled: Polled
    detail: str = ""
    seconds: float = 0.0
    reading: Reading | None = None
    asked: bool = True

    @property
    def reason(self) -> Reason | None:
        """Why there are no numbers; None if there are."""
        return None if self.polled.outcome == POLLED else Reason(self.polled.outcome)


class Judge:
    """Follows every target's alerts. ``channels`` are those that exist; what others were told is forgotten."""

    def __init__(
        self,
        store: Store,
        recent: Recent,
        states: States,
        book: RuleBook,
        watchlist: Watchlist,
        channels: Collection[str],
    ) -> None:
        self._store, self._recent, self._states, self._standings = store, recent, states, states.standings
        self._book, self._watchlist, self._channels = book, watchlist, frozenset(channels)
        self._business = {rule.name for rule in book.rules if not rule.needs.keys() <= STATES}
        self._targets: Mapping[str, Target] = {}
        self._held: Mapping[str, Collection[str]] = {}
        self._rules: dict[str, Mapping[str, tuple[Rule, ...]]] = {}
        self._timed: list[str] = []
        self._unfinished: set[str] = set()
        self._learned: set[str] = set()
        self._followed = BEGINNING
        self._alerts: dict[str, dict[AlertKey, Alert]] = {}

    # --- at start, and when the plan has changed --------------------------------------------------------------

    def remember(self, held: Mapping[str, Collection[str]], at: datetime) -> None:
        """Rebuild windows and alerts from rows; ``held`` as in ``follow``."""
        self.follow(held, at)
        self.reload_alerts()

    def follow(self, held: Mapping[str, Collection[str]], at: datetime, keys: Collection[str] | None = None) -> None:
        """Follow the plan as it is stored: rebuild what is new of it from rows, forget what has left it.

        ``held`` names the endpoints of a target that are configured but cannot be asked (no key): the alerts that rest
        on them are held, not ended. The plan may have changed of the targets ``keys`` alone; None: of all.
        """
        planned = self._store.remembered(keys)
        others = {} if keys is None else {key: own for key, own in self._held.items() if key not in keys}
        self._targets, self._held = self._watchlist.targets(), {**others, **held}
        watched = {each for each, watch in self._recent.watches.items() if keys is None or watch.target in keys}
        gone = watched - {line.schedule_id for line in planned}
        new = [line for line in planned if line.schedule_id not in watched]
        for line in new:
            self._recent.watch(line.schedule_id, line.target, line.endpoint, line.interval.total_seconds())
        self._states.follow(new, gone, planned, at, keys)
        for schedule_id in gone:
            self._recent.unwatch(schedule_id)
        self._recall(new, at)
        self._assign_rules(planned, keys)
        self._learned.clear()
        self._followed = at if keys is None else self._followed

    def _recall(self, new: Sequence[Remembered], at: datetime) -> None:
        ids = [line.schedule_id for line in new]
        for schedule_id, at_s, keys, numbers in self._store.samples(ids, self._since(at)):
            if at_s <= at.timestamp():  # a clock that was set back: the future is not known yet
                self._recent.see(schedule_id, at_s, keys, numbers)
        looks, ends = [], []
        for line in sorted(new, key=lambda line: (line.polled is not None, line.polled or at)):
            if line.outcome is not None and line.polled is not None:
                reason = None if line.outcome == POLLED else Reason(line.outcome)
                if reason is not None:
                    self._recent.miss(line.schedule_id)
                if self._carrier(line) is None:
                    sent = reason is None or line.failures > 0
                    looks.append(Look(line.schedule_id, line.polled.timestamp(), reason, sent=sent))
                    ends.append(End(line.target, line.endpoint, line.polled, reason, None))
        for line in new:
            carrier = self._carrier(line)
            if carrier is not None and carrier.blind:
                self._recent.miss(line.schedule_id)
        self._states.recall(looks, ends, at)

    def _carrier(self, line: Remembered) -> Watch | None:
        """The line that brings the numbers of this one; None if it is asked by itself."""
        account = self._watchlist[line.target].account
        schedule_id = self._recent.line(account, line.endpoint)
        return None if schedule_id is None else self._recent.watches[schedule_id]

    def has_learned(self, at: datetime) -> bool:
        """Whether the plan is not what would follow from what is known now: new ids, new or too old videos."""
        return bool(self._learned) or at - self._followed >= REPLANNED

    def learned(self, at: datetime) -> Collection[str] | None:
        """The accounts of which new ids or videos are known since the plan was followed; None: all have their turn."""
        return None if at - self._followed >= REPLANNED else frozenset(self._learned)

    def resume(self, at: datetime) -> list[Outcome]:
        """Judge what a crash left unjudged, and end the alerts whose rule or target is no more."""
        ended = self.retire(at)
        unjudged = {line.target for line in self._store.unjudged()}
        looked = (unjudged | self._alerts.keys()) & self._targets.keys()
        outcomes = [outcome for target in looked for outcome in self._look(target, self._all_rules(target), at)]
        return ended + self._commit(outcomes, at, self._store.committed())

    def retire(self, at: datetime) -> list[Outcome]:
        """End the alerts whose rule or target is no more."""
        return self._commit([self._end(orphan, at) for orphan in self._orphans()], at)

    def reload_alerts(self) -> None:
        """Read the live alerts anew: after a start, or after a letter died and its channel is owed again."""
        self._alerts = {}
        for alert in self._store.live_alerts():
            self._keep(replace(alert, told={c: level for c, level in alert.told.items() if c in self._channels}))
        everything = (alert for alerts in self._alerts.values() for alert in alerts.values())
        self._standings.suspects = {alert.target for alert in everything if self._is_suspicious(alert)}

    def _since(self, at: datetime) -> Mapping[str, datetime]:
        needs = self._book.needs()
        return {
            name: at - timedelta(seconds=max((needs.get(metric.name, 0.0) for metric in endpoint.metrics), default=0.0))
            for name, endpoint in ENDPOINTS.items()
        }

    def _assign_rules(self, watched: Iterable[Remembered], keys: Collection[str] | None) -> None:
        """Each target's rules by the endpoint whose poll can change them; targets alike share one table."""
        endpoints: dict[str, set[str]] = {}
        for line in watched:
            endpoints.setdefault(line.target, set()).add(line.endpoint)
        shared: dict[tuple[tuple[Rule, ...], frozenset[str]], Mapping[str, tuple[Rule, ...]]] = {}
        self._rules = {} if keys is None else {key: own for key, own in self._rules.items() if key not in keys}
        self._timed = [key for key in self._timed if key in self._rules]
        for key in [each for each in self._targets if each not in self._rules]:
            kind = (self._book.rules_for(self._targets[key]), frozenset(endpoints.get(key, ())))
            if kind not in shared:
                shared[kind] = _by_endpoint(*kind)
            self._rules[key] = shared[kind]
            if any(rule.timed for rule in self._all_rules(key)):
                self._timed.append(key)

    # --- at every group of polls ------------------------------------------------------------------------------

    def settle(self, ended: Sequence[Ended], settled: Sequence[Settled], owner: str, at: datetime) -> Sequence[Outcome]:
        """Commit finished polls and what their calls cost, take them in, judge their targets, commit what follows.

        Raises only where the polls could not be stored: nothing has followed from them, and it may be tried again. What
        follows from them is done once; what of that could not be stored is looked at again by ``watch_time``.
        """
        # What has left the plan meanwhile was paid for, and is told to nobody.
        ended = [each for each in ended if each.polled.schedule_id in self._recent.watches]
        lesson = self._states.learn(_ends(ended))
        committed = self._store.commit_polls([each.polled for each in ended], owner, settled, lesson.noted)
        accepted = set(committed.accepted)
        try:
            return self._follow_up([e for e in ended if e.polled.schedule_id in accepted], lesson, committed.number, at)
        except Exception:
            log.exception("what follows from polls is left for later", polls=len(accepted))
            self._unfinished.update(self._targets)  # nobody knows how far it came
            return []

    def _follow_up(self, ended: Sequence[Ended], lesson: Lesson, number: int, at: datetime) -> Sequence[Outcome]:
        self._learned |= lesson.ids.keys() | {each.account for each in lesson.listings if self._names_new(each)}
        due = self._take_in(ended)
        self._add_states(due, self._states.take_in(_looks(ended), lesson, at))
        outcomes = [outcome for target, rules in due.items() for outcome in self._look(target, rules, at)]
        # What an earlier commit left behind is only in memory, so all since then is still to be judged after a crash.
        return self._commit(outcomes, at, None if self._unfinished else number)

    def watch_time(self, at: datetime) -> list[Outcome]:
        """Look again at what time alone can change, and at what somebody has not been told.

        Also at what a judgement left behind that could not be stored (a full disk).
        """
        outcomes: list[Outcome] = []
        self._unfinished |= self._states.tick(at)
        unfinished = set(self._unfinished)
        for target in dict.fromkeys([*self._timed, *self._alerts, *unfinished]):
            alerting = {rule for rule, _ in self._alerts.get(target, ())}
            rules = self._all_rules(target)
            due = [rule for rule in rules if rule.timed or rule.name in alerting or target in unfinished]
            outcomes += self._look(target, due, at)
        followed = self._commit(outcomes, at)
        self._unfinished -= unfinished
        return followed

    def _names_new(self, listing: Listing) -> bool:
        known = self._watchlist.named(listing.account)
        return any(video.video_id not in known for video in listing.videos)

    def _take_in(self, ended: Sequence[Ended]) -> dict[str, dict[Rule, None]]:
        """Fill the windows; the rules of each target that have something new to look at."""
        due: dict[str, dict[Rule, None]] = {}
        for each in ended:
            watch = self._recent.watches[each.polled.schedule_id]
            if each.asked:
                self._add_states(due, self._doubt(watch, each))
            for told in self._fill(watch, each.polled):
                due.setdefault(told, {}).update(dict.fromkeys(self._rules[told][watch.endpoint.name]))
        return due

    def _doubt(self, watch: Watch, ended: Ended) -> Collection[str]:
        """The providers that a poll makes doubtful. Where a doubt cannot be stored it counts until the next start."""
        try:
            return self._states.doubt.look(watch, ended.polled, ended.reason)
        except Exception:
            log.exception("a doubt could not be stored", target=ended.target, endpoint=ended.endpoint)
            return {provider_key(watch.endpoint.provider)}

    def _add_states(self, due: dict[str, dict[Rule, None]], touched: Collection[str]) -> None:
        """The rules that read what the daemon itself says of these targets."""
        for target in touched:
            due.setdefault(target, {}).update(dict.fromkeys(self._rules[target][""]))

    def _fill(self, watch: Watch, polled: Polled) -> Iterable[str]:
        """Write a poll into the windows; the targets that it says something of.

        One that failed says of the videos, whose numbers it would have brought, that they are not seen either.
        """
        if polled.values is not None:
            interval_s = None if polled.interval is None else polled.interval.total_seconds()
            numbers = polled.values.keys(), polled.values.values()
            self._recent.see(polled.schedule_id, polled.at.timestamp(), *numbers, interval_s)
            return (watch.target,)
        keys = [watch.target, *self._watchlist.videos(watch.target).values()]
        lines = {key: self._recent.line(key, watch.endpoint.name) for key in keys}
        unseen = {key: line for key, line in lines.items() if line is not None}
        for line in unseen.values():
            self._recent.miss(line)
        return unseen

    def _all_rules(self, target: str) -> Iterable[Rule]:
        return dict.fromkeys(rule for rules in self._rules.get(target, {}).values() for rule in rules)

    def _look(self, target: str, rules: Iterable[Rule], at: datetime) -> list[Outcome]:
        """What follows for one target. A rule that breaks is a bug of ours; it must not stop its neighbours."""
        outcomes: list[Outcome] = []
        for rule in rules:
            try:
                outcomes += evaluate([rule], self._scene(target, at))
            except Exception:
                log.exception("a rule broke", rule=rule.name, target=target)
        return outcomes

    def _scene(self, target: str, at: datetime) -> Scene:
        return Scene(
            target=self._targets[target],
            view=self._recent.view(target),
            alerts=self._alerts.get(target, {}),
            at=at,
            measured=self._recent.measured(target),
            records=lambda kind: self._records(target, kind),
        )

    def _records(self, target: str, kind: str) -> Sequence[Record]:
        own = self._states.records(target, kind)
        return self._store.facts(target, kind, RECORDS_KEPT_IN_SIGHT) if own is None else own

    def _commit(self, outcomes: Sequence[Outcome], at: datetime, judged_to: int | None = None) -> list[Outcome]:
        live = self._store.commit_judgement(outcomes, at, judged_to)
        for outcome in outcomes:
            self._drop(outcome.alert)
        for alert in live:
            self._keep(alert)
        self._suspect({outcome.alert.target for outcome in outcomes}, at)
        return list(outcomes)

    def _suspect(self, targets: Iterable[str], at: datetime) -> None:
        """Look closer, from now on, at targets that an alert is about or may soon be."""
        for target in targets:
            alerts = self._alerts.get(target, {}).values()
            now = any(self._is_suspicious(alert) for alert in alerts)
            if now and target not in self._standings.suspects:
                self._standings.suspects.add(target)
                self._look_closer(target, at)
            elif not now:
                self._standings.suspects.discard(target)

    def _is_suspicious(self, alert: Alert) -> bool:
        return alert.rule in self._business and not isinstance(alert.state, Ok)

    def _look_closer(self, target: str, at: datetime) -> None:
        for endpoint in self._rules.get(target, {}):
            line = self._recent.line(target, endpoint)
            if line is not None:
                watch = self._recent.watches[line]
                due = self._standings.closer_turn(watch, at)
                if due is not None and watch.endpoint.subject is self._targets[target].subject:
                    self._store.wake([(target, endpoint)], due)

    def _drop(self, alert: Alert) -> None:
        alerts = self._alerts.get(alert.target, {})
        alerts.pop((alert.rule, alert.labels), None)
        if not alerts:
            self._alerts.pop(alert.target, None)

    def _keep(self, alert: Alert) -> None:
        self._alerts.setdefault(alert.target, {})[alert.rule, alert.labels] = alert

    def _orphans(self) -> list[Alert]:
        """The alerts that no rule follows any more. They are taken out of those that are."""
        orphans = []
        for target, alerts in list(self._alerts.items()):
            rules = {rule.name: rule for rule in self._all_rules(target)}
            for key, alert in list(alerts.items()):
                rule = rules.get(alert.rule) or self._held_rule(alert)
                if rule is None or alert.reach > len(rule.levels):
                    orphans.append(alerts.pop(key))
            if not alerts:
                del self._alerts[target]
        return orphans

    def _held_rule(self, alert: Alert) -> Rule | None:
        """The rule of an alert, if it would be followed were all asked that is configured."""
        asked = {metric.name for name in self._held.get(alert.target, ()) for metric in ENDPOINTS[name].metrics}
        rules = {rule.name: rule for rule in self._book.rules if rule.needs.keys() <= asked}
        return rules.get(alert.rule)

    def _end(self, alert: Alert, at: datetime) -> Outcome:
        target = self._targets.get(alert.target) or Target(alert.target, Subject.ACCOUNT, alert.target, "")
        scene = Scene(target, {}, {}, at, {}, lambda _kind: ())
        return close(alert, retired(alert.rule, target.subject, alert.reach), scene, "it is no longer watched")


def _ends(ended: Iterable[Ended]) -> list[End]:
    """What can be learned from: not from what was never asked, and a carried poll says nothing besides its numbers."""
    return [
        End(each.target, each.endpoint, each.polled.at, each.reason, each.reading)
        for each in ended
        if each.asked and each.polled.carrier is None
    ]


def _looks(ended: Iterable[Ended]) -> list[Look]:
    """How polls ended, but for the carried: they end as their carriers do."""
    return [
        Look(each.polled.schedule_id, each.polled.at.timestamp(), each.reason, each.detail, each.polled.sent)
        for each in ended
        if each.polled.carrier is None
    ]


def _by_endpoint(rules: Iterable[Rule], endpoints: Iterable[str]) -> Mapping[str, tuple[Rule, ...]]:
    """Of these rules those that can be judged, by the endpoint whose poll can change them ("": our own states)."""
    yields = {name: {metric.name for metric in ENDPOINTS[name].metrics} for name in endpoints} | {"": STATES}
    judged = judgeable(rules, frozenset().union(*yields.values()))
    return {name: tuple(rule for rule in judged if rule.needs.keys() & own) for name, own in yields.items()}
