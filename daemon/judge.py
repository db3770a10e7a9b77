"""Judge: committed polls in; alerts, transitions and owed letters out, in one commit.

Runs on the writer's thread. The windows and the live alerts it works on are derived from rows; a crash between the
commit of the polls and the commit of what follows from them leaves those polls unjudged, and ``resume`` judges them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.recent import HEALTH_METRICS, Look, Recent
from rules.book import Rule, RuleBook, retired
from rules.evaluate import AlertKey, close, evaluate
from rules.evaluate import Look as Scene
from rules.values import Alert, Outcome, Record, Subject, Target
from storage.records import POLLED, Polled, Remembered
from storage.store import Store

RECORDS_KEPT_IN_SIGHT = 20

log = structlog.get_logger("creatorwatch.judge")


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished poll, with what the store does not keep: why it failed in words, and how long it took (seconds)."""

    target: str
    endpoint: str
    polled: Polled
    detail: str = ""
    seconds: float = 0.0

    @property
    def reason(self) -> Reason | None:
        """Why there are no numbers; None if there are."""
        return None if self.polled.outcome == POLLED else Reason(self.polled.outcome)


class Judge:
    """Follows every target's alerts.

    ``channels`` are those that exist; what others were told is forgotten. ``held`` names the endpoints of a target that
    are configured but cannot be asked (no key): the alerts that rest on them are held, not ended.
    """

    def __init__(
        self,
        store: Store,
        recent: Recent,
        book: RuleBook,
        targets: Mapping[str, Target],
        channels: Collection[str],
        held: Mapping[str, Collection[str]],
    ) -> None:
        self._store, self._recent, self._book, self._targets = store, recent, book, targets
        self._channels, self._held = frozenset(channels), held
        self._rules: dict[str, Mapping[str, tuple[Rule, ...]]] = {}
        self._timed: list[str] = []
        self._unfinished: set[str] = set()
        self._alerts: dict[str, dict[AlertKey, Alert]] = {}

    # --- at start ---------------------------------------------------------------------------------------------

    def remember(self, at: datetime) -> None:
        """Rebuild windows and alerts from rows."""
        watched = self._store.remembered()
        for line in watched:
            self._recent.watch(line.schedule_id, line.target, line.endpoint, line.interval.total_seconds())
        for schedule_id, at_s, keys, numbers in self._store.samples(None, self._since(at)):
            if at_s <= at.timestamp():  # a clock that was set back: the future is not known yet
                self._recent.see(schedule_id, at_s, keys, numbers)
        for line in sorted(watched, key=lambda line: (line.polled is not None, line.polled or at)):
            self._recall_sight(line)
        self._assign_rules(watched)
        self.reload_alerts()

    def resume(self, at: datetime) -> list[Outcome]:
        """Judge what a crash left unjudged, and end the alerts whose rule or target is no more."""
        ended = self._commit([self._end(orphan, at) for orphan in self._orphans()], at)
        unjudged = {line.target for line in self._store.unjudged()}
        looked = (unjudged | self._alerts.keys()) & self._targets.keys()
        outcomes = [outcome for target in looked for outcome in self._look(target, self._all_rules(target), at)]
        return ended + self._commit(outcomes, at, self._store.committed())

    def reload_alerts(self) -> None:
        """Read the live alerts anew: after a start, or after a letter died and its channel is owed again."""
        self._alerts = {}
        for alert in self._store.live_alerts():
            self._keep(replace(alert, told={c: level for c, level in alert.told.items() if c in self._channels}))

    def _since(self, at: datetime) -> Mapping[str, datetime]:
        needs = self._book.needs()
        return {
            name: at - timedelta(seconds=max((needs.get(metric.name, 0.0) for metric in endpoint.metrics), default=0.0))
            for name, endpoint in ENDPOINTS.items()
        }

    def _recall_sight(self, line: Remembered) -> None:
        if line.outcome is None or line.polled is None:
            return
        reason = None if line.outcome == POLLED else Reason(line.outcome)
        if reason is not None:
            self._recent.miss(line.schedule_id)
        self._recent.watches[line.schedule_id].failures = max(0, line.failures - 1)
        self._recent.note([Look(line.schedule_id, line.polled.timestamp(), reason)])

    def _assign_rules(self, watched: Iterable[Remembered]) -> None:
        """Each target's rules by the endpoint whose poll can change them; targets alike share one table."""
        endpoints: dict[str, set[str]] = {}
        for line in watched:
            endpoints.setdefault(line.target, set()).add(line.endpoint)
        shared: dict[tuple[Subject, frozenset[str]], Mapping[str, tuple[Rule, ...]]] = {}
        for key, target in self._targets.items():
            kind = (target.subject, frozenset(endpoints.get(key, ())))
            if kind not in shared:
                shared[kind] = self._rules_by_endpoint(*kind)
            self._rules[key] = shared[kind]
        self._timed = [key for key in self._targets if any(rule.timed for rule in self._all_rules(key))]

    def _rules_by_endpoint(self, subject: Subject, endpoints: frozenset[str]) -> Mapping[str, tuple[Rule, ...]]:
        yields = {name: {metric.name for metric in ENDPOINTS[name].metrics} for name in endpoints} | {
            "": HEALTH_METRICS
        }
        rules = self._book.applying(subject, frozenset().union(*yields.values()))
        return {name: tuple(rule for rule in rules if rule.needs.keys() & own) for name, own in yields.items()}

    # --- at every group of polls ------------------------------------------------------------------------------

    def settle(self, ended: Sequence[Ended], owner: str, at: datetime) -> list[Outcome]:
        """Commit finished polls, take them in, judge their targets, and commit what follows."""
        committed = self._store.commit_polls([each.polled for each in ended], owner)
        accepted = set(committed.accepted)
        ended = [each for each in ended if each.polled.schedule_id in accepted]
        due: dict[str, dict[Rule, None]] = {}
        for each in ended:
            watch = self._recent.watches[each.polled.schedule_id]
            self._take_in(each.polled)
            due.setdefault(watch.target, {}).update(dict.fromkeys(self._rules[watch.target][watch.endpoint.name]))
        looks = [Look(e.polled.schedule_id, e.polled.at.timestamp(), e.reason, e.detail) for e in ended]
        for target in self._recent.note(looks):
            due.setdefault(target, {}).update(dict.fromkeys(self._rules[target][""]))
        self._unfinished.update(due)
        outcomes = [outcome for target, rules in due.items() for outcome in self._look(target, rules, at)]
        followed = self._commit(outcomes, at, committed.number)
        self._unfinished.difference_update(due)
        return followed

    def watch_time(self, at: datetime) -> list[Outcome]:
        """Look again at what time alone can change, and at what somebody has not been told.

        Also at what a judgement left behind that could not be stored (a full disk).
        """
        outcomes: list[Outcome] = []
        unfinished = set(self._unfinished)
        for target in dict.fromkeys([*self._timed, *self._alerts, *unfinished]):
            alerting = {rule for rule, _ in self._alerts.get(target, ())}
            rules = self._all_rules(target)
            due = [rule for rule in rules if rule.timed or rule.name in alerting or target in unfinished]
            outcomes += self._look(target, due, at)
        followed = self._commit(outcomes, at)
        self._unfinished -= unfinished
        return followed

    def _take_in(self, polled: Polled) -> None:
        if polled.values is None:
            self._recent.miss(polled.schedule_id)
        else:
            self._recent.see(polled.schedule_id, polled.at.timestamp(), polled.values.keys(), polled.values.values())

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
        if kind == "failure":
            return self._recent.failures(target)
        return self._store.facts(target, kind, RECORDS_KEPT_IN_SIGHT)

    def _commit(self, outcomes: Sequence[Outcome], at: datetime, judged_to: int | None = None) -> list[Outcome]:
        live = self._store.commit_judgement(outcomes, at, judged_to)
        for outcome in outcomes:
            self._drop(outcome.alert)
        for alert in live:
            self._keep(alert)
        return list(outcomes)

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
