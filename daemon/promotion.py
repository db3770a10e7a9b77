"""How many videos of an account have an alert of one rule: states of the account, for the rules that promote.

``rules.promotion`` makes the rule that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from daemon.recent import Recent
from rules.book import Rule, RuleBook
from rules.promotion import WATCHED, counts, promoted_name
from rules.values import Alert, Subject, Target

LevelOf = Callable[[str, Rule], int]
"""The level at which a video (its key) has an alert of a rule; 0: it has none, or one that is no news."""


class Promotions:
    """Counts the videos of accounts, for each rule that promotes. A book without one costs nothing.

    ``made`` are the names of the rules made for those that promote, and of these: the former look when the videos have
    been looked at.
    """

    def __init__(self, recent: Recent, book: RuleBook) -> None:
        self._recent = recent
        self._promoting = {r.name: r for r in book.rules if r.promote is not None and r.subject is Subject.VIDEO}
        self.made = {promoted_name(name): name for name in self._promoting}
        self._videos: dict[str, dict[str, list[str]]] = {}
        self._uncounted: set[str] = set()
        self._counted: set[str] = set()

    def follow(self, targets: Mapping[str, Target], rules: Mapping[str, Mapping[str, Iterable[Rule]]]) -> None:
        """Take in who is watched, and each target's rules by endpoint."""
        if not self._promoting:
            return
        before, self._videos = self._videos, {}
        for key, target in targets.items():
            if target.subject is Subject.VIDEO and target.account in targets:
                for name in self._promoting.keys() & {rule.name for own in rules[key].values() for rule in own}:
                    self._videos.setdefault(target.account, {}).setdefault(name, []).append(key)
        self._uncounted |= before.keys() & targets.keys() | self._videos.keys()

    def counted(self, account: str, made: str) -> tuple[str, Sequence[str]]:
        """What a rule that was made counts on an account: the rule that promotes, and the videos that it looks at."""
        name = self.made.get(made, "")
        return name, self._videos.get(account, {}).get(name, ())

    def note(self, alert: Alert, target: Target) -> None:
        """Take in that an alert is not as it was."""
        if alert.rule in self._promoting and target.account in self._videos:
            self._uncounted.add(target.account)

    def count(self, level_of: LevelOf, at: datetime) -> Collection[str]:
        """Write the counts of the accounts where they may be others by now; those accounts.

        They are counted anew the next time, unless what follows was ``entered``.
        """
        for account in self._uncounted:
            for rule in self._promoting.values():
                self._write(account, rule, level_of, at.timestamp())
        self._counted = set(self._uncounted)
        return self._counted

    def entered(self) -> None:
        """What follows from the last counts is stored."""
        self._uncounted -= self._counted
        self._counted = set()

    def _write(self, account: str, rule: Rule, level_of: LevelOf, at_s: float) -> None:
        videos, labels = self._videos.get(account, {}).get(rule.name, ()), (("rule", rule.name),)
        if videos or labels in self._recent.view(account).get(WATCHED, {}):
            levels = [level_of(video, rule) for video in videos]
            for metric, number in counts(levels, rule).items():
                self._recent.state(account, metric, labels, at_s, number)
