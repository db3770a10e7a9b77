"""Judge: committed polls in; alerts, transitions and owed letters out, in one commit.

Runs on the writer's thread. The windows and the live alerts it works on are derived from rows; a crash between the
commit of the polls and the commit of what follows from them leaves those polls unjudged, and ``resume`` judges them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from daemon.cohorts import Cohorts, compared, tell_births
from daemon.docket import Docket
from daemon.ended import Ended, ends, looks
from daemon.health import Look
from daemon.kept import keep
from daemon.learning import End, Lesson
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.recent import Recent, Watch
from daemon.statements import Statements
from daemon.states import States
from daemon.watchlist import Watchlist, provider_key
from rules.book import Rule, RuleBook
from rules.outcomes import Outcome
from rules.parting import in_words_of
from rules.posting import Telling
from rules.values import Alert, Record
from storage.cohorts import Passage
from storage.records import POLLED, Listing, Polled, Remembered, Settled
from storage.samples import SampleRow
from storage.store import Store

RECORDS_KEPT_IN_SIGHT = 20
LOOKED_THROUGH = 1_000
"""Looks of a line that are searched at start for a number that the newest did not have: ten days of 15 minutes."""

REPLANNED = timedelta(hours=1)
"""So often videos that have become too old leave the plan."""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger("creatorwatch.judge")


class Judge:
    """Feeds the docket, and stores what follows. ``channels`` are those that exist."""

    def __init__(
        self,
        store: Store,
        recent: Recent,
        states: States,
        book: RuleBook,
        watchlist: Watchlist,
        channels: Collection[str],
        telling: Telling,
    ) -> None:
        self._store, self._recent, self._states, self._standings = store, recent, states, states.standings
        self._book, self._watchlist = book, watchlist
        self.docket = Docket(recent, book, channels, self._records, telling)
        self._statements, self._cohorts = Statements(store), Cohorts(recent, compared(book))
        self._passages: list[Passage] = []
        self._unfinished: set[str] = set()
        self._learned: set[str] = set()
        self._followed = BEGINNING

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make it judge as it does now, by these windows and alerts. No poll must be settled meanwhile."""
        self._recent.keep(undo)
        self._states.keep(undo)
        self._statements.keep(undo)
        keep(undo, self, "_book", "_watchlist", "_cohorts", "_passages")
        keep(undo, self, "docket", "_unfinished", "_learned", "_followed")

    # --- at start, and when the plan has changed --------------------------------------------------------------

    def remember(self, held: Mapping[str, Collection[str]], at: datetime) -> None:
        """Rebuild windows and alerts from rows; ``held`` as in ``follow``."""
        self.docket.recall(self._store.rules())
        self._cohorts = Cohorts(self._recent, compared(self._book))
        self._cohorts.recall(self._store.passages(compared(self._book)))
        self.follow(held, at)
        self.docket.remember(self._store.live_alerts())
        self._standings.suspects = set(filter(self.docket.is_suspicious, self.docket.alerting()))
        self._statements.heed(self.docket, at)

    def follow(self, held: Mapping[str, Collection[str]], at: datetime, keys: Collection[str] | None = None) -> None:
        """Follow the plan as it is stored: rebuild what is new of it from rows, forget what has left it.

        ``held`` names the endpoints of a target that are configured but cannot be asked (no key): the alerts that rest
        on them are held, not ended. The plan may have changed of the targets ``keys`` alone; None: of all.
        """
        planned = self._store.remembered(keys)
        watched = {each for each, watch in self._recent.watches.items() if keys is None or watch.target in keys}
        gone = watched - {line.schedule_id for line in planned}
        new = [line for line in planned if line.schedule_id not in watched]
        for line in new:
            slowest = self._standings.slowest(line.target, line.endpoint, at)
            intervals_s = line.interval.total_seconds(), slowest.total_seconds()
            self._recent.watch(line.schedule_id, line.target, line.endpoint, *intervals_s)
        self._states.follow(new, gone, planned, at, keys)
        for schedule_id in gone:
            self._recent.unwatch(schedule_id)
        self._recall(new, at)
        self._compare(keys)
        polled = [(line.target, line.endpoint) for line in planned]
        self.docket.follow(self._watchlist.targets(), held, polled, keys)
        self._learned.clear()
        self._followed = at if keys is None else self._followed

    def _compare(self, keys: Collection[str] | None) -> None:
        """Let rules see videos among others of the same age, those ``keys`` that changed; None: all."""
        targets = self._watchlist.targets()
        tell_births(self._recent, self._book, self._watchlist.births(targets.keys() if keys is None else keys))
        self._passages += self._cohorts.follow(targets, keys)

    def look_back(self, book: RuleBook, at: datetime) -> None:
        """Let windows reach as far back as another book reads."""
        self._book = book
        self._recent.need(book.needs(), lambda: self._past(list(self._recent.watches), at))
        self._recollect(list(self._recent.watches), at)

    def go_by(
        self,
        book: RuleBook,
        channels: Collection[str],
        telling: Telling,
        watchlist: Watchlist,
        held: Mapping[str, Collection[str]],
        at: datetime,
    ) -> None:
        """Judge by another book, whose rules are in force from now on, and follow the plan as it is stored.

        ``held`` as in ``follow``. An alert goes on with its rule's name, whatever that says now.
        """
        before, self._book, self._watchlist = self.docket, book, watchlist
        self.docket = Docket(self._recent, book, channels, self._records, telling, before.said)
        self.docket.failures = before.failures
        self.remember(held, at)

    def look_at_everything(self, at: datetime) -> list[Outcome]:
        """Judge every target by all its rules, and end the alerts whose rule or target is no more."""
        return self._look_at(self.docket.targets, at)

    def _look_at(self, targets: Collection[str], at: datetime, judged_to: int | None = None) -> list[Outcome]:
        """Judge these targets, and those of which the daemon itself has news, by all their rules; end alerts."""
        self._tick(at)
        ended, looked = self.retire(at), self._unfinished.union(targets)
        outcomes = self.docket.hear({target: self.docket.rules(target) for target in looked}, at)
        self._store.begin_rules([rule.name for rule in self._book.rules], at)
        followed = self._commit(outcomes, at, judged_to)
        self._unfinished -= looked
        return ended + followed

    def _tick(self, at: datetime) -> None:
        """Write what no poll tells; what that changes is still to be looked at."""
        self._unfinished |= self._states.tick(at, {r.name: r.name not in self.docket.broken for r in self._book.rules})
        self._statements.heed(self.docket, at)

    def _past(self, ids: Sequence[int], at: datetime) -> Iterator[SampleRow]:
        """The stored numbers of lines, oldest first, as far back as rules read them."""
        for row in self._store.samples(ids, self._since(at)):
            if row[1] <= at.timestamp():  # a clock that was set back: the future is not known yet
                yield row

    def _recall(self, new: Sequence[Remembered], at: datetime) -> None:
        if not new:
            return
        paces, lines = self._standings.paces(), {line.schedule_id: line for line in new}
        for row in self._past(list(lines), at):
            line = lines[row[0]]
            target = self._watchlist[line.target].target
            self._recent.see(*row, slowest_s=paces.slowest_s(target, line.endpoint, row))
        self._recollect([line.schedule_id for line in new], at)
        looks, ends = [], []
        for line in sorted(new, key=lambda line: (line.polled is not None, line.polled or at)):
            if line.outcome is not None and line.polled is not None:
                reason = None if line.outcome == POLLED else Reason(line.outcome)
                if reason is not None:
                    self._recent.miss(line.schedule_id)
                if self._carrier(line) is None:
                    sent = reason is None or line.failures > 0
                    looks.append(Look(line.schedule_id, line.polled.timestamp(), reason, sent=sent))
                    ends.append(End(line.target, line.endpoint, line.polled, reason, None))
        for line in new:
            carrier = self._carrier(line)
            if carrier is not None and carrier.blind:
                self._recent.miss(line.schedule_id)
        self._states.recall(looks, ends, at)

    def _recollect(self, ids: Sequence[int], at: datetime) -> None:
        """Find out since when numbers of these lines are not known any more, as far as rules ask for their age."""
        past = partial(self._store.backwards, until=at, looks=LOOKED_THROUGH)
        self._recent.recollect(ids, self._book.aged(), past)

    def _carrier(self, line: Remembered) -> Watch | None:
        """The line that brings the numbers of this one; None if it is asked by itself."""
        account = self._watchlist[line.target].account
        schedule_id = self._recent.line(account, line.endpoint)
        return None if schedule_id is None else self._recent.watches[schedule_id]

    def has_learned(self, at: datetime) -> bool:
        """Whether the plan is not what would follow from what is known now: new ids, new or too old videos."""
        return bool(self._learned) or at - self._followed >= REPLANNED

    def learned(self, at: datetime) -> Collection[str] | None:
        """The accounts of which new ids or videos are known since the plan was followed; None: all have their turn."""
        return None if at - self._followed >= REPLANNED else frozenset(self._learned)

    def resume(self, at: datetime) -> list[Outcome]:
        """Judge what a crash left unjudged, and end the alerts whose rule or target is no more."""
        unjudged = {line.target for line in self._store.unjudged()}
        return self._look_at(unjudged.union(self.docket.alerting()), at, self._store.committed())

    def retire(self, at: datetime) -> list[Outcome]:
        """End the alerts whose rule or target is no more."""
        ended = self.docket.retire(at)
        before = {each.id: each for outcome in ended for each in self.docket.alerts(outcome.alert.target)}
        told = self._store.told_last([each.alert.id for each in ended if each.owed and each.alert.id is not None])
        return self._commit([in_words_of(told, each, before[each.alert.id]) for each in ended], at)

    def owe_again(self, alerts: Collection[int]) -> None:
        """Letters about these alerts (their ids) died: their channels are owed what is true by then."""
        self.docket.renew(self._store.live_alerts_of(alerts))

    def _since(self, at: datetime) -> Mapping[str, datetime]:
        needs = self._book.needs()
        return {
            name: at - timedelta(seconds=max((needs.get(metric.name, 0.0) for metric in endpoint.metrics), default=0.0))
            for name, endpoint in ENDPOINTS.items()
        }

    # --- at every group of polls ------------------------------------------------------------------------------

    def settle(self, ended: Sequence[Ended], settled: Sequence[Settled], owner: str, at: datetime) -> Sequence[Outcome]:
        """Commit finished polls and what their calls cost, take them in, judge their targets, commit what follows.

        Raises only where the polls could not be stored: nothing has followed from them, and it may be tried again. What
        follows from them is done once; what of that could not be stored is looked at again by ``watch_time``.
        """
        # What has left the plan meanwhile was paid for, and is told to nobody.
        ended = [each for each in ended if each.polled.schedule_id in self._recent.watches]
        lesson = self._states.learn(ends(ended))
        committed = self._store.commit_polls([each.polled for each in ended], owner, settled, lesson.noted)
        accepted = set(committed.accepted)
        try:
            return self._follow_up([e for e in ended if e.polled.schedule_id in accepted], lesson, committed.number, at)
        except Exception:
            log.exception("what follows from polls is left for later", polls=len(accepted))
            self._unfinished.update(self.docket.targets)  # nobody knows how far it came
            return []

    def _follow_up(self, ended: Sequence[Ended], lesson: Lesson, number: int, at: datetime) -> Sequence[Outcome]:
        self._learned |= lesson.ids.keys() | {each.account for each in lesson.listings if self._names_new(each)}
        due = self._take_in(ended)
        self._add_states(due, self._states.take_in(looks(ended), lesson, at))
        self._statements.heed(self.docket, at)
        outcomes = self.docket.hear(due, at)
        # What an earlier commit left behind is only in memory, so all since then is still to be judged after a crash.
        return self._commit(outcomes, at, None if self._unfinished else number)

    def watch_time(self, at: datetime) -> list[Outcome]:
        """Look again at what time alone can change, and at what somebody has not been told.

        Also at what a judgement left behind that could not be stored (a full disk).
        """
        self._tick(at)
        unfinished = set(self._unfinished)
        followed = self._commit(self.docket.hear(dict(self.docket.due_by_time(unfinished)), at), at)
        self._unfinished -= unfinished
        return followed

    def _names_new(self, listing: Listing) -> bool:
        known = self._watchlist.named(listing.account)
        return any(video.video_id not in known for video in listing.videos)

    def _take_in(self, ended: Sequence[Ended]) -> dict[str, dict[Rule, None]]:
        """Fill the windows; the rules of each target that have something new to look at."""
        due: dict[str, dict[Rule, None]] = {}
        for each in ended:
            watch = self._recent.watches[each.polled.schedule_id]
            if each.asked:
                self._add_states(due, self._doubt(watch, each))
            for told in self._fill(watch, each.polled):
                due.setdefault(told, {}).update(dict.fromkeys(self.docket.rules_by_endpoint(told)[watch.endpoint.name]))
        return due

    def _doubt(self, watch: Watch, ended: Ended) -> Collection[str]:
        """The providers that a poll makes doubtful. Where a doubt cannot be stored it counts until the next start."""
        try:
            return self._states.doubt.look(watch, ended.polled, ended.reason)
        except Exception:
            log.exception("a doubt could not be stored", target=ended.target, endpoint=ended.endpoint)
            return {provider_key(watch.endpoint.provider)}

    def _add_states(self, due: dict[str, dict[Rule, None]], touched: Collection[str]) -> None:
        """The rules that read what the daemon itself says of these targets."""
        for target in touched:
            due.setdefault(target, {}).update(dict.fromkeys(self.docket.rules_by_endpoint(target)[""]))

    def _fill(self, watch: Watch, polled: Polled) -> Iterable[str]:
        """Write a poll into the windows; the targets that it says something of.

        One that failed says of the videos, whose numbers it would have brought, that they are not seen either.
        """
        if polled.values is not None:
            interval_s = None if polled.interval is None else polled.interval.total_seconds()
            slowest = self._standings.slowest(watch.target, watch.endpoint.name, polled.at, polled.values)
            numbers = polled.values.keys(), polled.values.values()
            self._recent.see(polled.schedule_id, polled.at.timestamp(), *numbers, interval_s, slowest.total_seconds())
            self._passages += self._cohorts.look(watch.target)
            return (watch.target,)
        keys = [watch.target, *self._watchlist.videos(watch.target).values()]
        lines = {key: self._recent.line(key, watch.endpoint.name) for key in keys}
        unseen = {key: line for key, line in lines.items() if line is not None}
        for line in unseen.values():
            self._recent.miss(line)
        return unseen

    def _records(self, target: str, kind: str) -> Sequence[Record]:
        own = self._states.records(target, kind)
        return self._store.facts(target, kind, RECORDS_KEPT_IN_SIGHT) if own is None else own

    def _commit(self, outcomes: Sequence[Outcome], at: datetime, judged_to: int | None = None) -> list[Outcome]:
        begun = self.docket.begun()
        if begun:  # before the rest: a rule that counts as an old one too early swallows nothing
            self._store.antedate_rules(begun)
        live = self._store.commit_judgement(outcomes, at, judged_to, self._passages)
        self._passages.clear()
        self.docket.enter(outcomes, live)
        self._confirm(outcomes, at)
        self._suspect({outcome.alert.target for outcome in outcomes}, at)
        return list(outcomes)

    def _confirm(self, outcomes: Iterable[Outcome], at: datetime) -> None:
        """Ask again at once, where an alert waits for one more look before it may be critical."""
        lines = {line for outcome in outcomes if outcome.refetch for line in self._lines(outcome.alert)}
        if lines:
            self._store.wake(sorted(lines), at)

    def _lines(self, alert: Alert) -> Iterator[tuple[str, str]]:
        """The lines that bring the numbers that an alert rests on, as (whom to ask about, endpoint)."""
        account = self._watchlist[alert.target].account
        for endpoint, rules in self.docket.rules_by_endpoint(alert.target).items():
            if endpoint and any(rule.name == alert.rule for rule in rules):
                carried = self._recent.line(account, endpoint) is not None
                yield (account if carried else alert.target), endpoint

    def _suspect(self, targets: Iterable[str], at: datetime) -> None:
        """Look closer, from now on, at targets that an alert is about or may soon be."""
        for target in targets:
            now = self.docket.is_suspicious(target)
            if now and target not in self._standings.suspects:
                self._standings.suspects.add(target)
                self._look_closer(target, at)
            elif not now:
                self._standings.suspects.discard(target)

    def _look_closer(self, target: str, at: datetime) -> None:
        for endpoint in self.docket.rules_by_endpoint(target):
            line = self._recent.line(target, endpoint)
            if line is not None:
                watch = self._recent.watches[line]
                due = self._standings.closer_turn(watch, at)
                if due is not None and watch.endpoint.subject is self.docket.targets[target].subject:
                    self._store.wake([(target, endpoint)], due)
