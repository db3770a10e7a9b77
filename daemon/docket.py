"""The docket: which alerts there are, which rules are to look at each target, and what follows of a round of looks.

In memory alone: the daemon fills it from rows, a replay from history. It is written by the one thread that judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import structlog

from daemon.first_sight import FirstLooks, Judged, RulesByEndpoint
from daemon.inhibition import Inhibition, Inhibitors
from daemon.promotion import Promotions
from daemon.providers import ENDPOINTS
from daemon.recent import STATES, Recent
from daemon.watchlist import provider_key
from rules.book import Rule, RuleBook, judgeable, retired
from rules.evaluate import AlertKey, Look, close, evaluate, is_known, stirred
from rules.outcomes import Outcome
from rules.posting import STRAIGHTFORWARD, Telling
from rules.silences import NOTHING_SAID, Said
from rules.telling import is_usual
from rules.values import Alert, Ok, Record, Subject, Target, Unknown

Records = Callable[[str, str], Sequence[Record]]
"""The newest records of a kind that there are of a target."""

LOOKED_AT_IN_TURN = (Subject.DAEMON, Subject.PROVIDER, Subject.COOKIE, Subject.ACCOUNT, Subject.VIDEO)
"""What can mute others is looked at before them."""

log = structlog.get_logger("creatorwatch.judge")


@dataclass(frozen=True, slots=True)
class _Round:
    """A round of looks: what was ``found`` by target and rule, who is muted by now, which rules knew a first answer."""

    at: datetime
    mutes: Inhibition
    found: dict[tuple[str, str], list[Outcome]] = field(default_factory=dict)
    known: list[Judged] = field(default_factory=list)


class Docket:
    """Every target with its rules and alerts. ``channels`` are those that exist: what others were told is forgotten.

    ``telling`` says who hears of alerts, and how. ``said`` is what people said of alerts: which are silenced, and of
    which somebody knows; it is looked up at every look.
    ``failures`` counts how often each rule broke, ever. ``broken`` names the targets of which each rule that does not
    work could make nothing when it last looked at them.
    """

    def __init__(
        self,
        recent: Recent,
        book: RuleBook,
        channels: Collection[str],
        records: Records,
        telling: Telling = STRAIGHTFORWARD,
        said: Said = NOTHING_SAID,
    ) -> None:
        self._recent, self._book, self._channels, self.records = recent, book, frozenset(channels), records
        self._telling, self.said = telling, said
        self._business = {rule.name for rule in book.rules if not rule.needs.keys() <= STATES}
        self._targets: Mapping[str, Target] = {}
        self._held: Mapping[str, Collection[str]] = {}
        self._rules: dict[str, RulesByEndpoint] = {}
        self._timed: dict[str, None] = {}
        self._alerts: dict[str, dict[AlertKey, Alert]] = {}
        self._inhibitors = Inhibitors.of(book)
        self._inhibition = Inhibition(self._inhibitors)
        self._promotions, self._first = Promotions(recent, book), FirstLooks(recent)
        self._known: Collection[Judged] = ()
        self.failures: Counter[str] = Counter()
        self.broken: dict[str, set[str]] = {}

    # --- who is watched ---------------------------------------------------------------------------------------

    def recall(self, begun: Mapping[str, datetime]) -> None:
        """Take in since when rules were in force before; without, all are new. To be called before any ``follow``."""
        self._first.recall(begun)

    def follow(
        self,
        targets: Mapping[str, Target],
        held: Mapping[str, Collection[str]],
        polled: Iterable[tuple[str, str]],
        keys: Collection[str] | None = None,
    ) -> None:
        """Follow these targets, which are ``polled``: (target, endpoint). What changed is about ``keys``; None: all.

        ``held`` names the endpoints of a target that are configured but cannot be asked (no key): the alerts that rest
        on them are held, not ended.
        """
        others = {} if keys is None else {key: own for key, own in self._held.items() if key not in keys}
        self._targets, self._held = targets, {**others, **held}
        endpoints: dict[str, set[str]] = {}
        for target, endpoint in polled:
            endpoints.setdefault(target, set()).add(endpoint)
        self._assign(endpoints, keys)
        self._promotions.follow(targets, self._rules, keys)

    def _assign(self, endpoints: Mapping[str, Collection[str]], keys: Collection[str] | None) -> None:
        """Each target's rules by the endpoint whose poll can change them; targets alike share one table."""
        shared: dict[tuple[tuple[Rule, ...], frozenset[str]], RulesByEndpoint] = {}
        changed = dict.fromkeys([*self._targets, *self._rules]) if keys is None else sorted(keys)
        before = {key: self._rules.pop(key) for key in changed if key in self._rules}
        for key in before:
            self._timed.pop(key, None)
        for key in [each for each in changed if each in self._targets]:
            kind = (self._book.rules_for(self._targets[key]), frozenset(endpoints.get(key, ())))
            if kind not in shared:
                shared[kind] = _by_endpoint(*kind)
            self._rules[key] = shared[kind]
            self._first.follow(key, shared[kind], before.get(key, {}))
            if any(map(_minds_time, self.rules(key))):
                self._timed[key] = None
        self._leave(before.keys() - self._rules.keys())

    def _leave(self, gone: Collection[str]) -> None:
        self._first.leave(gone)
        self.broken = {name: left for name, targets in self.broken.items() if (left := targets.difference(gone))}

    @property
    def targets(self) -> Mapping[str, Target]:
        """All that is watched, by key."""
        return self._targets

    def rules(self, target: str) -> Collection[Rule]:
        """All rules that look at a target."""
        return dict.fromkeys(rule for rules in self._rules.get(target, {}).values() for rule in rules)

    def rules_by_endpoint(self, target: str) -> RulesByEndpoint:
        """The rules of a target by what can change them."""
        return self._rules.get(target, {})

    @property
    def minds_time(self) -> bool:
        """Whether anything may follow though nothing new is seen."""
        return bool(self._timed or self._alerts)

    def due_by_time(self, more: Collection[str]) -> Iterator[tuple[str, Sequence[Rule]]]:
        """What is to be looked at though nothing new was seen: the rules that mind time, and those with an alert.

        Of the targets ``more``: all rules.
        """
        for target in dict.fromkeys([*self._timed, *self._alerts, *more]):
            alerting = {rule for rule, _ in self._alerts.get(target, ())}
            rules = self.rules(target)
            yield target, [rule for rule in rules if _minds_time(rule) or rule.name in alerting or target in more]

    # --- looks ------------------------------------------------------------------------------------------------

    def hear(self, due: Mapping[str, Iterable[Rule]], at: datetime) -> list[Outcome]:
        """What follows of a round of looks at targets by these rules. It counts when it is entered.

        Who mutes others is looked at before them; and where many videos of an account make one alert of the account,
        that is known before any of the videos is told. A rule that breaks is a bug of ours; it must not stop its
        neighbours.
        """
        heard = _Round(at, self._inhibition.copy())
        watched = [target for target in due if target in self._targets]
        for target in sorted(watched, key=lambda key: LOOKED_AT_IN_TURN.index(self._targets[key].subject)):
            if self._look(target, due[target], heard):
                self._look(target, due[target], heard)  # a rule may mute one that comes before it
        self._promote({target: due[target] for target in watched}, heard)
        self._known = heard.known
        return [outcome for outcomes in heard.found.values() for outcome in outcomes]

    def _promote(self, due: Mapping[str, Iterable[Rule]], heard: _Round) -> None:
        """Count alerts of videos, and look at the accounts that they are of; at the videos again if that mutes them."""
        for outcomes in heard.found.values():
            for outcome in outcomes:
                self._promotions.note(outcome.alert, self._targets[outcome.alert.target])
        counted = self._promotions.count(partial(self._level, heard), heard.at)
        made = self._promotions.made
        if not made:
            return
        asked = {target for target, rules in due.items() if any(rule.name in made for rule in rules)}
        videos = self._videos(due)
        for account in sorted(asked.union(counted)):
            if self._look_by([rule for rule in self.rules(account) if rule.name in made], account, heard):
                for video in videos.get(account, ()):
                    self._look(video, due[video], heard)

    def _videos(self, targets: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The videos among these targets, by their accounts."""
        videos: dict[str, list[str]] = {}
        for key in targets:
            if self._targets[key].subject is Subject.VIDEO:
                videos.setdefault(self._targets[key].account, []).append(key)
        return videos

    def _level(self, heard: _Round, target: str, rule: Rule) -> int:
        """The highest level at which a target has an alert of a rule that is news, as far as was heard; 0: none."""
        alerts = {labels: each for (name, labels), each in self._alerts.get(target, {}).items() if name == rule.name}
        alerts |= {outcome.alert.labels: outcome.alert for outcome in heard.found.get((target, rule.name), ())}
        return max((each.level for each in alerts.values() if not is_usual(each, rule)), default=0)

    def _look(self, target: str, rules: Iterable[Rule], heard: _Round) -> bool:
        made = self._promotions.made
        return self._look_by([rule for rule in rules if rule.name not in made], target, heard)

    def _look_by(self, rules: Sequence[Rule], target: str, heard: _Round) -> bool:
        """Look at a target by these rules; whether that changes who is muted."""
        scene, changed = self._scene(target, heard), False
        for rule in self._stirred(rules, scene):
            try:
                outcomes = evaluate([rule], scene)
                known = rule.name in scene.first and is_known(rule, scene.view, heard.at.timestamp())
            except Exception:
                log.exception("a rule broke", rule=rule.name, target=target)
                self._broke(rule, target)
                continue
            self._works(rule, target)
            heard.found[target, rule.name] = outcomes
            if known:
                heard.known.append((target, rule, self._rules[target].keys() - {""}))
            for outcome in outcomes:
                changed |= heard.mutes.note(outcome.alert, scene.target.name)
        return changed

    def _stirred(self, rules: Sequence[Rule], scene: Look) -> Sequence[Rule]:
        """The rules of which there may be something to note; most looks end here."""
        try:
            moved = stirred(rules, scene)
        except Exception:  # noqa: BLE001 - which of them breaks is seen, and said, when each is asked alone
            return rules
        noted = scene.first | self.broken.keys()
        return [rule for rule in rules if rule in moved or rule.name in noted] if noted else moved

    def _scene(self, target: str, heard: _Round) -> Look:
        return Look(
            target=self._targets[target],
            view=self._recent.view(target),
            alerts=self._alerts.get(target, {}),
            at=heard.at,
            measured=self._recent.measured(target),
            records=lambda kind: self.records(target, kind),
            first=self._first.of(target),
            muted=lambda rule, case: self._muted(rule, target, heard.mutes) or self.said.silenced(case, heard.at),
            telling=self._telling,
            acked=self._acked,
        )

    def _acked(self, alert: Alert) -> int:
        return 0 if alert.id is None else self.said.acks.get(alert.id, 0)

    def _muted(self, rule: Rule, target: str, mutes: Inhibition) -> str:
        if not mutes:
            return ""
        return mutes.why(rule, self._targets[target], dict.fromkeys(self._providers(rule.name, target)))

    def _providers(self, rule: str, target: str) -> Iterator[str]:
        """The keys of those whose numbers a rule reads of a target, or of the videos that it counts there."""
        for endpoint, rules in self._rules[target].items():
            if endpoint and any(each.name == rule for each in rules):
                yield provider_key(ENDPOINTS[endpoint].provider)
        promoting, videos = self._promotions.counted(target, rule)
        for video in videos:
            yield from self._providers(promoting, video)

    def _broke(self, rule: Rule, target: str) -> None:
        self.failures[rule.name] += 1
        self.broken.setdefault(rule.name, set()).add(target)

    def _works(self, rule: Rule, target: str) -> None:
        targets = self.broken.get(rule.name)
        if targets is not None:
            targets.discard(target)
            if not targets:
                del self.broken[rule.name]

    def why_muted(self, rule: Rule, target: str) -> str:
        """Why news of a rule about a target waits now, in words; "" if it does not."""
        return self._muted(rule, target, self._inhibition)

    def is_first(self, rule: Rule, target: str) -> bool:
        """Whether a rule has not judged a target yet."""
        return rule.name in self._first.of(target)

    # --- alerts -----------------------------------------------------------------------------------------------

    def remember(self, alerts: Iterable[Alert]) -> None:
        """Forget all alerts but these."""
        self._alerts, self._inhibition = {}, Inhibition(self._inhibitors)
        self.renew(alerts)

    def renew(self, alerts: Iterable[Alert]) -> None:
        """Take in alerts as they are stored, in the place of what was known of them."""
        for alert in alerts:
            self._drop(alert)
            self._keep(replace(alert, told={c: level for c, level in alert.told.items() if c in self._channels}))

    def begun(self) -> Mapping[str, datetime]:
        """Since when rules are in force, by what the last looks judged, where that is earlier than was known."""
        return {name: datetime.fromtimestamp(at_s, UTC) for name, at_s in self._first.begun(self._known).items()}

    def enter(self, outcomes: Iterable[Outcome], live: Iterable[Alert]) -> None:
        """Take in what followed from looks; ``live`` are those of the alerts that still matter."""
        for outcome in outcomes:
            self._drop(outcome.alert)
        for alert in live:
            self._keep(alert)
        self._promotions.entered()
        self._first.judged(self._known)
        self._known = ()

    def alerting(self) -> Collection[str]:
        """The targets that an alert is about."""
        return self._alerts.keys()

    def alerts(self, target: str) -> Collection[Alert]:
        """The alerts about a target."""
        return self._alerts.get(target, {}).values()

    def is_suspicious(self, target: str) -> bool:
        """Whether an alert on more than the daemon's own states is or may soon be on."""
        return any(each.rule in self._business and not isinstance(each.state, Ok) for each in self.alerts(target))

    def retire(self, at: datetime, keys: Collection[str] | None = None) -> list[Outcome]:
        """The ends of the alerts whose rule or target is no more, and of those that nobody is left to be told of.

        Of all targets, or of ``keys`` alone.
        """
        self._known = ()
        ends = []
        for alert in [alert for key in (self._alerts if keys is None else sorted(keys)) for alert in self.alerts(key)]:
            if self._is_orphan(alert):
                ends.append(self._end(alert, at))
            elif alert.over and alert.id is not None:
                ends.append(Outcome(alert, (), ()))
        return ends

    def _drop(self, alert: Alert) -> None:
        alerts = self._alerts.get(alert.target, {})
        alerts.pop((alert.rule, alert.labels), None)
        if not alerts:
            self._alerts.pop(alert.target, None)
        self._inhibition.forget(alert)

    def _keep(self, alert: Alert) -> None:
        self._alerts.setdefault(alert.target, {})[alert.rule, alert.labels] = alert
        if alert.target in self._targets:
            self._inhibition.note(alert, self._targets[alert.target].name)

    def _is_orphan(self, alert: Alert) -> bool:
        """Whether no rule follows an alert any more, or none that has its level."""
        followed = (rule for rule in self.rules(alert.target) if rule.name == alert.rule)
        rule = next(followed, None) or self._held_rule(alert)
        return rule is None or alert.reach > len(rule.levels)

    def _held_rule(self, alert: Alert) -> Rule | None:
        """The rule of an alert, if it would be followed were all asked that is configured."""
        target, held = self._targets.get(alert.target), self._held.get(alert.target)
        if target is None or not held:
            return None
        asked = STATES.union(metric.name for name in held for metric in ENDPOINTS[name].metrics)
        rules = (rule for rule in self._book.rules_for(target) if rule.needs.keys() <= asked)
        return next((rule for rule in rules if rule.name == alert.rule), None)

    def _end(self, alert: Alert, at: datetime) -> Outcome:
        target = self._targets.get(alert.target) or Target(alert.target, Subject.ACCOUNT, alert.target, "")
        look = Look(target, {}, {}, at, {}, lambda _kind: (), telling=self._telling)
        return close(alert, retired(alert.rule, target.subject, alert.reach), look, "it is no longer watched")


def _minds_time(rule: Rule) -> bool:
    """Whether time alone may change what a rule says: by itself, or because a number grows too old to be known."""
    return rule.timed or rule.unknown is not Unknown.HOLD


def _by_endpoint(rules: Iterable[Rule], endpoints: Iterable[str]) -> RulesByEndpoint:
    """Of these rules those that can be judged, by the endpoint whose poll can change them ("": our own states)."""
    yields = {name: {metric.name for metric in ENDPOINTS[name].metrics} for name in endpoints} | {"": STATES}
    judged = judgeable(rules, frozenset().union(*yields.values()))
    return {name: tuple(rule for rule in judged if rule.needs.keys() & own) for name, own in yields.items()}
