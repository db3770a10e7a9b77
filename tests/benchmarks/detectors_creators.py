"""Creators whose fans are partly bought: a seeded generator of what no labelled data exist for.

Views come in a rhythm of hours and weekdays, at a level that wanders (AR(1) in its logarithm), with a crowd's noise,
and every post brings a wave of its own. Fans follow views at a rate of the creator's own. A kind adds what it is named
for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tests.benchmarks.detectors_polls import DAY_S, HOUR_S, Provider, Span

DAYS = 60
STARTED_S = 20_454 * DAY_S
LOOKED = (STARTED_S + 15 * DAY_S, STARTED_S + DAYS * DAY_S)

ROUND = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
"""What is sold."""


@dataclass(slots=True)
class Creator:
    """The truth of one creator: what came in each hour, what happened, and how it is seen."""

    name: str
    chance: random.Random
    fans: list[float]
    views: list[float]
    base: float
    events: list[Span] = field(default_factory=list)
    provider: Provider = field(default_factory=Provider)
    noon: bool = False

    def counters(self) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
        """Hours, and fans and views in all at each."""
        fans, views, total, seen = [], [], self.base, 40 * self.base
        for gained, watched in zip(self.fans, self.views, strict=True):
            total, seen = total + gained, seen + watched
            fans.append(float(int(total)))
            views.append(float(int(seen)))
        if self.noon:
            fans, views = _at_noon(fans), _at_noon(views)
        return [STARTED_S + hour * HOUR_S for hour in range(len(fans))], fans, views

    def polls(self, interval_s: float) -> Iterator[tuple[float, float, float]]:
        """(time, fans, views) of each poll; one answer has both."""
        hours_s, fans, views = self.counters()
        exact = replace(self.provider, quantum=1)
        fan_polls = self.provider.polls(hours_s, fans, interval_s, self.name)
        for (time_s, fan_count), (_, view_count) in zip(
            fan_polls, exact.polls(hours_s, views, interval_s, self.name), strict=True
        ):
            yield time_s, fan_count, view_count


def creator(kind: str, number: int) -> Creator:
    """One creator of a kind; the same for the same number."""
    made = ordinary(f"{kind}/{number}")
    KINDS[kind](made)
    return made


def ordinary(name: str) -> Creator:
    """A creator to whom nothing happens; the same for the same name."""
    chance = random.Random(name)
    base = math.exp(chance.uniform(math.log(3_000), math.log(1_500_000)))
    views_a_day = base * math.exp(chance.gauss(-0.7, 0.6))
    fans_a_view = base * math.exp(chance.gauss(math.log(0.003), 1.0)) / views_a_day
    swing, peak, crowd = chance.uniform(0.3, 0.8), chance.uniform(0, 24), chance.uniform(0.02, 0.2)
    weekday = [chance.uniform(0.75, 1.25) for _ in range(7)]
    level, waves = 0.0, [0.0] * (24 * DAYS)
    _post(chance, waves)
    fans, views = [], []
    for hour in range(24 * DAYS):
        if hour % 24 == 0:
            level = 0.8 * level + chance.gauss(0, 0.15)
        day = 1 + swing * math.cos(2 * math.pi * (hour - peak) / 24)
        pace = views_a_day / 24 * day * weekday[hour // 24 % 7] * (math.exp(level) + waves[hour])
        watched = pace * chance.gammavariate(1 / crowd, crowd)
        views.append(_poisson(chance, watched))
        fans.append(_poisson(chance, watched * fans_a_view) - _poisson(chance, views_a_day / 24 * fans_a_view * 0.2))
    return Creator(name, chance, fans, views, base)


def _post(chance: random.Random, waves: list[float]) -> None:
    """About four posts a week, most of them modest."""
    hour = 0.0
    while (hour := hour + chance.expovariate(4 / 168)) < len(waves):
        height, lasting = 0.4 * math.exp(chance.gauss(0, 1.0)), chance.uniform(8, 36)
        for later in range(int(hour), min(len(waves), int(hour + 6 * lasting))):
            waves[later] += height * math.exp(-(later - hour) / lasting)


def _poisson(chance: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, left = 0, math.exp(-mean)
    product = chance.random()
    while product > left:
        count, product = count + 1, product * chance.random()
    return count


def _at_noon(totals: Sequence[float]) -> list[float]:
    """What is told if a number is renewed once a day, at 12:00 of China."""
    return [totals[max(0, (hour - 4) // 24 * 24 + 4)] for hour in range(len(totals))]


def _package(made: Creator) -> int:
    """How many are bought: between 4 and 20 % of the fans, and a round number if there is one."""
    fitting = [each for each in ROUND if 0.04 * made.base <= each <= 0.2 * made.base]
    return made.chance.choice(fitting) if fitting else ROUND[0]


def _moment(made: Creator, least_day: int = 16, most_day: int = 42) -> int:
    return int(made.chance.uniform(24 * least_day, 24 * most_day))


def _deliver(made: Creator, start: int, hours: int, fans: float) -> None:
    """Hand over bought fans evenly."""
    for hour in range(start, start + hours):
        made.fans[hour] += fans / hours


def _happened(made: Creator, start: int, end: int) -> None:
    made.events.append((STARTED_S + start * HOUR_S, STARTED_S + end * HOUR_S))


def _bought(made: Creator) -> None:
    start, hours = _moment(made), made.chance.randint(1, 24)
    _deliver(made, start, hours, _package(made))
    _happened(made, start, start + hours + 24)


def _drip(made: Creator) -> None:
    start, hours = _moment(made), 24 * made.chance.randint(3, 7)
    _deliver(made, start, hours, _package(made))
    _happened(made, start, start + hours + 24)


def _decay(made: Creator) -> None:
    start, hours, fans = _moment(made), made.chance.randint(1, 24), _package(made)
    _deliver(made, start, hours, fans)
    _deliver(made, start + hours + 24, 12 * 24, -fans * made.chance.uniform(0.15, 0.5))
    _happened(made, start, start + hours + 14 * 24)


def _sawtooth(made: Creator) -> None:
    start, fans = _moment(made, most_day=36), _package(made)
    for turn in range(4):
        _deliver(made, start + 72 * turn, 6, fans)
        _deliver(made, start + 72 * turn + 36, 6, -0.9 * fans)
    _happened(made, start, start + 72 * 4)


def _viral(made: Creator) -> None:
    start, height, lasting = _moment(made), made.chance.uniform(8, 40), made.chance.uniform(12, 48)
    usual_fans, usual_views = sum(made.fans) / len(made.fans), sum(made.views) / len(made.views)
    for hour in range(start, min(start + 240, len(made.fans))):
        lift = height * -math.expm1(-(hour - start + 1) / 4) * math.exp(-(hour - start) / lasting)
        crowd = made.chance.gammavariate(10, 0.1)
        made.views[hour] += usual_views * lift * crowd
        made.fans[hour] += usual_fans * lift * crowd * made.chance.uniform(0.5, 1.1)
    _happened(made, start, start + 240)


def _outage(made: Creator) -> None:
    made.provider = Provider(outage_days=2.5)


def _rounding(made: Creator) -> None:
    made.provider = Provider(quantum=10 ** max(1, int(math.log10(made.base)) - 2))


def _purge(made: Creator) -> None:
    start = _moment(made)
    _deliver(made, start, made.chance.randint(1, 3), -made.base * made.chance.uniform(0.01, 0.05))
    _happened(made, start, start + 24)


def _noon(made: Creator) -> None:
    made.noon = True


def _cached(made: Creator) -> None:
    made.provider = Provider(repeated=0.6)


def _nothing(_: Creator) -> None:
    """What there is without any event."""


KINDS: dict[str, Callable[[Creator], None]] = {
    "bought step": _bought,
    "drip": _drip,
    "step and decay": _decay,
    "sawtooth": _sawtooth,
    "viral video": _viral,
    "purge": _purge,
    "nothing": _nothing,
    "outages": _outage,
    "rounding": _rounding,
    "cached answers": _cached,
    "noon step": _noon,
}
