"""Judging alone: six rules over 14 days of history, beside Prometheus on the same numbers, and by number of targets."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from daemon.clock import SystemClock
from daemon.docket import Docket
from daemon.providers import METRICS
from daemon.recent import Recent
from rules.book import RuleBook
from rules.building import build_book
from rules.models import RuleModel
from rules.values import NO_LABELS, Subject, Target
from tests.benchmarks import judging_prometheus as prometheus
from tests.benchmarks.bodies import FAKE_VIEWS
from tests.benchmarks.measure import Figure, medians

STEP_S, HALF_DAY_S, DAY_S = 900, 43_200, 86_400
PHASES = HALF_DAY_S // STEP_S
"""What is usual is learned anew each half day: of the targets as many are so far at every look as in a daemon."""

HISTORY = 14 * DAY_S // STEP_S + 2
SHORT = 26 * 3_600 // STEP_S
ROUNDS = 5
LOOKS = HISTORY + PHASES + ROUNDS + 1
KINDS = 64
"""Series that differ; more targets share their numbers, but not their windows."""

GROUP = 64
"""Polls that are taken in and judged together: what as many lanes bring at once."""

FANS = "judged_creator_followers"
USUAL = {
    "creator_trust_score": (2, 3),
    "fake_score": (5, 30),
    "judged_like_ratio": (0.1, 0.05),
    "judged_comment_ratio": (0.6, 0.3),
    "judged_share_ratio": (0.6, 0.3),
}
"""The least of each other number, and how far it goes above that; no rule is true of them."""

RULES = {
    "crossing": "creator_trust_score >= 9",
    "threshold": "fake_score > 60",
    "difference": "delta(judged_like_ratio, 24h) < -0.2",
    "both": "judged_comment_ratio < 0.5 and judged_share_ratio < 0.5",
    "absent": "age(fake_score) > 1h",
}
STDDEV, SPIKE = f"delta({FANS}, 1h) > 5 * stddev({FANS}, 14d)", f"spike({FANS}, 14d) >= 4"

_DELTAS = f"({FANS} - {FANS} offset 1h)"
_QUARTILES = [f"quantile_over_time({share}, {_DELTAS}[14d:1h])" for share in (0.25, 0.5, 0.75)]
THEIR_RULES = {
    "crossing": "creator_trust_score >= 9 and creator_trust_score offset 15m < 9",
    "threshold": "fake_score > 60",
    "difference": "judged_like_ratio - judged_like_ratio offset 24h < -0.2",
    "both": "judged_comment_ratio < 0.5 and judged_share_ratio < 0.5",
    "absent": "present_over_time(fake_score[24h]) unless present_over_time(fake_score[1h])",
}
THEIR_SPIKES = {
    "stddev of the level": f"delta({FANS}[1h]) > 5 * stddev_over_time({FANS}[14d])",
    "stddev of hourly deltas": f"{_DELTAS} > 5 * stddev_over_time({_DELTAS}[14d:1h])",
    "robust, by quartiles": f"{_DELTAS} - {_QUARTILES[1]} > 5 * 0.7413 * ({_QUARTILES[2]} - {_QUARTILES[0]})",
}
"""It has no median absolute deviation before its version 3; 0.7413 quartile distances are a standard deviation too."""

AIMS = {"stddev of the level": 0.2, "stddev of hourly deltas": 0.03, "robust, by quartiles": 0.01}
OURS = {"stddev of the level": STDDEV, "stddev of hourly deltas": SPIKE, "robust, by quartiles": SPIKE}
SLOPE_AIM = 1.05


class Numbers:
    """What each kind of target is seen to have, look by look; history ends where the half day of ``now_s`` begins."""

    def __init__(self, now_s: int) -> None:
        first_s = now_s // HALF_DAY_S * HALF_DAY_S - HISTORY * STEP_S
        self.times_s = array("d", (first_s + look * STEP_S for look in range(LOOKS)))
        self.values = {FANS: [_fans(Random(kind)) for kind in range(KINDS)]}
        for metric, (low, spread) in USUAL.items():
            self.values[metric] = [_usual(Random(f"{metric} {kind}"), low, spread) for kind in range(KINDS)]


def _fans(chance: Random) -> array[float]:
    base, growth = 10 ** chance.uniform(3, 8), chance.uniform(0, 0.0004) * STEP_S / DAY_S
    return array("d", (math.floor(base * (1 + growth * i + 1e-4 * chance.uniform(-0.5, 0.5))) for i in range(LOOKS)))


def _usual(chance: Random, low: float, spread: float) -> array[float]:
    return array("d", (round(low + spread * chance.random(), 4) for _ in range(LOOKS)))


class Watched:
    """Targets with 14 days of history and a rule for spikes among six, judged as the daemon judges them."""

    def __init__(self, numbers: Numbers, targets: int, spike: str) -> None:
        self._numbers, self._round = numbers, 0
        book = _book({**RULES, "spike": spike})
        self._recent, self._needs = Recent(book.needs()), book.needs()
        self._keys = tuple((metric, NO_LABELS) for metric in numbers.values)
        self._names = [f"tiktok/video/{i}" for i in range(targets)]
        for i, name in enumerate(self._names):
            self._recent.watch(i, name, FAKE_VIEWS, STEP_S)
            self._recall(i)
        self._docket = Docket(self._recent, book, (), lambda _target, _kind: ())
        watched = {name: Target(name, Subject.VIDEO, name, "tiktok") for name in self._names}
        self._docket.follow(watched, {}, [(name, FAKE_VIEWS) for name in self._names])

    def _recall(self, i: int) -> None:
        """Fill the windows of a target with its past, except for what the next look brings."""
        end = HISTORY + i % PHASES
        self._see(i, end - 1)
        for metric, windows in self._recent.view(self._names[i]).items():
            first = max(0, end - max(4, int(self._needs[metric] // STEP_S) + 2))
            window = windows[NO_LABELS]
            window.times_s = self._numbers.times_s[first:end]
            window.values = self._numbers.values[metric][i % KINDS][first:end]

    def _see(self, i: int, look: int) -> None:
        values = [series[i % KINDS][look] for series in self._numbers.values.values()]
        self._recent.see(i, self._numbers.times_s[look], self._keys, values, STEP_S)

    def judged_s(self) -> float:
        """The CPU seconds that it takes to judge each target once more, after a new look at it."""
        self._round += 1
        return sum(self._judged_s(phase, first) for phase in range(PHASES) for first in self._groups(phase))

    def _groups(self, phase: int) -> range:
        return range(phase, len(self._names), PHASES * GROUP)

    def _judged_s(self, phase: int, first: int) -> float:
        look = HISTORY + phase + self._round - 1
        group = range(first, min(len(self._names), first + PHASES * GROUP), PHASES)
        for i in group:
            self._see(i, look)
        due = {self._names[i]: self._docket.rules_by_endpoint(self._names[i])[FAKE_VIEWS] for i in group}
        at = datetime.fromtimestamp(self._numbers.times_s[look], UTC)
        started_s = time.process_time()
        outcomes = self._docket.hear(due, at)
        self._docket.enter(outcomes, [outcome.alert for outcome in outcomes])
        return time.process_time() - started_s


def _book(rules: Mapping[str, str]) -> RuleBook:
    models = [RuleModel.model_validate({"name": name, "on": "video", "when": when}) for name, when in rules.items()]
    book = build_book(models, METRICS, ())
    assert isinstance(book, RuleBook), book
    return book


def figures(folder: Path, few: int, targets: int, many: int) -> list[Figure]:
    """Both sides' cost of one update of ``targets``, their ratios, and the slope from ``few`` to ``many``."""
    numbers = Numbers(_now_s())
    return [*_beside(folder, numbers, targets), *_slope(numbers, few, many)]


def _now_s() -> int:
    return int(SystemClock().now().timestamp())


def _beside(folder: Path, numbers: Numbers, targets: int) -> list[Figure]:
    ours = medians({spike: Watched(numbers, targets, spike).judged_s for spike in (STDDEV, SPIKE)}, ROUNDS)
    title = f"judging {targets:,} targets x 6 rules over 14 d"
    lines = [Figure(f"  ours: {spike}", 1e6 * ours[spike] / targets, "us a target") for spike in ours]
    if prometheus.missing():
        return [Figure(f"{title}: no {' and no '.join(prometheus.missing())} to compare with", math.nan), *lines]
    theirs = _theirs(folder, numbers, targets)
    ratios = [
        Figure(f"{title} / Prometheus, {name}", ours[OURS[name]] / theirs[name], "x", aim) for name, aim in AIMS.items()
    ]
    lines += [Figure(f"  Prometheus: {name}", 1e6 * each_s / targets, "us a target") for name, each_s in theirs.items()]
    return [*ratios, *lines]


def _theirs(folder: Path, numbers: Numbers, targets: int) -> dict[str, float]:
    """The CPU seconds of a group of rules; the slow ones are evaluated once, on what the first has warmed."""
    data = prometheus.backfill(folder, _exported(numbers), targets)
    found = {}
    for name, spike in THEIR_SPIKES.items():
        times = 1 if found else ROUNDS
        found[name] = prometheus.evaluation_s(folder, data, {**THEIR_RULES, "spike": spike}, times)
    return found


def _exported(numbers: Numbers) -> dict[str, Sequence[prometheus.Points]]:
    """The same history, 14 days of fans and 26 hours of the rest, until there was time for all evaluations."""
    times = [(_now_s() // STEP_S + 4 + look - HISTORY) * STEP_S for look in range(HISTORY)]
    return {
        metric: [list(zip(times, series, strict=False))[0 if metric == FANS else -SHORT :] for series in each]
        for metric, each in numbers.values.items()
    }


def _slope(numbers: Numbers, few: int, many: int) -> list[Figure]:
    """How judging grows with the number of targets, on logarithmic scales: 1 is in proportion."""
    found = medians({str(n): Watched(numbers, n, STDDEV).judged_s for n in (few, many)}, ROUNDS)
    slope = math.log(found[str(many)] / found[str(few)]) / math.log(many / few)
    return [
        Figure(f"slope of judging, {few:,} to {many:,} targets", slope, "", SLOPE_AIM),
        *(Figure(f"  {n:,} targets", 1e6 * found[str(n)] / n, "us a target") for n in (few, many)),
    ]
