"""How many videos of an account have an alert of one rule: states of the account, for the rules that promote.

``rules.promotion`` makes the rule that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
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
        self._accounts: dict[str, str] = {}
        self._levels: dict[str, dict[str, dict[str, int]]] = {}  # by account, rule and video
        self._uncounted: dict[str, set[str]] = {}  # accounts, and those of their videos that may be at another level
        self._counted: set[str] = set()

    def follow(
        self,
        targets: Mapping[str, Target],
        rules: Mapping[str, Mapping[str, Iterable[Rule]]],
        keys: Collection[str] | None = None,
    ) -> None:
        """Take in who is watched, and each target's rules by endpoint. What changed is about ``keys``; None: all."""
        if not self._promoting:
            return
        changed = self._accounts.keys() | targets.keys() if keys is None else keys
        for key in [key for key in changed if key in self._accounts]:
            self._drop(key)
        for key in sorted(targets.keys() & changed):
            target = targets[key]
            if target.subject is Subject.VIDEO and target.account in targets:
                for name in self._promoting.keys() & {rule.name for own in rules[key].values() for rule in own}:
                    self._add(key, target.account, name)
        self._uncounted = {account: own for account, own in self._uncounted.items() if account in targets}

    def _drop(self, video: str) -> None:
        account = self._accounts.pop(video)
        for levels in self._levels[account].values():
            levels.pop(video, None)
        self._uncounted.setdefault(account, set())

    def _add(self, video: str, account: str, rule: str) -> None:
        self._accounts[video] = account
        self._levels.setdefault(account, {}).setdefault(rule, {})[video] = 0
        self._uncounted.setdefault(account, set()).add(video)

    def counted(self, account: str, made: str) -> tuple[str, Collection[str]]:
        """What a rule that was made counts on an account: the rule that promotes, and the videos that it looks at."""
        name = self.made.get(made, "")
        return name, self._levels.get(account, {}).get(name, {}).keys()

    def note(self, alert: Alert, target: Target) -> None:
        """Take in that an alert is not as it was."""
        if alert.rule in self._promoting and target.account in self._levels:
            self._uncounted.setdefault(target.account, set()).add(target.key)

    def count(self, level_of: LevelOf, at: datetime) -> Collection[str]:
        """Write the counts of the accounts where they may be others by now; those accounts.

        They are counted anew the next time, unless what follows was ``entered``.
        """
        for account, videos in self._uncounted.items():
            for rule in self._promoting.values():
                levels = self._levels.get(account, {}).get(rule.name, {})
                levels |= {video: level_of(video, rule) for video in videos & levels.keys()}
                self._write(account, rule, levels.values(), at.timestamp())
        self._counted = set(self._uncounted)
        return self._counted

    def entered(self) -> None:
        """What follows from the last counts is stored."""
        for account in self._counted:
            self._uncounted.pop(account, None)
        self._counted = set()

    def _write(self, account: str, rule: Rule, levels: Collection[int], at_s: float) -> None:
        labels = (("rule", rule.name),)
        if levels or labels in self._recent.view(account).get(WATCHED, {}):
            for metric, number in counts(levels, rule).items():
                self._recent.state(account, metric, labels, at_s, number)
