"""What the source says and is not believed: the population guard and the schema sentinel at work on the windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import orjson

from daemon.cadence import AtAges, Daily
from daemon.guard import Comparison, Guard, Kind, Odd, Population
from daemon.kept import keep
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.recent import Recent, Watch
from daemon.sentinel import IN_A_ROW, Sentinel, describe
from daemon.watchlist import Watchlist, provider_key
from rules.values import Labels, Record
from storage.records import Incident, Polled, Quarantine
from storage.store import Store

Place = tuple[str, str]
"""An endpoint, and one of its metrics ("": all of them)."""

TOGETHER, CHANGED = "population_odd", "schema_odd"
"""The states by which rules read of it."""


WRITTEN_DOWN = timedelta(hours=1)
"""So often that a doubt goes on is stored: after a restart it may be over so much earlier."""


class Doubt:
    """Compares each answer with the one before it, and withholds from the rules what is not to be believed."""

    def __init__(
        self, guard: Guard | None, read: Collection[str], recent: Recent, watchlist: Watchlist, store: Store
    ) -> None:
        """``read`` are the metrics that rules and people read: only of these is it told that they changed."""
        self._recent, self._watchlist, self._store = recent, watchlist, store
        self._guard, self._population = guard, None if guard is None else Population(guard)
        self._sentinel = Sentinel(store.quarantines(), read)
        self._odd: dict[Place, Odd] = {}
        self._differences: dict[Place, Sequence[str]] = {}
        self._waiting: set[int] = set()
        self._quarantined: dict[Place, Quarantine] = {_place(each): each for each in self._sentinel.quarantines()}
        for place in self._quarantined:
            self._recent.withhold(*place)
        for each in store.incidents():
            kind = Kind(each.kind)
            self._restore(Odd(each.endpoint, each.metric, kind, each.targets, each.looks, each.since, each.last))

    def _restore(self, odd: Odd) -> None:
        self._odd[odd.endpoint, odd.metric] = odd
        if self._population is not None:
            self._population.restore(odd)
        for metric in _metrics((odd.endpoint, odd.metric)):
            self._recent.withhold(odd.endpoint, metric)

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make all doubts what they are now, but for the windows. No poll must be looked at meanwhile."""
        keep(undo, self, "_watchlist", "_guard", "_population", "_odd", "_differences", "_waiting", "_quarantined")
        self._sentinel.keep(undo)
        if self._population is not None:
            self._population.keep(undo)

    def adopt(self, guard: Guard | None, read: Collection[str], watchlist: Watchlist) -> None:
        """Go on by another configuration. Another guard knows of the doubts there are, and has seen nothing else."""
        self._watchlist = watchlist
        self._sentinel.adopt(read)
        if guard != self._guard:
            self._guard, self._population = guard, None if guard is None else Population(guard)
            for odd in list(self._odd.values()):
                self._restore(odd)
            for schedule_id in self._waiting:
                self._recent.suspend(schedule_id, suspended=False)
            self._waiting.clear()

    def follow(self, gone: Collection[int], at: datetime) -> None:
        """Take in how many targets each endpoint has, without the lines that are ``gone`` and still watched."""
        watches = self._recent.watches
        self._waiting.difference_update(gone)
        lines = [watches[each] for each in watches.keys() - set(gone)]
        for endpoint, size in Counter(line.endpoint.name for line in lines if self._is_asked(line)).items():
            self._sentinel.targets(endpoint, size)
        if self._population is not None:
            for endpoint, size in Counter(line.endpoint.name for line in lines).items():
                self._population.targets(endpoint, size)
        for watch in [watches[each] for each in gone]:
            if self._population is not None:
                self._population.forget(watch.endpoint.name, watch.target)
        for state, places in ((TOGETHER, self._odd), (CHANGED, self._quarantined)):
            for provider in {watch.endpoint.provider for watch in watches.values()}:
                self._recent.view(provider_key(provider)).setdefault(state, {})  # nothing is odd, and that is known
            for place in places:
                self._say(state, place, 1.0, at)

    def _is_asked(self, line: Watch) -> bool:
        """Whether a line is asked by itself: what a list of an account carries is not."""
        return self._watchlist[line.target].target.subject is line.endpoint.subject

    def look(self, watch: Watch, polled: Polled, reason: Reason | None) -> set[str]:
        """Take in what a poll says, before the windows do; the providers of which something new is to be told."""
        found = self._compare(watch, polled, reason)
        begun = self._weigh(found, polled.schedule_id)
        for odd in begun:
            self._begin(odd, polled.at)
        changes = self._sentinel.look(found)
        for change in changes:
            if change.over:
                self._store.release(*_place(change.quarantine))
                self._release(_place(change.quarantine), polled.at)
            else:
                self._quarantine(change.quarantine, polled)
        return {provider_key(watch.endpoint.provider)} if begun or changes else set()

    def _weigh(self, found: Comparison, schedule_id: int) -> Sequence[Odd]:
        """What begins with a look; one that may be the first of many waits until some others were looked at too."""
        population, endpoint = self._population, found.endpoint.name
        if population is None:
            return ()
        begun = population.look(found)
        if not population.waits(endpoint, found.target, found.at_s):
            return begun
        # What has its times is not looked at besides: that would be paid for, and tell nothing new.
        if not isinstance(found.endpoint.cadence, AtAges | Daily):
            self._waiting.add(schedule_id)
            self._recent.suspend(schedule_id, suspended=True)
            lines = [(each, endpoint) for each in population.witnesses(endpoint, found.target)]
            self._store.wake(lines, datetime.fromtimestamp(found.at_s, UTC))
        return begun

    def _begin(self, odd: Odd, at: datetime) -> None:
        self._withhold(TOGETHER, (odd.endpoint, odd.metric), at)
        self._write_down(odd)

    def _write_down(self, odd: Odd) -> None:
        self._odd[odd.endpoint, odd.metric] = odd
        self._store.write_incident(
            Incident(odd.endpoint, odd.metric, odd.kind.value, odd.targets, odd.of, odd.since, odd.last)
        )

    def _quarantine(self, quarantine: Quarantine, polled: Polled) -> None:
        place = _place(quarantine)
        self._store.quarantine([quarantine])
        self._quarantined[place] = quarantine
        self._differences[place] = self._differing(polled)
        self._withhold(CHANGED, place, polled.at)

    def _differing(self, polled: Polled) -> Sequence[str]:
        """In what fields an answer differs from that of so many turns before that it was still as usual."""
        before = self._store.snapshot(polled.schedule_id, polled.at - IN_A_ROW * (polled.interval or timedelta()))
        if before is None or polled.payload is None:
            return ()
        return describe(orjson.loads(before), orjson.loads(polled.payload))

    def fails(self, target: str, endpoint: str) -> bool:
        """Whether a failure of a target is one of so many together that it is not its fault, or may yet be."""
        return (endpoint, "") in self._odd or self._recent.line(target, endpoint) in self._waiting

    def end(self, at: datetime) -> set[str]:
        """Believe again what has not been odd for long enough, what somebody says is right, and what waited enough.

        The targets that are to be looked at again by that.
        """
        stored = {_place(each) for each in self._store.quarantines()} if self._quarantined else set()
        touched = {self._trust(place, at) for place in self._quarantined.keys() - stored}
        if self._odd:
            odd_now = [] if self._population is None else self._population.incidents(at.timestamp())
            going_on = {(odd.endpoint, odd.metric): odd for odd in odd_now}
            touched |= {self._end(place, at) for place in self._odd.keys() - going_on.keys()}
            for place, odd in going_on.items():
                if odd.last - self._odd[place].last >= WRITTEN_DOWN:
                    self._write_down(odd)
        return touched | self._let_go(at.timestamp())

    def _let_go(self, at_s: float) -> set[str]:
        """Believe the lines that have waited long enough; their targets."""
        population, watches = self._population, self._recent.watches
        if population is None:
            return set()
        lines = {each: watches[each] for each in self._waiting}
        over = {each for each, line in lines.items() if not population.waits(line.endpoint.name, line.target, at_s)}
        self._waiting -= over
        for schedule_id in over:
            self._recent.suspend(schedule_id, suspended=False)
        return {lines[schedule_id].target for schedule_id in over}

    def records(self, provider: str) -> list[Record]:
        """What is doubted of a provider (the key of its target), in words; first what waits for a person."""
        words = {
            place: "; ".join([_say_changed(each), *self._differences.get(place, ())])
            for place, each in self._quarantined.items()
        }
        words |= {place: _say_odd(odd) for place, odd in self._odd.items() if place not in words}
        return [
            Record("incident", " ".join(filter(None, place)), {"text": text})
            for place, text in words.items()
            if provider_key(ENDPOINTS[place[0]].provider) == provider
        ]

    def _compare(self, watch: Watch, polled: Polled, reason: Reason | None) -> Comparison:
        watched = self._watchlist[watch.target]
        return Comparison(
            endpoint=watch.endpoint,
            target=watch.target,
            account=watched.account or watch.target,
            at_s=polled.at.timestamp(),
            interval_s=0.0 if polled.interval is None else polled.interval.total_seconds(),
            before=watch.numbers(),
            after=polled.values,
            reason=reason,
        )

    def _withhold(self, state: str, place: Place, at: datetime) -> None:
        self._say(state, place, 1.0, at)
        for metric in _metrics(place):
            self._recent.withhold(place[0], metric)

    def _trust(self, place: Place, at: datetime) -> str:
        self._sentinel.trust(*place)
        return self._release(place, at)

    def _release(self, place: Place, at: datetime) -> str:
        del self._quarantined[place]
        return self._believe(CHANGED, place, at)

    def _end(self, place: Place, at: datetime) -> str:
        del self._odd[place]
        self._store.end_incident(*place)
        return self._believe(TOGETHER, place, at)

    def _believe(self, state: str, place: Place, at: datetime) -> str:
        doubted = {(other[0], metric) for other in self._odd.keys() | self._quarantined for metric in _metrics(other)}
        for metric in _metrics(place):
            if (place[0], metric) not in doubted:
                self._recent.believe(place[0], metric)
        return self._say(state, place, 0.0, at)

    def _say(self, state: str, place: Place, value: float, at: datetime) -> str:
        target = provider_key(ENDPOINTS[place[0]].provider)
        labels: Labels = (("endpoint", place[0]), ("metric", place[1]))
        self._recent.state(target, state, labels, at.timestamp(), value)
        return target


def _place(quarantine: Quarantine) -> Place:
    return quarantine.endpoint, quarantine.metric


def _metrics(place: Place) -> Iterable[str]:
    endpoint, metric = place
    return [metric] if metric else [each.name for each in ENDPOINTS[endpoint].metrics]


def _say_odd(odd: Odd) -> str:
    what = f"{odd.metric} of {odd.endpoint}" if odd.metric else odd.endpoint
    return f"{what}: {odd.targets} of the last {odd.of} targets {odd.kind.value} together; alerts on it hold"


def _say_changed(quarantine: Quarantine) -> str:
    what = {"gone": "is in no answer any more", "larger": "has a larger scale", "smaller": "has a smaller scale"}
    said = what.get(quarantine.reason, quarantine.reason)
    metric = quarantine.metric
    return f"{metric} of {quarantine.endpoint} {said}; if that is right: creatorwatch trust {metric}"
