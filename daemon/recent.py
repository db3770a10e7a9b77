"""What was seen lately, in memory: the windows that rules read, and the newest number of everything.

All of it is derived from stored rows and rebuilt from them at start. It is written by the one thread that also writes
the database, after each commit.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from daemon.kept import keep
from daemon.providers import ENDPOINTS, HEALTH
from daemon.providers.answer import SeriesKey
from daemon.providers.endpoint import Endpoint
from rules.values import NO_LABELS, Labels, Window
from storage.samples import SampleRow

STALE_AFTER_INTERVALS = 3
"""A number older than this many polling intervals is not known any more."""

KEPT = 4
"""Looks that are kept of every series that rules read, however short their windows: a message tells old and new."""

REMEMBERED_S = 366 * 86_400.0
"""So long it is remembered what pauses a line was allowed, whatever rules read now: others may come that look back."""


@dataclass(slots=True)
class Pauses:
    """How long a line may not be looked at (seconds): ``now_s``, and ``before`` longer, each until a time.

    One that is looked at oftener, since a reload or since there is money again, was not looked at too seldom. In memory
    alone: after a restart, pauses that another configuration made or that spared money are too long, for as long as
    windows hold them.
    """

    now_s: float = 0.0
    before: list[tuple[float, float]] = field(default_factory=list)

    def become(self, now_s: float, at_s: float) -> None:
        """They may be so long from ``at_s`` on."""
        was_s, self.now_s = self.now_s, now_s
        if was_s > now_s:
            while self.before and self.before[-1][1] <= was_s:
                self.before.pop()
            self.before.append((at_s, was_s))
        while self.before and self.before[0][0] <= at_s - REMEMBERED_S:
            del self.before[0]

    def longest_s(self, since_s: float) -> float:
        """How long they may have been since then, at most ``REMEMBERED_S`` ago."""
        place = bisect_right(self.before, (since_s, math.inf))
        return max(self.now_s, self.before[place][1]) if place < len(self.before) else self.now_s


@dataclass(slots=True)
class Watch:
    """One line of the plan: the newest numbers of a target from one endpoint.

    ``blind`` says that the newest attempt to see them failed, ``suspended`` that they are not believed yet; ``seen_s``
    is when they were seen last, in seconds since the epoch (0: never). ``ended`` are series that are no more, if that
    is to be believed. ``pauses`` are how long it may not be looked at, now and before.
    """

    target: str
    endpoint: Endpoint
    fresh_for_s: float
    seen: tuple[tuple[SeriesKey, ...], Sequence[float]] = ((), ())
    seen_s: float = 0.0
    read: list[tuple[int, str, Window, float]] = field(default_factory=list)
    blind: bool = False
    suspended: bool = False
    ended: Sequence[SeriesKey] = ()
    pauses: Pauses = field(default_factory=Pauses)

    def numbers(self) -> dict[SeriesKey, float]:
        """The newest numbers, where they are known."""
        return {key: n for key, n in zip(*self.seen, strict=True) if not math.isnan(n)}

    def last(self) -> dict[SeriesKey, float | None]:
        """The newest numbers that the endpoint recalls, None where they are not known."""
        wanted = self.endpoint.recalls
        if not wanted:
            return {}
        return {key: None if math.isnan(n) else n for key, n in zip(*self.seen, strict=True) if key[0] in wanted}


Windows = dict[str, dict[Labels, Window]]


class Recent:
    """The recent past of all targets. ``needs`` says which metrics are read and how far back, in seconds."""

    def __init__(self, needs: Mapping[str, float]) -> None:
        self._needs = needs
        self._views: dict[str, Windows] = {}
        self._measured: dict[str, dict[str, datetime]] = {}
        self._layouts: dict[tuple[SeriesKey, ...], tuple[SeriesKey, ...]] = {}
        self._withheld: set[tuple[str, str]] = set()
        self._lines: dict[tuple[str, str], int] = {}
        self.watches: dict[int, Watch] = {}

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make all windows what they are now, whatever is forgotten, or read anew, meanwhile."""
        undo.callback(self._cover_all)  # the last of all: windows that were doubted meanwhile are the same objects
        keep(undo, self, "_needs", "_views", "_measured", "_withheld", "_lines", "watches")
        self._views = {
            target: {metric: dict(windows) for metric, windows in view.items()} for target, view in self._views.items()
        }
        self._measured = {target: dict(instants) for target, instants in self._measured.items()}
        self.watches = {schedule_id: replace(watch) for schedule_id, watch in self.watches.items()}

    def need(self, needs: Mapping[str, float], past: Callable[[], Iterable[SampleRow]]) -> None:
        """Keep these metrics from now on, so far back (seconds).

        ``past`` are the stored numbers of all lines. They are asked for only where more is needed than was kept. Where
        that raises, windows are empty until what was kept (``keep``) is put back.
        """
        deeper = {name for name, depth_s in needs.items() if depth_s > self._needs.get(name, -1.0)}
        told = {metric.name for watch in self.watches.values() for metric in watch.endpoint.metrics}
        self._needs = needs
        if deeper & told:
            blind = [schedule_id for schedule_id, watch in self.watches.items() if watch.blind]
            for watch in self.watches.values():
                watch.seen, watch.read, watch.ended = ((), ()), [], ()
                self._views[watch.target] = {k: v for k, v in self.view(watch.target).items() if k in STATES}
            for schedule_id, at_s, keys, numbers in past():
                self.see(schedule_id, at_s, keys, numbers)
            for schedule_id in blind:
                self.miss(schedule_id)

    def recollect(
        self, schedule_ids: Iterable[int], metrics: Collection[str], past: Callable[[int], Iterable[SampleRow]]
    ) -> None:
        """Find out when these metrics were last known, where no number that was taken in says so.

        ``past`` are the stored numbers of a line, the newest first. No more of them are read than it takes.
        """
        for schedule_id in schedule_ids:
            watch = self.watches[schedule_id]
            read = [(watch.seen[0][position], metric, window) for position, metric, window, _ in watch.read]
            sought = {key: window for key, metric, window in read if metric in metrics and window.known_s is None}
            for _, at_s, keys, numbers in past(schedule_id) if sought else ():
                for key in [key for key, n in zip(keys, numbers, strict=True) if key in sought and not math.isnan(n)]:
                    sought.pop(key).known_s = at_s
                if not sought:
                    break

    def watch(self, schedule_id: int, target: str, endpoint: str, interval_s: float, slowest_s: float = 0.0) -> Watch:
        """Begin to watch a line of the plan, that is asked so often now, and usually as seldom as ``slowest_s``."""
        watch = Watch(target, ENDPOINTS[endpoint], STALE_AFTER_INTERVALS * interval_s)
        watch.pauses.now_s = max(watch.fresh_for_s, STALE_AFTER_INTERVALS * slowest_s)
        self.watches[schedule_id] = watch
        self._lines[target, endpoint] = schedule_id
        return watch

    def unwatch(self, schedule_id: int) -> None:
        """Forget a line that has left the plan, and its windows."""
        watch = self.watches.pop(schedule_id)
        del self._lines[watch.target, watch.endpoint.name]
        view = self.view(watch.target)
        for metric, labels in [*watch.seen[0], *watch.ended]:
            view.get(metric, {}).pop(labels, None)
        for metric in {each.name for each in watch.endpoint.metrics} & view.keys():
            if not view[metric]:
                del view[metric]

    def line(self, target: str, endpoint: str) -> int | None:
        """The schedule id of a line; None if it is not in the plan."""
        return self._lines.get((target, endpoint))

    def view(self, target: str) -> Windows:
        """The windows of a target, by metric and labels."""
        return self._views.setdefault(target, {})

    def see(
        self,
        schedule_id: int,
        at_s: float,
        keys: Iterable[SeriesKey],
        numbers: Iterable[float | None],
        interval_s: float | None = None,
        slowest_s: float | None = None,
    ) -> None:
        """Take in the numbers of one successful poll, in the order of their keys; the next is ``interval_s`` away.

        Without an alert it would be ``slowest_s`` away. None: both are as they were.
        """
        watch = self.watches[schedule_id]
        layout = tuple(keys)
        found = array("d", [math.nan if number is None else number for number in numbers])
        layout = self._layouts.setdefault(layout, layout)
        is_new = layout is not watch.seen[0]
        if is_new:
            self._lay_out(watch, layout)
        if is_new or watch.blind:
            watch.blind = False
            self._cover(watch)
        watch.seen, watch.seen_s = (layout, found), at_s
        if interval_s is not None:
            watch.fresh_for_s = STALE_AFTER_INTERVALS * interval_s
        if slowest_s is not None:
            watch.pauses.become(max(watch.fresh_for_s, STALE_AFTER_INTERVALS * slowest_s), at_s)
        for position, _, window, depth_s in watch.read:
            window.fresh_for_s, window.pause_for_s = watch.fresh_for_s, watch.pauses.longest_s(at_s - depth_s)
            window.add(at_s, found[position])
            if len(window.times_s) > KEPT and window.times_s[1] < at_s - depth_s:
                window.forget(min(at_s - depth_s, window.times_s[-KEPT]))
        if watch.endpoint.measured is not None:
            instant = watch.endpoint.measured(datetime.fromtimestamp(at_s, UTC))
            self._measured.setdefault(watch.target, {}).update({metric: instant for metric, _ in layout})

    def miss(self, schedule_id: int) -> None:
        """Take in a failed poll: what this endpoint tells of the target is unknown until it is seen again."""
        watch = self.watches[schedule_id]
        watch.blind = True
        self._cover(watch)

    def suspend(self, schedule_id: int, suspended: bool) -> None:
        """What this line tells is not to be believed yet, or is from now on."""
        watch = self.watches[schedule_id]
        watch.suspended = suspended
        self._cover(watch)

    def withhold(self, endpoint: str, metric: str) -> None:
        """What this endpoint says of a metric is not to be believed for now: it counts as not seen."""
        self._withheld.add((endpoint, metric))
        self._cover_all(endpoint)

    def believe(self, endpoint: str, metric: str) -> None:
        """What it says counts again, with all that was seen meanwhile."""
        self._withheld.discard((endpoint, metric))
        self._cover_all(endpoint)

    def _cover_all(self, endpoint: str = "") -> None:
        for watch in self.watches.values():
            if endpoint in ("", watch.endpoint.name):
                self._cover(watch)

    def _cover(self, watch: Watch) -> None:
        for _, metric, window, _ in watch.read:
            window.doubted = self._is_doubted(watch, metric)
            window.blind = watch.blind or window.doubted
        self._end(watch, watch.ended)

    def _is_doubted(self, watch: Watch, metric: str) -> bool:
        return watch.suspended or (watch.endpoint.name, metric) in self._withheld

    def _end(self, watch: Watch, keys: Iterable[SeriesKey]) -> None:
        """Forget the windows of series that are no more; what is not believed has not ended, and stays unknown."""
        view, watch.ended = self.view(watch.target), [key for key in keys if self._is_doubted(watch, key[0])]
        for metric, labels in set(keys) - set(watch.ended):
            view.get(metric, {}).pop(labels, None)

    def withheld(self) -> frozenset[tuple[str, str]]:
        """What is not to be believed for now: (endpoint, metric)."""
        return frozenset(self._withheld)

    def _lay_out(self, watch: Watch, layout: tuple[SeriesKey, ...]) -> None:
        """Find the windows of a new set of series; those of series that are no more end."""
        view = self.view(watch.target)
        self._end(watch, {*watch.seen[0], *watch.ended} - set(layout))
        watch.read = []
        for name in {each.name for each in watch.endpoint.metrics} & self._needs.keys():
            view.setdefault(name, {})
        for position, (metric, labels) in enumerate(layout):
            depth_s = self._needs.get(metric)
            if depth_s is not None:
                window = view.setdefault(metric, {}).setdefault(labels, Window(fresh_for_s=watch.fresh_for_s))
                watch.read.append((position, metric, window, depth_s))

    def state(self, target: str, metric: str, labels: Labels, at_s: float, value: float) -> bool:
        """Note what the daemon itself says of a target; whether that is other than before. Only changes are kept."""
        windows = self.view(target).setdefault(metric, {})
        before = windows.get(labels, Window())
        if before.times_s and _same(before.values[-1], value):
            return False
        # Another one: that before may be put back.
        windows[labels] = window = Window(zip(before.times_s, before.values, strict=True))
        self.repeat(window, at_s, value)
        return True

    @staticmethod
    def repeat(window: Window, at_s: float, value: float) -> None:
        """Note a state once more, as a look of its own."""
        if window.times_s and at_s <= window.times_s[-1]:
            window.values[-1] = value
        window.add(at_s, value)
        window.forget(window.times_s[max(0, len(window.times_s) - 2)])

    def forget(self, target: str, metric: str, labels: Labels = NO_LABELS) -> None:
        """A state is no more."""
        self.view(target).get(metric, {}).pop(labels, None)

    def forget_others(self, targets: Container[str]) -> None:
        """Forget all that was said of others than these."""
        self._views = {key: view for key, view in self._views.items() if key in targets}
        self._measured = {key: instants for key, instants in self._measured.items() if key in targets}

    def latest(self) -> Iterator[tuple[str, SeriesKey, float]]:
        """(target, series, number) of all that is known: not what the newest look did not see. Any thread may ask."""
        for watch in [each for each in list(self.watches.values()) if not each.blind]:
            for key, number in zip(*watch.seen, strict=True):
                yield watch.target, key, number
        for target, view in list(self._views.items()):
            for metric in STATES & view.keys():
                for labels, window in list(view[metric].items()):
                    yield target, (metric, labels), window.values[-1]

    def measured(self, target: str) -> Mapping[str, datetime]:
        """The instants that a target's numbers describe, by metric, where those are not the times of the polls."""
        return self._measured.get(target, {})


def _same(before: float, now: float) -> bool:
    return before == now or (math.isnan(before) and math.isnan(now))


STATES = frozenset(metric.name for metric in HEALTH)
"""What the daemon itself says of its targets."""
