"""Who mutes whom: while an alert of a rule with ``inhibits`` fires, news of what follows from the same cause waits.

=============  ==========================================================
an alert on    mutes alerts on the same, and on
=============  ==========================================================
an account     its videos
a cookie       its account, and the videos of that
a provider     whatever is judged by numbers that come from the provider
the daemon     everything
=============  ==========================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from daemon.watchlist import DAEMON, cookie_key
from rules.book import EVERY_RULE, Rule, RuleBook
from rules.promotion import promoted_name
from rules.telling import is_usual
from rules.values import Alert, Labels, Subject, Target


@dataclass(frozen=True, slots=True)
class Inhibitors:
    """The rules that mute others, by name, and whom: on all that an alert reaches, and on its own target."""

    rules: Mapping[str, Rule]
    mutes: Mapping[str, frozenset[str]]
    beside: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, book: RuleBook) -> Inhibitors:
        """What a rule book says of them. A rule in shadow mutes nobody, and none mutes itself.

        Where rules on one target mute each other, be it in a ring of many, the first of them in the file is told.
        """
        rules = {rule.name: rule for rule in book.rules if rule.inhibits and not rule.shadow}
        mutes = {rule.name: frozenset(_named(rule, book)) - {rule.name} for rule in rules.values()}
        subjects = {rule.name: rule.subject for rule in book.rules}
        beside = {by: {n for n in names if subjects.get(n) is subjects[by]} for by, names in mutes.items()}
        return cls(rules, mutes, _without_rings(beside, list(subjects)))


def _named(rule: Rule, book: RuleBook) -> Iterator[str]:
    """The rules that one names; whoever promotes stands for the rule that is made of it, too."""
    for other in book.rules:
        if EVERY_RULE in rule.inhibits or other.name in rule.inhibits:
            yield other.name
            if other.promote is not None:
                yield promoted_name(other.name)


def _without_rings(mutes: Mapping[str, Collection[str]], order: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """None mutes one that comes before it, if that mutes it too, itself or by others."""
    place = {name: place for place, name in enumerate(order)}
    return {
        by: frozenset(name for name in names if place[by] < place[name] or by not in _reached(name, mutes))
        for by, names in mutes.items()
    }


def _reached(name: str, mutes: Mapping[str, Collection[str]]) -> Collection[str]:
    """The rules that one mutes, those that these mute, and so on."""
    reached: dict[str, None] = {}
    new = [name]
    while new:
        following = [each for each in mutes.get(new.pop(), ()) if each not in reached]
        reached.update(dict.fromkeys(following))
        new += following
    return reached


class Inhibition:
    """The alerts that are on and mute others; true if there are any."""

    def __init__(self, inhibitors: Inhibitors) -> None:
        self._inhibitors = inhibitors
        self._on: dict[str, dict[tuple[str, Labels], str]] = {}

    def copy(self) -> Inhibition:
        """The same, to be changed without changing this one."""
        other = Inhibition(self._inhibitors)
        other._on = {target: dict(alerts) for target, alerts in self._on.items()}
        return other

    def __bool__(self) -> bool:
        return bool(self._on)

    def note(self, alert: Alert, name: str) -> bool:
        """Take in where an alert stands, on the target of this name; whether that changes who is muted.

        Only an alert that fires mutes, and that is not taken as usual: nobody would hear of either.
        """
        key, alerts = (alert.rule, alert.labels), self._on.get(alert.target, {})
        rule = self._inhibitors.rules.get(alert.rule)
        mutes = rule is not None and alert.level > 0 and not is_usual(alert, rule)
        if mutes is (key in alerts):
            return False
        if mutes:
            self._on.setdefault(alert.target, {})[key] = name
        else:
            self.forget(alert)
        return True

    def forget(self, alert: Alert) -> None:
        """An alert is no more."""
        alerts = self._on.get(alert.target, {})
        alerts.pop((alert.rule, alert.labels), None)
        if not alerts:
            self._on.pop(alert.target, None)

    def why(self, rule: Rule, target: Target, providers: Iterable[str]) -> str:
        """Why news of a rule's alert on a target waits, in words; "" if it does not.

        ``providers`` are the keys of those whose numbers the rule reads of the target.
        """
        for source in (DAEMON, *providers, *_above(target), target.key):
            for (by, _), name in self._on.get(source, {}).items():
                reach = self._inhibitors.beside if source == target.key else self._inhibitors.mutes
                if rule.name in reach[by]:
                    return f"muted by {by} of {name}"
        return ""


def _above(target: Target) -> Iterator[str]:
    """What a target is seen through: the cookie of its account, and the account."""
    if target.subject in (Subject.ACCOUNT, Subject.VIDEO) and target.account:
        yield cookie_key(target.account)
        yield target.account
