"""Which rules have not judged which targets yet: what is true at the first look was true before anybody asked.

Across restarts there is no row for each pair. A rule has a beginning (when its name was first in force), and a target
that was seen since then was judged. A rule that came with a reload, or whose answers time alone can change, judges what
was seen before it came: then that is its beginning. Where it is in doubt whether a rule has judged a target, it counts
as an old one, so that its news is told.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from daemon.providers import ENDPOINTS
from daemon.recent import STATES, Recent
from rules.book import Rule

RulesByEndpoint = Mapping[str, tuple[Rule, ...]]
"""The rules of a target by the endpoint whose poll can change them ("": what the daemon itself says)."""


Judged = tuple[str, Rule, Collection[str]]
"""A target, a rule that knew an answer for it, and the endpoints that are asked about it."""


class FirstLooks:
    """The rules of each target that never knew an answer for it."""

    def __init__(self, recent: Recent) -> None:
        self._recent = recent
        self._begun_s: dict[str, float] = {}
        self._new: dict[str, frozenset[str]] = {}
        self._shared: dict[frozenset[str], frozenset[str]] = {}

    def recall(self, begun: Mapping[str, datetime]) -> None:
        """Take in since when rules are in force that were so before; the others have judged nothing."""
        self._begun_s = {name: at.timestamp() for name, at in begun.items()}

    def follow(self, target: str, rules: RulesByEndpoint, before: RulesByEndpoint) -> None:
        """Follow a target, with its rules by endpoint as they are and as they were ``before``, if it was followed.

        Its windows are filled already, as far as they are known.
        """
        if rules == before:
            return
        old, own = _names(before), {rule.name: rule for each in rules.values() for rule in each}
        seen_s = self._seen_s(target, rules.keys() - {""})
        added = {name for name in own.keys() - old if not self._was_judged(own[name], seen_s)}
        self._put(target, frozenset(added | (self.of(target) & own.keys())))

    def _put(self, target: str, new: frozenset[str]) -> None:
        self._new.pop(target, None)
        if new:
            self._new[target] = self._shared.setdefault(new, new)

    def _seen_s(self, target: str, endpoints: Iterable[str]) -> Mapping[str, float]:
        """When each metric of these endpoints was seen last."""
        seen_s: dict[str, float] = {}
        for name in endpoints:
            line = self._recent.line(target, name)
            own_s = 0.0 if line is None else self._recent.watches[line].seen_s
            seen_s.update({m.name: max(own_s, seen_s.get(m.name, 0.0)) for m in ENDPOINTS[name].metrics})
        return seen_s

    def _was_judged(self, rule: Rule, seen_s: Mapping[str, float]) -> bool:
        """Whether all that a rule reads was seen since it began; of states: anything, where anything is asked."""
        begun_s = self._begun_s.get(rule.name)
        if begun_s is None:
            return False
        return _looked_s(rule, seen_s, begun_s) >= begun_s

    def leave(self, targets: Iterable[str]) -> None:
        """Forget targets."""
        for target in targets:
            self._new.pop(target, None)

    def of(self, target: str) -> frozenset[str]:
        """The names of the rules that have not judged this target yet."""
        return self._new.get(target, frozenset())

    def begun(self, judged: Iterable[Judged]) -> Mapping[str, float]:
        """When what was judged had been seen, in seconds, of the rules that so began earlier than was known."""
        earlier: dict[str, float] = {}
        for target, rule, endpoints in judged:
            before_s = earlier.get(rule.name, self._begun_s.get(rule.name, math.inf))
            looked_s = _looked_s(rule, self._seen_s(target, endpoints), before_s)
            if looked_s < before_s:
                earlier[rule.name] = looked_s
        return earlier

    def judged(self, judged: Collection[Judged]) -> None:
        """Take in for which targets rules knew an answer."""
        self._begun_s.update(self.begun(judged))
        for target, rule, _ in judged:
            self._put(target, self.of(target) - {rule.name})


def _looked_s(rule: Rule, seen_s: Mapping[str, float], unasked_s: float) -> float:
    """When all that a rule reads had been seen; of states: when anything had, or ``unasked_s`` if nothing is asked."""
    read = [seen_s[metric] for metric in rule.needs.keys() - STATES]
    return min(read) if read else max(seen_s.values(), default=unasked_s)


def _names(rules: RulesByEndpoint) -> set[str]:
    return {rule.name for own in rules.values() for rule in own}
