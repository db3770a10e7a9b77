"""The rule book: what the rules of a file become."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rules.definitions import NOTHING_DEFINED, Definitions, Effective
from rules.expression import Expression
from rules.selectors import Case, Selector
from rules.values import FirstSight, Labels, Severity, Subject, Target, Unit, Unknown


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a rule's ladder, compiled. With ``clear`` an alert leaves it only when that holds.

    ``lasts`` is how long its effect on the creator lasts, None where that is not said.
    """

    name: str
    severity: Severity
    when: Expression
    effect: str
    clear: Expression | None = None
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Flapping:
    """An alert that begins so many ``times`` ``within`` this time is told once as coming and going, and then held."""

    times: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Promotion:
    """So many of an account's videos (``at_least``, and a ``share`` from 0 to 1) make one alert of the account."""

    at_least: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A compiled rule. ``levels[0]`` is the lowest; level numbers elsewhere count from 1, 0 being none.

    ``needs`` are the metrics it reads (it applies to a target that is polled for all of them) and how many seconds
    back, ``reads`` their units, ``single`` those without labels; ``timed`` says whether time alone can change its
    answer. What it reads may be ``lasting``: true from when it was said until something else is. It names the channels
    that it tells, or is ``routed`` and leaves that to routes, where there are any; what is as grave as ``passes_quiet``
    does not wait for the end of quiet hours. ``shown`` are the metrics of which
    its summary may show the number: their labels, all fixed. ``meaning`` stands for what decides its answers: where it
    is the same, two rules judge alike, also in two processes. ``template`` names how its messages are put ("": as
    usual).
    """

    name: str
    subject: Subject
    levels: tuple[Level, ...]
    clear: Expression | None
    hold_for: timedelta
    for_polls: int
    keep_firing: timedelta
    summary: str
    records: str
    to: tuple[str, ...]
    needs: Mapping[str, float]
    reads: Mapping[str, Unit]
    single: frozenset[str]
    timed: bool
    only: Selector[Target] | None = None
    confirm: bool = False
    unknown: Unknown = Unknown.HOLD
    on_first_sight: FirstSight = FirstSight.SUMMARY
    flapping: Flapping | None = None
    inhibits: frozenset[str] = frozenset()
    promote: Promotion | None = None
    shadow: bool = False
    shown: Mapping[str, Labels] = field(default_factory=dict)
    meaning: str = ""
    lasting: bool = False
    routed: bool = False
    passes_quiet: Severity | None = None
    stale_after: timedelta | None = None
    min_history: timedelta = timedelta(0)
    template: str = ""

    @property
    def by_clock(self) -> bool:
        """Whether it is looked at between polls too, each look being one at its own time."""
        return self.timed or self.lasting or self.unknown is not Unknown.HOLD

    def severity(self, level: int) -> Severity:
        """The severity of a level (counted from 1)."""
        return self.levels[level - 1].severity

    def case(self, target: Target, labels: Labels, stand: int) -> Case:
        """An alert as routes and silences see it, as grave as where it stands (0: as the lowest level)."""
        step = self.levels[min(abs(stand) or 1, len(self.levels)) - 1]
        return Case(self.name, step.severity, step.name, labels, target)


def retired(name: str, subject: Subject, levels: int) -> Rule:
    """A stand-in for a rule that is no more (or is shorter now), so that its alerts can still be told to be over."""
    never = Expression("", frozenset(), (), (), False, None, lambda _view, _at_s: None)
    ladder = tuple(Level(f"level {number}", Severity.WARNING, never, "") for number in range(1, levels + 1))
    return Rule(
        name, subject, ladder, None, timedelta(0), 1, timedelta(0), "", "", (), {}, {}, frozenset(), timed=False
    )


class RuleBook:
    """All rules. Immutable: a reload swaps the whole book.

    ``rules`` are those of targets for which no number is overridden. ``compiled`` makes those of the others; it is
    asked once for each set of numbers.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        definitions: Definitions = NOTHING_DEFINED,
        compiled: Callable[[Effective], tuple[Rule, ...]] | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self._definitions, self._compiled = definitions, compiled
        self._variants: dict[Effective, tuple[Rule, ...]] = {(): self.rules}
        self._choosy = [rule for rule in self.rules if rule.only]
        self._chosen: dict[tuple[Effective, Subject, frozenset[str]], tuple[Rule, ...]] = {}

    def needs(self) -> Mapping[str, float]:
        """Each metric that a rule reads for any target, and how many seconds back."""
        return deepest(need for rule in self.variants() for need in rule.needs.items())

    def variants(self) -> Iterator[Rule]:
        """The rules with each set of numbers that some target has; where none is overridden, first."""
        for effective in ((), *self._definitions.variants()):
            yield from self._variant(effective)

    def without(self, names: Collection[str]) -> RuleBook:
        """The same without these rules."""

        def compiled(effective: Effective) -> tuple[Rule, ...]:
            return tuple(rule for rule in self._variant(effective) if rule.name not in names)

        return RuleBook(compiled(()), self._definitions, compiled)

    def aged(self) -> frozenset[str]:
        """The metrics whose age a rule asks for: it is known of what was seen at any time, however long ago."""
        levels = [level for rule in self.rules for level in rule.levels]
        clears = [*(rule.clear for rule in self.rules), *(level.clear for level in levels)]
        asked = [*(level.when for level in levels), *(clear for clear in clears if clear is not None)]
        return frozenset(metric for condition in asked for metric in condition.aged)

    def rules_for(self, target: Target) -> tuple[Rule, ...]:
        """The rules about this target, with its numbers. Targets that are alike get the very same tuple."""
        effective = self._definitions.effective(target)
        left = frozenset(rule.name for rule in self._choosy if rule.only and not rule.only.matches(target))
        alike = (effective, target.subject, left)
        if alike not in self._chosen:
            variant = self._variant(effective)
            self._chosen[alike] = tuple(r for r in variant if r.subject is target.subject and r.name not in left)
        return self._chosen[alike]

    def _variant(self, effective: Effective) -> tuple[Rule, ...]:
        if effective not in self._variants:
            self._variants[effective] = self.rules if self._compiled is None else self._compiled(effective)
        return self._variants[effective]


def judgeable(rules: Iterable[Rule], polled: Collection[str]) -> tuple[Rule, ...]:
    """Of these rules those that can be judged about a target that is polled for these metrics."""
    return tuple(rule for rule in rules if rule.needs.keys() <= set(polled))


def deepest(needs: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    """Each metric once, with the greatest of its depths."""
    depths: dict[str, float] = {}
    for metric, depth_s in needs:
        depths[metric] = max(depth_s, depths.get(metric, 0.0))
    return depths


PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
EVERY_RULE = "*"
"""In ``inhibits``: all other rules."""
OWNER = "owner"
"""In ``to``: the channels of whoever looks after the target."""
