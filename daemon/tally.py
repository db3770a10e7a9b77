"""What followed of a replay, counted: which alerts were on, who was told, and how two rule books differ in that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from daemon.post import Letter, Post, written
from rules.outcomes import Outcome
from rules.story import Story, Who
from rules.values import Change, Labels, Target


class Incident(NamedTuple):
    """A time that an alert was on; ``ended`` is None where it still was at the end. ``peak`` is its highest level."""

    rule: str
    target: str
    owner: str
    labels: Labels
    began: datetime
    ended: datetime | None
    peak: int

    @property
    def about(self) -> tuple[str, str, Labels]:
        """The alert that it is a time of."""
        return self.rule, self.target, self.labels

    def overlaps(self, other: Incident) -> bool:
        """Whether both were on at some moment."""
        return (other.ended is None or self.began <= other.ended) and (self.ended is None or other.began <= self.ended)


@dataclass(slots=True)
class Journal:
    """What followed since a time, from outcomes in their order. What was on before it, and still is, is there too."""

    targets: Mapping[str, Target]
    since: datetime
    incidents: list[Incident] = field(default_factory=list)
    told: list[Letter] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    _on: dict[tuple[str, str, Labels], Incident] = field(default_factory=dict)

    def enter(self, outcomes: Collection[Outcome], at: datetime) -> None:
        """Take in what followed of a look."""
        for outcome in outcomes:
            owner = self.targets[outcome.alert.target].owner
            for step in outcome.transitions:
                self._step(outcome, step.change, owner, at)
        if at >= self.since:
            self.told += map(_without_words, written(outcomes, at))

    def close(self, failures: Mapping[str, int]) -> None:
        """Nothing follows any more: what is on stays so. ``failures`` says how often which rules broke."""
        self.failures.update(failures)
        self.incidents += self._on.values()
        self._on.clear()

    def _step(self, outcome: Outcome, change: Change, owner: str, at: datetime) -> None:
        alert = outcome.alert
        about = alert.rule, alert.target, alert.labels
        if change in _BEGINNINGS:
            self._on[about] = Incident(alert.rule, alert.target, owner, alert.labels, at, None, alert.peak)
        elif change is Change.E_CLIMBED:
            self._on[about] = self._on[about]._replace(peak=alert.peak)
        elif change in _ENDS and about in self._on:
            ended = self._on.pop(about)._replace(ended=at)
            self.incidents += [ended] if at >= self.since else []


def _without_words(letter: Letter) -> Letter:
    """What counts of a letter: a year of stories would not fit into memory."""
    story = letter.story
    who = Who(story.who.name, story.who.key, owner=story.who.owner)
    kept = Story(story.news, story.severity, story.at, story.rule, who, told=story.told, stand=story.stand)
    return replace(letter, story=kept)


_BEGINNINGS = {Change.B_FIRED, Change.C_CONFIRMED}
_ENDS = {Change.G_RESOLVED, Change.X_GONE}


@dataclass(frozen=True, slots=True)
class Tally:
    """All that followed under one rule book since a time, and how often which rules broke."""

    since: datetime
    incidents: Sequence[Incident]
    told: Sequence[Letter]
    failures: Mapping[str, int]

    def begun(self, rule: str | None = None) -> list[Incident]:
        """The incidents (of a rule; None: of all) that began since then."""
        return [each for each in self.incidents if each.began >= self.since and rule in (None, each.rule)]

    def on(self, rule: str) -> int:
        """How many alerts of a rule are on at the end."""
        return sum(each.ended is None for each in self.incidents if each.rule == rule)

    def letters(self, key: Callable[[Letter], str]) -> Counter[str]:
        """How many letters there were, by what ``key`` says of each."""
        return Counter(map(key, self.told))

    def messages(self, channel: str) -> list[datetime]:
        """When messages were sent to a channel, those too that still wait at the end."""
        post, sent = Post(), []
        for at, letters in groupby((each for each in self.told if each.channel == channel), lambda each: each.at):
            sent += [each.at for each in post.hand_over(at)]
            post.add(letters, at)
        return sent + [each.at for each in post.hand_over()]

    def owners(self) -> Sequence[str]:
        """Whose targets it was about; "" is nobody's."""
        return sorted({each.owner for each in self.incidents} | {each.owner for each in self.told})


def added(journals: Iterable[Journal], since: datetime) -> Tally:
    """Journals of separate targets as one."""
    incidents: list[Incident] = []
    told: list[Letter] = []
    failures: Counter[str] = Counter()
    for journal in journals:
        incidents += journal.incidents
        told += journal.told
        failures += journal.failures
    incidents.sort(key=lambda each: each.began)
    return Tally(since, incidents, sorted(told, key=lambda each: each.at), failures)


# --- how two differ -----------------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """How the alerts of a rule differ between two books, as numbers of incidents that began in the time.

    One of either is the same as one of the other, if they are about the same and were on at the same moment. ``opens``
    are on at the end in the first alone, ``closes`` in the second alone.
    """

    first: int
    second: int
    both: int
    only_first: int
    only_second: int
    opens: int
    closes: int


def difference(first: Tally, second: Tally, rule: str, shadow: tuple[bool, bool] = (False, False)) -> Difference:
    """How the first differs from the second, about one rule; an alert in ``shadow`` neither opens nor closes."""
    ones, others = first.begun(rule), second.begun(rule)
    shared, shared_of_others = _shared(ones, second.incidents), _shared(others, first.incidents)
    on, on_of_others = (
        frozenset() if unseen else _on(tally, rule) for tally, unseen in zip((first, second), shadow, strict=True)
    )
    return Difference(
        first=len(ones),
        second=len(others),
        both=shared,
        only_first=len(ones) - shared,
        only_second=len(others) - shared_of_others,
        opens=len(on - on_of_others),
        closes=len(on_of_others - on),
    )


def _on(tally: Tally, rule: str) -> frozenset[Hashable]:
    return frozenset(each.about for each in tally.incidents if each.rule == rule and each.ended is None)


def _shared(incidents: Iterable[Incident], others: Iterable[Incident]) -> int:
    alike: dict[Hashable, list[Incident]] = {}
    for other in others:
        alike.setdefault(other.about, []).append(other)
    return sum(any(each.overlaps(other) for other in alike.get(each.about, ())) for each in incidents)
