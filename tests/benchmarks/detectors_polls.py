"""What a provider would have answered about a counter: polls with jitter, gaps, cached repeats and rounding, seeded.

And how alerts that follow meet the events that were there.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HOUR_S, DAY_S = 3_600.0, 86_400.0

QUIET_S = DAY_S
"""Alerts less than a day apart are one, which counts when it begins."""


@dataclass(frozen=True, slots=True)
class Provider:
    """How a counter is seen. ``jitter`` is a share of the interval; outages are ``outage_days`` apart on average."""

    jitter: float = 0.1
    missed: float = 0.01
    repeated: float = 0.02
    outage_days: float = 10.0
    quantum: int = 1

    def polls(
        self, times_s: Sequence[float], totals: Sequence[float], interval_s: float, seed: str
    ) -> Iterator[tuple[float, float]]:
        """(time, number) of each successful poll of a counter that had ``totals`` from ``times_s`` on."""
        chance = random.Random(seed)
        due_s, down_until_s, told = times_s[0], 0.0, None
        while due_s < times_s[-1]:
            time_s = due_s + chance.uniform(0, self.jitter) * interval_s
            due_s += interval_s
            if chance.random() < interval_s / (self.outage_days * DAY_S):
                down_until_s = time_s + chance.uniform(3, 12) * HOUR_S
            if time_s < down_until_s or chance.random() < self.missed:
                continue
            if told is None or chance.random() >= self.repeated:
                told = totals[bisect_right(times_s, time_s) - 1] // self.quantum * self.quantum
            yield time_s, told


@dataclass(frozen=True, slots=True)
class Tally:
    """How alerts met events: found events, all of them, false alerts, days looked at, and delays in hours."""

    found: int = 0
    events: int = 0
    false: int = 0
    days: float = 0.0
    delays_h: tuple[float, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.found + other.found,
            self.events + other.events,
            self.false + other.false,
            self.days + other.days,
            self.delays_h + other.delays_h,
        )

    @property
    def recall(self) -> float:
        """Found events, of all."""
        return self.found / self.events if self.events else 0.0

    @property
    def precision(self) -> float:
        """Found events, of these and the false alerts."""
        return self.found / (self.found + self.false) if self.found else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.found / (self.found + self.events + self.false) if self.found else 0.0

    @property
    def delay_h(self) -> float:
        """The median delay."""
        return sorted(self.delays_h)[len(self.delays_h) // 2] if self.delays_h else float("nan")


Span = tuple[float, float]


def tally(alerts_s: Sequence[float], events: Sequence[Span], looked: Span, label: float = 0.0) -> Tally:
    """An event is found if an alert begins in it; an alert that begins in no event is false. Only within ``looked``.

    Delays count from ``label``: the share of the event after which it is said to have happened.
    """
    start_s, end_s = looked
    due = [event for event in events if start_s <= event[1] and event[0] <= end_s]
    told_s, false = float("-inf"), 0
    found: dict[Span, float] = {}
    for time_s in alerts_s:
        if not start_s <= time_s <= end_s:
            continue
        before_s, told_s = told_s, time_s
        if time_s - before_s < QUIET_S:
            continue
        hit = next((event for event in due if event[0] <= time_s <= event[1]), None)
        if hit is None:
            false += 1
        else:
            found.setdefault(hit, (time_s - hit[0] - label * (hit[1] - hit[0])) / HOUR_S)
    return Tally(len(found), len(due), false, (end_s - start_s) / DAY_S, tuple(found.values()))
