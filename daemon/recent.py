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
from typing import NamedTuple

from daemon.providers import ENDPOINTS
from daemon.providers.answer import BLAME, Blames, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Provider
from rules.values import NO_LABELS, Labels, Record, Subject, Window

STALE_AFTER_INTERVALS = 3
"""A number older than this many polling intervals is not known any more."""


KEPT = 4
"""Looks that are kept of every series that rules read, however short their windows: a message tells old and new."""


PATIENCE = 5
"""Failures in a row after which a target is blind, although others are answered: the provider is not to blame then."""

PATIENCE_FOR_ABSENCE = 8
"""The same for rows that a provider may not have collected yet."""


@dataclass(slots=True)
class Watch:
    """One line of the plan: the newest numbers of a target from one endpoint, and whether it was seen lately.

    ``blamed`` says whose fault it is that the target was not seen at the last look that says something of it; None if
    it was seen, or was not looked at yet (then ``looked`` is False).
    """

    target: str
    endpoint: Endpoint
    fresh_for_s: float
    seen: tuple[tuple[SeriesKey, ...], Sequence[float]] = ((), ())
    read: list[tuple[int, Window, float]] = field(default_factory=list)
    blind: bool = False
    failures: int = 0
    looked: bool = False
    blamed: Blames | None = None

    def last(self) -> dict[SeriesKey, float]:
        """The newest numbers that the endpoint recalls, where they are known."""
        wanted = self.endpoint.recalls
        if not wanted:
            return {}
        return {key: n for key, n in zip(*self.seen, strict=True) if key[0] in wanted and not math.isnan(n)}


class Look(NamedTuple):
    """How a poll ended: ``reason`` is None if it brought numbers, ``detail`` says why not in words."""

    schedule_id: int
    at_s: float
    reason: Reason | None
    detail: str = ""


Windows = dict[str, dict[Labels, Window]]


class Recent:
    """The recent past of all targets. ``needs`` says which metrics are read and how far back, in seconds."""

    def __init__(self, needs: Mapping[str, float]) -> None:
        self._needs = needs
        self._views: dict[str, Windows] = {}
        self._failures: dict[str, dict[str, Record]] = {}
        self._of_target: dict[str, list[Watch]] = {}
        self._asked: dict[Provider, set[str]] = {provider: set() for provider in Provider}
        self._unanswered: dict[Provider, set[str]] = {provider: set() for provider in Provider}
        self._measured: dict[str, dict[str, datetime]] = {}
        self._layouts: dict[tuple[SeriesKey, ...], tuple[SeriesKey, ...]] = {}
        self.watches: dict[int, Watch] = {}

    def watch(self, schedule_id: int, target: str, endpoint: str, interval_s: float) -> Watch:
        """Begin to watch a line of the plan."""
        watch = Watch(target, ENDPOINTS[endpoint], STALE_AFTER_INTERVALS * interval_s)
        self.watches[schedule_id] = watch
        self._of_target.setdefault(target, []).append(watch)
        self._asked[watch.endpoint.provider].add(endpoint)
        return watch

    def view(self, target: str) -> Windows:
        """The windows of a target, by metric and labels."""
        return self._views.setdefault(target, {})

    def failures(self, target: str) -> list[Record]:
        """Why the target, or the provider, is not seen: a record for each endpoint that failed last."""
        return list(self._failures.get(target, {}).values())

    def see(self, schedule_id: int, at_s: float, keys: Iterable[SeriesKey], numbers: Iterable[float | None]) -> None:
        """Take in the numbers of one successful poll, in the order of their keys."""
        watch = self.watches[schedule_id]
        layout = tuple(keys)
        found = array("d", [math.nan if number is None else number for number in numbers])
        if layout == watch.seen[0]:
            layout = watch.seen[0]
        else:
            self._lay_out(watch, self._layouts.setdefault(layout, layout))
        watch.seen, watch.blind = (layout, found), False
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
        watch = self.watches[schedule_id]
        watch.blind = True
        for _, window, _ in watch.read:
            window.blind = True

    def _lay_out(self, watch: Watch, layout: tuple[SeriesKey, ...]) -> None:
        """Find the windows of a new set of series; those of series that are no more end."""
        view = self.view(watch.target)
        for metric, labels in set(watch.seen[0]) - set(layout):
            view.get(metric, {}).pop(labels, None)
        watch.read = []
        for name in {each.name for each in watch.endpoint.metrics} & self._needs.keys():
            view.setdefault(name, {})
        for position, (metric, labels) in enumerate(layout):
            depth_s = self._needs.get(metric)
            if depth_s is not None:
                window = view.setdefault(metric, {}).setdefault(labels, Window(fresh_for_s=watch.fresh_for_s))
                watch.read.append((position, window, depth_s))

    # --- who can be seen at all -------------------------------------------------------------------------------

    def note(self, looks: Sequence[Look]) -> set[str]:
        """Take in how the polls of a group ended; the targets of which something new can be said."""
        touched: set[str] = set()
        answers: dict[Provider, dict[str, Look]] = {}
        for look in looks:
            endpoint = self.watches[look.schedule_id].endpoint
            own = answers.setdefault(endpoint.provider, {})
            if endpoint.name not in own or not _blames(look.reason, Blames.PROVIDER):
                own[endpoint.name] = look
        for provider, own in answers.items():
            touched |= self._note_provider(provider, own)
        for look in looks:
            touched |= self._note_target(look)
        return touched

    def _note_target(self, look: Look) -> set[str]:
        watch = self.watches[look.schedule_id]
        watch.failures = 0 if look.reason is None else watch.failures + 1
        self._remember_failure(watch.target, watch.endpoint.name, look)
        if look.reason is not None:
            blamed = self._blamed(watch, look.reason)
            if blamed is None or blamed is Blames.PROVIDER:
                return set()
        else:
            blamed = None
        watch.looked, watch.blamed = True, blamed
        found = {each.blamed for each in self._of_target[watch.target] if each.looked}
        seen = "visible" if watch.endpoint.subject is Subject.ACCOUNT else "video_visible"
        changed = self._state(
            watch.target, seen, NO_LABELS, look.at_s, Blames.TARGET not in found, blamed is Blames.TARGET
        )
        if watch.endpoint.subject is Subject.ACCOUNT:
            fine, mine = Blames.COOKIE not in found, blamed is Blames.COOKIE
            changed |= self._state(watch.target, "cookie_ok", NO_LABELS, look.at_s, fine, mine)
        return {watch.target} if changed else set()

    def _blamed(self, watch: Watch, reason: Reason) -> Blames | None:
        """Who is to blame for a failure; None if it says nothing of anybody yet."""
        if reason is Reason.EMPTY and not watch.endpoint.tells_absence:
            return Blames.TARGET if watch.failures >= PATIENCE_FOR_ABSENCE else None
        blamed = BLAME[reason]
        if blamed is Blames.PROVIDER and watch.failures >= PATIENCE and self._answers_others(watch.endpoint):
            return Blames.TARGET
        return blamed

    def _answers_others(self, endpoint: Endpoint) -> bool:
        up = self.view(provider_key(endpoint.provider)).get("endpoint_up", {}).get((("endpoint", endpoint.name),))
        return up is not None and up.values[-1] == 1.0

    def _note_provider(self, provider: Provider, answers: Mapping[str, Look]) -> set[str]:
        target = provider_key(provider)
        changed = False
        for name, look in answers.items():
            fine = not _blames(look.reason, Blames.PROVIDER)
            changed |= self._state(target, "endpoint_up", (("endpoint", name),), look.at_s, fine)
            self._remember_failure(target, name, look._replace(reason=None if fine else look.reason))
        newest_s = max(look.at_s for look in answers.values())
        unanswered = self._unanswered[provider]
        if any(not _blames(look.reason, Blames.PROVIDER) for look in answers.values()):
            unanswered.clear()
            back = self._state(target, "provider_up", NO_LABELS, newest_s, fine=True)
            if back:
                self._doubt(target, newest_s, answers.keys())
            return {target} if changed or back else set()
        unanswered.update(answers)
        if len(unanswered) >= min(2, len(self._asked[provider])):
            changed |= self._state(target, "provider_up", NO_LABELS, newest_s, fine=False)
        return {target} if changed else set()

    def _doubt(self, target: str, at_s: float, asked: Collection[str]) -> None:
        """A provider is back: of the endpoints that failed and were not asked again yet, nothing is known."""
        for ((_, name),), window in self.view(target)["endpoint_up"].items():
            if name not in asked and window.values[-1] == 0.0:
                window.add(at_s, math.nan)

    def _state(self, target: str, metric: str, labels: Labels, at_s: float, fine: bool, mine: bool = True) -> bool:
        """Note a 0/1 state; whether that is news: a change, or one more failure that is this look's own (``mine``)."""
        window = self.view(target).setdefault(metric, {}).setdefault(labels, Window())
        if window.times_s and window.values[-1] == float(fine) and (fine or not mine):
            return False
        if window.times_s and at_s <= window.times_s[-1]:
            window.values[-1] = float(fine)
        window.add(at_s, float(fine))
        window.forget(window.times_s[max(0, len(window.times_s) - 2)])
        return True

    def _remember_failure(self, target: str, endpoint: str, look: Look) -> None:
        failures = self._failures.setdefault(target, {})
        failures.pop(endpoint, None)
        if look.reason is not None:
            words = {"endpoint": endpoint, "reason": look.reason.value, "detail": look.detail}
            failures[endpoint] = Record("failure", endpoint, words)

    def latest(self) -> Iterator[tuple[str, SeriesKey, float]]:
        """(target, series, number) of all that is known: not what the newest look did not see. Any thread may ask."""
        for watch in [each for each in self.watches.values() if not each.blind]:
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
