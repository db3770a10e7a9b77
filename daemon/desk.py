"""A configuration at work on a store: who is watched, what is asked, by what it is judged. On the writer's thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal

from daemon.config import Config
from daemon.doubt import Doubt
from daemon.forecast import Known
from daemon.judge import Judge
from daemon.kept import keep
from daemon.plan import lines, plan, reads
from daemon.providers.endpoint import Provider
from daemon.purse import Purse
from daemon.recent import Recent
from daemon.standings import Standings
from daemon.states import States
from daemon.watchlist import Cookies, Watchlist
from rules.outcomes import Outcome
from rules.posting import DIGEST, QUIET
from storage.store import Store

WEEK = timedelta(days=7)
"""So long ago what lists took still says how many pages they have."""


def known(store: Store, at: datetime) -> Known:
    """What a forecast may take from what was learned."""
    asked = store.spending(at - WEEK)
    pages = {each.endpoint: Decimal(each.calls) / each.answers for each in asked}
    return Known(store.identities(), store.discovered(), pages)


class Desk:
    """``providers`` are those that can be asked. ``plan`` and ``remember`` before anything else."""

    def __init__(self, config: Config, store: Store, providers: Collection[Provider], cookies: Cookies) -> None:
        self.config, self.store, self._providers = config, store, providers
        self.recent = Recent(config.book.needs())
        self.watchlist = Watchlist(config, providers)
        self.standings = Standings(config, self.watchlist, Purse(config.budgets))
        self._doubt = Doubt(config.guard, reads(config), self.recent, self.watchlist, store)
        self.states = States(store, self.recent, self.standings, self._doubt, cookies)
        self.states.itself.follow(config.channels)
        self.judge = Judge(
            store, self.recent, self.states, config.book, self.watchlist, config.channels, config.telling
        )

    def plan(self, at: datetime, accounts: Collection[str] | None = None) -> Collection[str] | None:
        """Make the plan what follows from the configuration and from what was learned since, of these accounts.

        None is all accounts. The keys of the targets that it was made for.
        """
        before = self.watchlist.of(accounts)
        self.watchlist.renew(self.store.identities(), self.store.discovered(accounts), at, accounts)
        watched = self.watchlist.of(accounts)
        keys = None if accounts is None else {each.target.key for each in (*before, *watched)}
        planned = list(plan(self.config, self.watchlist, self._providers, at, accounts))
        self.store.sync_targets([each.target for each in watched], at, keys)
        self.store.plan(planned, at, keys)
        return keys

    def remember(self, at: datetime) -> None:
        """Take in what was stored until now."""
        self.standings.purse.renew(self.store, at)
        self.judge.remember(self._held(), at)
        self._hasten(at)

    def _hasten(self, at: datetime) -> None:
        """Let what waits in quiet hours or for a digest wait as the file says now, and no longer than what is new."""
        rules, targets = {rule.name: rule for rule in self.config.book.rules}, self.watchlist.targets()
        dues: dict[int, datetime] = {}
        for each in self.store.waiting((QUIET, DIGEST)):
            if each.rule in rules and each.target in targets:
                rule = rules[each.rule]
                case = rule.case(targets[each.target], each.labels, each.stand)
                due = self.config.telling.due(each.channel, rule, case, at, each.due)
                dues |= {each.id: due} if due != each.due else {}
        self.store.hasten(dues)

    def renew(self, at: datetime) -> list[Outcome]:
        """Follow what was learned: new ids, new videos, videos that are too old by now."""
        accounts = self.judge.learned(at)
        keys = self.plan(at, accounts)
        self.judge.follow(self._held(accounts), at, keys)
        self.states.wake_probes()
        ended = self.judge.retire(at)
        self.states.forget_others()
        return ended

    def adopt(self, config: Config, at: datetime) -> list[Outcome]:
        """Go on by another configuration, and look at everything in its light: whole, or not at all where it raises."""
        with ExitStack() as undo:
            keep(undo, self, "config", "watchlist")
            self.judge.keep(undo)
            self.judge.look_back(config.book, at)
            with self.store.together():
                outcomes = self._adopt(config, at)
            undo.pop_all()
        self.states.forget_others()
        return outcomes

    def _adopt(self, config: Config, at: datetime) -> list[Outcome]:
        self.config, self.watchlist = config, Watchlist(config, self._providers)
        self.plan(at)
        self.store.give_up_letters(config.channels.keys())
        self.standings.adopt(config, self.watchlist)
        self._doubt.adopt(config.guard, reads(config), self.watchlist)
        self.states.itself.follow(config.channels)
        self.states.itself.config("")
        self.judge.go_by(config.book, config.channels, config.telling, self.watchlist, self._held(), at)
        self._hasten(at)  # only now: what was silenced meanwhile does not wait any more
        self.states.wake_probes()
        return self.judge.look_at_everything(at)

    def _held(self, accounts: Collection[str] | None = None) -> Mapping[str, set[str]]:
        """The endpoints of each target of these accounts, were every configured provider there to be asked."""
        held: dict[str, set[str]] = {}
        for line in lines(self.config, self.watchlist.of(accounts), self.config.providers):
            held.setdefault(line.watched.target.key, set()).add(line.endpoint.name)
        return held
