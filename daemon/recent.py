"""What was seen lately, in memory: the windows that rules read, and the newest number of everything.

All of it is derived from stored rows and rebuilt from them at start. It is written by the one thread that also writes
the database, after each commit.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from daemon.providers import ENDPOINTS
from daemon.providers.answer import BLAME, Blames, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Provider
from rules.values import NO_LABELS, Labels, Record, Subject, Window

STALE_AFTER_INTERVALS = 3
"""A number older than this many polling intervals is not known any more."""


KEPT = 4
"""Looks that are kept of every series that rules read, however short their windows: a message tells old and new."""


@dataclass(slots=True)
class Watch:
    """One line of the plan: the newest numbers of a target from one endpoint."""

    target: str
    endpoint: Endpoint
    fresh_for_s: float
    seen: tuple[tuple[SeriesKey, ...], Sequence[float]] = ((), ())
    read: list[tuple[int, Window, float]] = field(default_factory=list)

    def last(self) -> dict[SeriesKey, float]:
        """The newest numbers that the endpoint recalls, where they are known."""
        wanted = self.endpoint.recalls
        if not wanted:
            return {}
        return {key: n for key, n in zip(*self.seen, strict=True) if key[0] in wanted and not math.isnan(n)}


Windows = dict[str, dict[Labels, Window]]


class Recent:
    """The recent past of all targets. ``needs`` says which metrics are read and how far back, in seconds."""

    def __init__(self, needs: Mapping[str, float]) -> None:
        self._needs = needs
        self._views: dict[str, Windows] = {}
        self._failures: dict[str, Record] = {}
        self._measured: dict[str, dict[str, datetime]] = {}
        self._layouts: dict[tuple[SeriesKey, ...], tuple[SeriesKey, ...]] = {}
        self.watches: dict[int, Watch] = {}

    def watch(self, schedule_id: int, target: str, endpoint: str, interval_s: float) -> Watch:
        """Begin to watch a line of the plan."""
        watch = Watch(target, ENDPOINTS[endpoint], STALE_AFTER_INTERVALS * interval_s)
        self.watches[schedule_id] = watch
        return watch

    def view(self, target: str) -> Windows:
        """The windows of a target, by metric and labels."""
        return self._views.setdefault(target, {})

    def failures(self, target: str) -> list[Record]:
        """Why the target, or the provider, was last not seen: nothing if it was."""
        return [record for record in (self._failures.get(target),) if record is not None]

    def see(self, schedule_id: int, at_s: float, keys: Iterable[SeriesKey], numbers: Iterable[float | None]) -> None:
        """Take in the numbers of one successful poll, in the order of their keys."""
        watch = self.watches[schedule_id]
        layout = tuple(keys)
        found = array("d", [math.nan if number is None else number for number in numbers])
        if layout == watch.seen[0]:
            layout = watch.seen[0]
        else:
            self._lay_out(watch, self._layouts.setdefault(layout, layout))
        watch.seen = (layout, found)
        for position, window, depth_s in watch.read:
            window.blind = False
            window.add(at_s, found[position])
            if len(window.times_s) > KEPT and window.times_s[1] < at_s - depth_s:
                window.forget(min(at_s - depth_s, window.times_s[-KEPT]))
        if watch.endpoint.measured is not None:
            instant = watch.endpoint.measured(datetime.fromtimestamp(at_s, UTC))
            self._measured.setdefault(watch.target, {}).update({metric: instant for metric, _ in layout})

    def miss(self, schedule_id: int) -> None:
        """Take in a failed poll: what this endpoint tells of the target is unknown until it is seen again."""
        for _, window, _ in self.watches[schedule_id].read:
            window.blind = True

    def _lay_out(self, watch: Watch, layout: tuple[SeriesKey, ...]) -> None:
        """Find the windows of a new set of series; those of series that are no more end."""
        view = self.view(watch.target)
        for metric, labels in set(watch.seen[0]) - set(layout):
            view.get(metric, {}).pop(labels, None)
        watch.read = []
        for position, (metric, labels) in enumerate(layout):
            depth_s = self._needs.get(metric)
            if depth_s is not None:
                window = view.setdefault(metric, {}).setdefault(labels, Window(fresh_for_s=watch.fresh_for_s))
                watch.read.append((position, window, depth_s))

    # --- who can be seen at all -------------------------------------------------------------------------------

    def note(self, outcomes: Iterable[tuple[int, float, Reason | None, str]]) -> set[str]:
        """Take in how polls ended: (schedule id, seconds, reason or None, detail). The targets whose sight changed.

        A provider counts as answering if one of the group's polls was answered.
        """
        touched: set[str] = set()
        answered: dict[tuple[Provider, str], tuple[float, Reason | None, str]] = {}
        for schedule_id, at_s, reason, detail in outcomes:
            watch = self.watches[schedule_id]
            touched |= self._note_target(watch, at_s, reason, detail)
            mine = (watch.endpoint.provider, watch.endpoint.name)
            if mine not in answered or not _blames(reason, Blames.PROVIDER):
                answered[mine] = (at_s, reason, detail)
        for provider in {provider for provider, _ in answered}:
            own = {name: ended for (of, name), ended in answered.items() if of is provider}
            touched |= self._note_provider(provider, own)
        return touched

    def _note_target(self, watch: Watch, at_s: float, reason: Reason | None, detail: str) -> set[str]:
        if _blames(reason, Blames.PROVIDER):
            return set()
        seen = "visible" if watch.endpoint.subject is Subject.ACCOUNT else "video_visible"
        changed = False
        if reason is Reason.EMPTY and not watch.endpoint.tells_absence:
            return set()
        if not _blames(reason, Blames.COOKIE):
            changed |= self._state(watch.target, seen, NO_LABELS, at_s, not _blames(reason, Blames.TARGET))
        if Need.COOKIE in watch.endpoint.needs and not _blames(reason, Blames.TARGET):
            changed |= self._state(watch.target, "cookie_ok", NO_LABELS, at_s, reason is None)
        self._remember_failure(watch.target, watch.endpoint.name, reason, detail)
        return {watch.target} if changed else set()

    def _note_provider(self, provider: Provider, ended: Mapping[str, tuple[float, Reason | None, str]]) -> set[str]:
        target = provider_key(provider)
        changed = False
        for name, (at_s, reason, detail) in ended.items():
            fine = not _blames(reason, Blames.PROVIDER)
            changed |= self._state(target, "endpoint_up", (("endpoint", name),), at_s, fine)
            self._remember_failure(target, name, None if fine else reason, detail)
        fine = any(not _blames(reason, Blames.PROVIDER) for _, reason, _ in ended.values())
        newest_s = max(at_s for at_s, _, _ in ended.values())
        if self._state(target, "provider_up", NO_LABELS, newest_s, fine):
            changed = True
            if fine:
                self._doubt(target, newest_s, ended.keys())
        return {target} if changed else set()

    def _doubt(self, target: str, at_s: float, asked: Collection[str]) -> None:
        """A provider is back: of the endpoints that failed and were not asked again yet, nothing is known."""
        for ((_, name),), window in self.view(target)["endpoint_up"].items():
            if name not in asked and window.values[-1] == 0.0:
                window.add(at_s, math.nan)

    def _state(self, target: str, metric: str, labels: Labels, at_s: float, fine: bool) -> bool:
        """Note a 0/1 state; whether that is news: a change, or one more failure."""
        window = self.view(target).setdefault(metric, {}).setdefault(labels, Window())
        if fine and window.times_s and window.values[-1] == 1.0:
            return False
        window.add(at_s, float(fine))
        window.forget(window.times_s[max(0, len(window.times_s) - 2)])
        return True

    def _remember_failure(self, target: str, endpoint: str, reason: Reason | None, detail: str) -> None:
        if reason is not None:
            words = {"endpoint": endpoint, "reason": reason.value, "detail": detail}
            self._failures[target] = Record("failure", endpoint, words)
        elif target in self._failures and self._failures[target].id == endpoint:
            del self._failures[target]

    def latest(self) -> Iterator[tuple[str, SeriesKey, float]]:
        """(target, series, number) of everything, newest only; NaN where unknown. Any thread may ask."""
        for watch in list(self.watches.values()):
            for key, number in zip(*watch.seen, strict=True):
                yield watch.target, key, number
        for target, view in list(self._views.items()):
            for metric in HEALTH_METRICS & view.keys():
                for labels, window in list(view[metric].items()):
                    yield target, (metric, labels), window.values[-1]

    def measured(self, target: str) -> Mapping[str, datetime]:
        """The instants that a target's numbers describe, by metric, where those are not the times of the polls."""
        return self._measured.get(target, {})


HEALTH_METRICS = frozenset({"provider_up", "endpoint_up", "cookie_ok", "visible", "video_visible"})


def provider_key(provider: Provider) -> str:
    """The key of the target that stands for a provider."""
    return f"provider/{provider}"


def _blames(reason: Reason | None, whom: Blames) -> bool:
    return reason is not None and BLAME[reason] is whom
