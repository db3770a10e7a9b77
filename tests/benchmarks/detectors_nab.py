"""The NAB realTweets series as counters that are polled: how many labelled events a detector finds.

The data are not in the repository: ``windows.json`` and one CSV file a series (timestamp, count in five minutes), from
the Numenta Anomaly Benchmark.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import accumulate
from operator import add
from pathlib import Path

from rules.detectors import look, spike, surprise
from rules.values import Window
from tests.benchmarks.detectors_polls import DAY_S, HOUR_S, Provider, Span, Tally, tally

UNSCORED = 0.15
"""The share of each series at its beginning that is not scored, as in NAB."""

SPAN_S = 14 * DAY_S
SEEDS = (1, 2, 3)

QUANTA = {1: 1, 2: 10, 3: 1}
"""What the counter is rounded to, by seed."""

INTERVALS_S = (0.25 * HOUR_S, HOUR_S, 6 * HOUR_S)
THRESHOLDS = (3.0, 3.5, 4.0, 4.5, 5.0)
DEFAULT = 4.0

ANCHORS = (
    ("CAD OSE, published", 0.79, "five-minute counts, ten files, threshold tuned on them; DOMAIN 2.4"),
    ("D1 prototype, z >= 4, RP >= 7 d, hourly", 0.57, "ten files, fixed setting; DOMAIN 2.4"),
    ("Windowed Gaussian, published", 0.44, "five-minute counts: recall 0.91, precision 0.29; DOMAIN 2.4"),
    ("Twitter ADVec (S-H-ESD), published", 0.43, "five-minute counts: recall 0.88, precision 0.28; DOMAIN 2.4"),
)
"""What, event F1, and how it was measured: not by the same polls, so only the order of size compares."""


@dataclass(frozen=True, slots=True)
class Series:
    """One file: the running total at each time, and the labelled windows."""

    name: str
    times_s: Sequence[float]
    totals: Sequence[float]
    events: Sequence[Span]

    @property
    def looked(self) -> Span:
        """What is scored of it."""
        first_s, last_s = self.times_s[0], self.times_s[-1]
        return first_s + UNSCORED * (last_s - first_s), last_s


def read(folder: Path) -> list[Series]:
    """All series of a folder that ``windows.json`` names."""
    windows = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    return [_series(folder / name, spans) for name, spans in sorted(windows.items())]


def _series(path: Path, spans: Sequence[Sequence[str]]) -> Series:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    events = [(_seconds(first), _seconds(last)) for first, last in spans]
    name = path.stem.removeprefix("Twitter_volume_")
    return Series(name, [time_s for time_s, _ in rows], list(accumulate(count for _, count in rows)), events)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


Look = tuple[float, float | None]
Ask = Callable[[Window, float, float], float | None]


def asked_spike(window: Window, span_s: float, at_s: float) -> float | None:
    """The detector as rules see it."""
    finding = spike(window, span_s, at_s)
    return None if finding is None else finding.score


def asked_spike_of_any_size(window: Window, span_s: float, at_s: float) -> float | None:
    """The same without the question whether it matters for this size: counters that begin with 0 know no size."""
    now, finding = look(window, span_s, at_s), spike(window, span_s, at_s)
    if now is None or finding is None:
        return None
    score = now[2].score(finding.saw, now[0])
    return score if score > now[2].rare else min(score, 0.0)


def asked_surprise(window: Window, span_s: float, at_s: float) -> float | None:
    """The tail for low counts."""
    finding = surprise(window, span_s, at_s)
    return None if finding is None else finding.score


def looks(series: Series, interval_s: float, seed: int, ask: Ask) -> Iterator[Look]:
    """What a detector says at each poll, over a window as the daemon keeps it."""
    window = Window()
    provider = Provider(quantum=QUANTA[seed])
    for time_s, total in provider.polls(series.times_s, series.totals, interval_s, f"{series.name}/{seed}"):
        window.add(time_s, total)
        window.forget(time_s - SPAN_S)
        yield time_s, ask(window, SPAN_S, time_s)


def score(series: Series, seen: Sequence[Look], least: float) -> Tally:
    """How the alerts of ``ask >= least`` meet the labels."""
    alerts_s = [time_s for time_s, score in seen if score is not None and score >= least]
    return tally(alerts_s, series.events, series.looked, label=0.5)


Tallies = Mapping[str, Mapping[float, Tally]]
"""By series and threshold, all seeds together."""


def tallies(every: Sequence[Series], interval_s: float, ask: Ask, thresholds: Sequence[float] = THRESHOLDS) -> Tallies:
    """How a detector does on each series at each threshold."""
    found = {}
    for series in every:
        seen = [list(looks(series, interval_s, seed, ask)) for seed in SEEDS]
        found[series.name] = {least: total(score(series, each, least) for each in seen) for least in thresholds}
    return found


def total(parts: Iterable[Tally]) -> Tally:
    """All of them as one."""
    return reduce(add, parts, Tally())


def left_out(found: Tallies) -> dict[str, tuple[float, Tally]]:
    """For each series, the threshold that is best on the others, and how it does on this one."""
    chosen = {}
    for name, own in found.items():
        others = [each for other, each in found.items() if other != name]
        best = max(own, key=lambda least: total(each[least] for each in others).f1)
        chosen[name] = best, own[best]
    return chosen
