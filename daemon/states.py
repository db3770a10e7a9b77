"""What the daemon itself says of its targets: who can be seen, which cookies work, what is doubted, what is spent.

Runs on the writer's thread. All of it is derived: from polls, from the ledger, from what was learned.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from daemon.budget import balance_ends
from daemon.config import Watched
from daemon.cookies import Fingerprints, Line, Validity, changed
from daemon.doubt import Doubt
from daemon.health import Health, Look
from daemon.itself import Itself
from daemon.keys import WORD
from daemon.learning import End, Lesson, learn, recall, recalled, show, show_cookie, take_in
from daemon.providers.answer import Reason
from daemon.providers.endpoint import Provider
from daemon.recent import Recent
from daemon.secrets import Secret
from daemon.standings import Standings
from daemon.watchlist import DAEMON, Cookies, cookie_key, provider_key
from rules.values import NO_LABELS, Labels, Record
from storage.records import Remembered
from storage.store import Store

DAY, WEEK = timedelta(days=1), timedelta(days=7)


class States:
    """Writes the daemon's own states into the windows that rules read."""

    def __init__(self, store: Store, recent: Recent, standings: Standings, doubt: Doubt, cookies: Cookies) -> None:
        self._store, self._recent, self._cookies = store, recent, cookies
        self.standings, self.doubt, self.health = standings, doubt, Health(recent, doubt.fails)
        self.itself = Itself(store, recent)
        self._fingerprints = Fingerprints()
        self._recalled = False

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make all that is said, known and doubted what it is now. No poll must be taken in meanwhile."""
        for part in (self.standings, self.doubt, self.health, self.itself, self._fingerprints):
            part.keep(undo)

    def follow(
        self,
        new: Iterable[Remembered],
        gone: Collection[int],
        planned: Sequence[Remembered],
        at: datetime,
        keys: Collection[str] | None = None,
    ) -> None:
        """Take in that the plan has other lines now; ``gone`` are still watched by ``recent``.

        ``planned`` are all lines of the targets ``keys``; None: of all targets.
        """
        for schedule_id in gone:
            self.health.unwatch(schedule_id, self._recent.watches[schedule_id].target)
        for line in new:
            self.health.watch(line.schedule_id, max(0, line.failures - 1))
        self.standings.follow(planned, keys)
        self._remember_sights(at, keys)
        self.doubt.follow(gone, at)

    def wake_probes(self) -> None:
        """Have somebody try each refused cookie in time, though the line that would have may have left the plan."""
        for probe, due in self.standings.probes(self.standings.cookies):
            self._store.wake([probe], due)

    def _remember_sights(self, at: datetime, keys: Collection[str] | None) -> None:
        """Take in what is stored of the visibility of videos that are watched, and were not until now."""
        watchlist, sights = self.standings.watchlist, self.standings.sights
        watched = watchlist.targets().keys() if keys is None else [key for key in keys if key in watchlist]
        new = recalled(self._store.sights([key for key in watched if key not in sights]))
        self.standings.sights = sights | new
        show(self._recent, self.standings, Lesson(sights=new), at)

    def forget_others(self) -> None:
        """Forget what is known of targets that are not watched any more."""
        watched = self.standings.watchlist.targets().keys()
        self._recent.forget_others(watched)
        self.health.forget_others(watched)
        self.standings.forget_others()

    def recall(self, looks: Sequence[Look], ends: Sequence[End], at: datetime) -> None:
        """Take in how the newest polls before a start ended, the oldest first.

        A cookie that was refused may have been renewed meanwhile, so it is tried at once. What a line said last that
        comes back later is old, and says nothing.
        """
        if self._recalled:
            return
        self._recalled = True
        for look in looks:
            self.health.note([look])
        lesson = recall(self.standings, ends)
        take_in(self.standings, lesson, at)
        for account in lesson.cookies:
            self._try_again(account, at)
        self._show(lesson, at)

    def learn(self, ends: Iterable[End]) -> Lesson:
        """What polls teach, but for failures that are not the targets' own. Changes nothing yet.

        A refused cookie is spared in any case: it is not told while it is refused together with so many others.
        """
        fails = self.doubt.fails
        own = (None, Reason.COOKIE)
        return learn(self.standings, [end for end in ends if end.reason in own or not fails(end.target, end.endpoint)])

    def take_in(self, looks: Sequence[Look], lesson: Lesson, at: datetime) -> set[str]:
        """Take in how polls ended and what they taught; the targets of which something new can be said."""
        touched = self.health.note(looks)
        over = [key for key, cookie in lesson.cookies.items() if cookie.next_probe is None and self._is_doubted(key)]
        wakes = take_in(self.standings, lesson, at, self._is_blind)
        touched |= self._show(lesson, at)  # before the store is asked for anything: that may fail
        for line, due in wakes:
            self._store.wake([line], due)
        for account in self.standings.cookies if over else ():
            self._try_again(account, at)  # what refused them all together is over
        return touched

    def _show(self, lesson: Lesson, at: datetime) -> set[str]:
        return show(self._recent, self.standings, lesson, at) | self._show_cookies(lesson.cookies, at)

    def _show_cookies(self, accounts: Iterable[str], at: datetime) -> set[str]:
        """Write where cookies stand. One is no more than suspect while it is refused together with many others."""
        touched = set()
        for account in accounts:
            state = Validity.SUSPECT if self._is_doubted(account) else self.standings.cookie(account).state
            if cookie_key(account) in self.standings.watchlist and show_cookie(self._recent, account, state, at):
                touched.add(cookie_key(account))
        return touched

    def _is_doubted(self, account: str) -> bool:
        """Whether an account's cookie expired, and together with so many others that it may be none of its fault."""
        probe = self.standings.probe_of(account)
        expired = self.standings.cookie(account).state is Validity.EXPIRED
        return expired and probe is not None and self.doubt.fails(*probe)

    def tick(self, at: datetime, healthy: Mapping[str, bool]) -> set[str]:
        """Look at what no poll tells: money, doubts that are over, renewed cookies, how the daemon itself is doing.

        ``healthy`` are the rules in force, and whether they work. The targets of which something new can be said.
        """
        self.standings.purse.renew(self._store, at)
        for watched in self.standings.watchlist:
            if watched.cookie and not watched.account:
                self._try_renewed(watched, at)
        touched = self.doubt.end(at) | self._show_cookies(self.standings.cookies, at) | self.itself.say(healthy, at)
        return touched | {key for provider in Provider for key in self._say_money(provider, at)}

    def records(self, target: str, kind: str) -> Sequence[Record] | None:
        """The records of a kind that are about the daemon's own states; None if it is none of those kinds."""
        match kind:
            case "failure":
                return self.health.failures(target)
            case "incident":
                return self.doubt.records(target)
            case "cookie":
                return _how_to_renew(self.standings.watchlist[target])
            case "config":
                return self.itself.records() if target == DAEMON else []
            case _:
                return None

    def _is_blind(self, line: Line) -> bool:
        schedule_id = self._recent.line(*line)
        return schedule_id is not None and self._recent.watches[schedule_id].blind

    def _try_renewed(self, watched: Watched, at: datetime) -> None:
        """A cookie that was refused and is another one now is tried at once."""
        account = watched.target.key
        cookie = self._cookies(watched)
        if self._fingerprints.changed(account, cookie.reveal() if isinstance(cookie, Secret) else ""):
            self._try_again(account, at)

    def _try_again(self, account: str, at: datetime) -> None:
        cookie, probe = self.standings.cookie(account), self.standings.probe_of(account)
        if cookie.state is not Validity.VALID and probe is not None:
            self.standings.cookies[account] = changed(cookie, at)
            self.standings.accusers.pop(account, None)  # they spoke of the cookie before
            self._store.wake([probe], at)

    def _say_money(self, provider: Provider, at: datetime) -> set[str]:
        target = provider_key(provider)
        if target not in self.standings.watchlist:
            return set()
        said = self._money(provider, at)
        over = {("budget_used", labels) for labels in self._recent.view(target).get("budget_used", ())} - said.keys()
        for series in over:  # a reload took the limit away
            self._recent.forget(target, *series)
        news = [self._recent.state(target, *key, at.timestamp(), value) for key, value in said.items()]
        return {target} if over or any(news) else set()

    def _money(self, provider: Provider, at: datetime) -> Mapping[tuple[str, Labels], float]:
        """What is spent, how much of each limit that is, and how long what is left lasts."""
        spent, limits = self.standings.purse.spent(provider), self.standings.purse.limits(provider)
        said: dict[tuple[str, Labels], float] = {}
        for period, usd, limit in (
            ("day", spent.day_usd, limits.day_usd),
            ("month", spent.month_usd, limits.month_usd),
        ):
            labels: Labels = (("period", period),)
            said["spent_usd", labels] = float(usd)
            if limit is not None:
                said["budget_used", labels] = float(usd / limit)
        ends = self._balance_ends(provider, at)
        said["balance_ends_at", NO_LABELS] = math.nan if ends is None else ends.timestamp()
        return said

    def _balance_ends(self, provider: Provider, at: datetime) -> datetime | None:
        line = self._recent.line(provider_key(provider), WORD)
        watch = None if line is None else self._recent.watches[line]
        if watch is None or watch.blind or at.timestamp() - watch.seen_s > watch.fresh_for_s:
            return None
        balance = watch.numbers().get(("balance_usd", NO_LABELS))
        if balance is None:
            return None
        mean_usd = self._store.spent(provider.value, at - WEEK) / 7
        usd_a_day = max(mean_usd, self._store.spent(provider.value, at - DAY))  # in the first week the mean is too low
        return balance_ends(Decimal(str(balance)), usd_a_day, datetime.fromtimestamp(watch.seen_s, UTC))


def _how_to_renew(watched: Watched) -> list[Record]:
    words = {
        "text": f"log in as {watched.target.name} in a browser and copy the whole cookie header",
        "where": watched.cookie,
        "then": "nothing: it is tried within a minute, and all that waited is asked at once",
    }
    return [Record("cookie", watched.target.key, words)]
