"""What the videos of an account had at each age of comparison: noted as they pass it, because windows forget.

In memory alone: the daemon stores what is noted, and reads it at start; a replay has what it saw. It is written by the
one thread that fills the windows, after them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from daemon.recent import Recent
from rules.book import Rule, RuleBook
from rules.cohorts import COHORT, KEPT, PUBLISHED_AT, at, own, peers
from rules.detector_peers import MILESTONES_S, at_age
from rules.expression import Expression
from rules.grammar import Call, Series
from rules.trees import behind
from rules.values import NO_LABELS, Labels, Subject, Target, Window
from storage.cohorts import Passage

GATHERED = timedelta(days=30)
"""So long before the time that counts a replay begins, to have seen others at each age."""

_Place = tuple[str, str, float]
"""An account, a metric and an age (seconds)."""


def compared(book: RuleBook) -> frozenset[str]:
    """The metrics by which rules compare videos."""
    calls = [behind(part.tree) for rule in book.rules for each in _conditions(rule) for part in each.parts]
    series = [behind(call.arguments[0]) for call in calls if isinstance(call, Call) and call.function == COHORT]
    return frozenset(each.metric for each in series if isinstance(each, Series))


def _conditions(rule: Rule) -> Iterator[Expression]:
    yield from (level.when for level in rule.levels)
    yield from (each for each in (rule.clear, *(level.clear for level in rule.levels)) if each is not None)


def tell_births(recent: Recent, book: RuleBook, births: Mapping[str, datetime]) -> None:
    """Write when videos were published, where rules read it."""
    if PUBLISHED_AT in book.needs():
        for key, born in births.items():
            recent.state(key, PUBLISHED_AT, NO_LABELS, born.timestamp(), born.timestamp())


class Cohorts:
    """Writes into the views of ``recent`` what rules that compare videos by these metrics read (``rules.cohorts``)."""

    def __init__(self, recent: Recent, metrics: Collection[str]) -> None:
        self._recent, self._metrics = recent, metrics
        self._accounts: dict[str, str] = {}
        self._own: dict[tuple[str, str], Window] = {}
        self._passed: dict[_Place, list[Passage]] = {}
        self._peers: dict[tuple[str, str], dict[Labels, Window]] = {}

    def recall(self, passages: Iterable[Passage]) -> None:
        """Take in what was noted before."""
        for place in dict.fromkeys(map(self._enter, passages)):
            self._rank(*place)

    def follow(self, targets: Mapping[str, Target], keys: Collection[str] | None = None) -> list[Passage]:
        """Follow the videos among these targets; what is news of them. Only those of ``keys`` changed; None: all."""
        if not self._metrics:
            return []
        changed = targets.keys() if keys is None else targets.keys() & keys
        videos = {key: targets[key].account for key in changed if targets[key].subject is Subject.VIDEO}
        if keys is None:
            self._accounts.clear()
        self._accounts.update({key: account for key, account in videos.items() if account})
        if keys is None:
            self._own = {place: window for place, window in self._own.items() if place[0] in self._accounts}
        for key in videos.keys() & self._accounts.keys():
            self._show(key, self._accounts[key])
        return [passage for key in sorted(videos) for passage in self.look(key)]

    def look(self, target: str) -> list[Passage]:
        """Note what a target had at the ages that it has passed since, if it is a video that is followed."""
        account = self._accounts.get(target)
        if account is None:
            return []
        return [each for metric in self._metrics for each in self._note(account, target, metric)]

    def _show(self, video: str, account: str) -> None:
        view = self._recent.view(video)
        for metric in self._metrics:
            view[own(metric)] = {NO_LABELS: self._own.setdefault((video, metric), Window())}
            view[peers(metric)] = self._peers.setdefault((account, metric), {})

    def _note(self, account: str, video: str, metric: str) -> Iterator[Passage]:
        view = self._recent.view(video)
        window, born = (view.get(name, {}).get(NO_LABELS) for name in (metric, PUBLISHED_AT))
        if window is None or born is None or window.blind:
            return
        noted, born_s = self._own[video, metric].times_s, born.values[-1]
        for age_s in MILESTONES_S:
            value = None if noted and age_s <= noted[-1] else at_age(window, born_s, age_s)
            if value is not None:
                passage = Passage(account, metric, age_s, video, datetime.fromtimestamp(born_s, UTC), value)
                self._rank(*self._enter(passage))
                yield passage

    def _enter(self, passage: Passage) -> _Place:
        """Take in one; where others are to be ranked anew."""
        place = passage.account, passage.metric, float(passage.age_s)
        self._own.setdefault((passage.video, passage.metric), Window()).add(place[2], passage.value)
        self._passed.setdefault(place, []).append(passage)
        return place

    def _rank(self, account: str, metric: str, age_s: float) -> None:
        """Show to all videos of an account what the newest had at an age."""
        place = account, metric, age_s
        videos = {each.video: each for each in self._passed[place]}
        self._passed[place] = passed = sorted(videos.values(), key=attrgetter("born", "video"))[-KEPT:]
        self._peers.setdefault((account, metric), {})[at(age_s)] = Window(enumerate(each.value for each in passed))
