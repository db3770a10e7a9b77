"""The functions of the language: what each is applied to, what kind of answer it gives, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from rules import detector_peers, detector_shapes, detectors, over_labels, windows
from rules.closures import Kind
from rules.detectors import Finding
from rules.grammar import Number
from rules.values import Bounds, Window

Kinds = Mapping[Kind, Kind]
"""What a function makes of a series of each kind; a kind that is missing it refuses."""

ALIKE: Kinds = {kind: kind for kind in (Kind.NUMBER, Kind.DURATION, Kind.INSTANT)}
DISTANCES: Kinds = {**ALIKE, Kind.INSTANT: Kind.DURATION}
COUNTS: Kinds = dict.fromkeys(ALIKE, Kind.NUMBER)
CONDITIONS: Kinds = dict.fromkeys(ALIKE, Kind.TRUTH)
SHARES: Kinds = dict.fromkeys((Kind.NUMBER, Kind.DURATION), Kind.NUMBER)
SPEEDS: Kinds = {Kind.NUMBER: Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Third:
    """The third argument of a window function: which numbers ``fit`` a series of a kind, and what is ``wanted``."""

    fits: Callable[[Number, Kind], bool]
    wanted: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class WindowFunction:
    """A function of a window, a span, a moment, and the third argument if it has one."""

    of: Callable[..., float | bool | None]
    kinds: Kinds
    third: Third | None = None


A_SHARE = Third(
    lambda number, _kind: not number.unit_s and 0 <= number.value <= 1,
    "a share from 0% to 100%, such as 95%",
)
A_BASE = Third(
    lambda number, kind: number.unit_s is (kind is Kind.DURATION) and number.value > 0,
    "the least value to start from, such as 1000",
    optional=True,
)

OF_WINDOW: Mapping[str, WindowFunction] = {
    "last": WindowFunction(windows.last, ALIKE),
    "increase": WindowFunction(windows.increase, DISTANCES),
    "delta": WindowFunction(windows.delta, DISTANCES),
    "change_pct": WindowFunction(windows.change_pct, SHARES, A_BASE),
    "rate": WindowFunction(windows.rate, SPEEDS),
    "changed": WindowFunction(windows.changed, CONDITIONS),
    "min": WindowFunction(windows.lowest, ALIKE),
    "max": WindowFunction(windows.highest, ALIKE),
    "avg": WindowFunction(windows.mean, ALIKE),
    "median": WindowFunction(windows.middle, ALIKE),
    "mad": WindowFunction(windows.deviation, DISTANCES),
    "quantile": WindowFunction(windows.quantile, ALIKE, A_SHARE),
    "stddev": WindowFunction(windows.stddev, DISTANCES),
    "count": WindowFunction(windows.observations, COUNTS),
}

OF_SERIES: Mapping[str, Callable[[Window, float], float | None]] = {
    "last": windows.newest,
    "age": windows.age,
    "until": windows.until,
}

OF_DETECTOR: Mapping[str, Callable[[Window, float, float], Finding | None]] = {
    "spike": detectors.spike,
    "surprise": detectors.surprise,
    "cold_start": detectors.cold_start,
    "drip": detector_shapes.drip,
    "purge": detectors.purge,
}
"""Functions of a window and a span; rules compare the score."""

OF_PAIR: Mapping[str, Callable[[Window, Window, float, float], Finding | None]] = {
    "inflation": detector_peers.inflation,
    "suspect": detector_shapes.suspect,
    "slump": detector_peers.slump,
}
"""Functions of the windows of two series and a span."""

DEPTHS: Mapping[str, Callable[[float], float]] = {
    "cold_start": detectors.cold_start_depth_s,
    "inflation": detector_peers.inflation_depth_s,
    "slump": detector_peers.slump_depth_s,
}
"""How far back those look, in seconds, that look further back than their span."""


def depth_s(function: str, span_s: float) -> float:
    """How far back a function of a window looks; further back it reads nothing but the value it starts from."""
    return DEPTHS[function](span_s) if function in DEPTHS else span_s


OF_NUMBERS: Mapping[str, Callable[[Sequence[float | None]], float | None]] = {
    "min": over_labels.of_all(min),
    "max": over_labels.of_all(max),
    "avg": over_labels.of_all(fmean),
    "median": over_labels.of_all(median),
    "sum": over_labels.of_all(math.fsum),
}

OF_TRUTHS: Mapping[str, Callable[[Sequence[bool | None]], float | Bounds | bool | None]] = {
    "count": over_labels.how_many,
    "any": over_labels.any_of,
    "all": over_labels.all_of,
}


def _with_window(name: str, function: WindowFunction) -> Mapping[tuple[str, int], str]:
    third = function.third
    short = {(name, 2): f"{name}(follower_count, 24h)"}
    if third is None:
        return short
    long = {(name, 3): f"{name}(follower_count, 24h, {'1000' if third.optional else '95%'})"}
    return short | long if third.optional else long


FORMS: Mapping[tuple[str, int], str] = {
    ("last", 1): "last(follower_count)",
    ("age", 1): "age(follower_count)",
    ("until", 1): "until(appeal_deadline)",
    **{form: usage for name, of in OF_WINDOW.items() for form, usage in _with_window(name, of).items()},
    **{(name, 2): f"{name}(follower_count, 14d)" for name in OF_DETECTOR},
    **{(name, 3): f"{name}(likes, views, 14d)" for name in OF_PAIR},
    ("cohort", 1): "cohort(views)",
    **{(name, 1): f"{name}(author_rank)" for name in OF_NUMBERS},
    **{(name, 1): f"{name}(author_rank < 0.1)" for name in OF_TRUTHS},
    ("topk", 2): "topk(author_rank, 2)",
    ("ratio", 3): "ratio(delta(likes, 24h), delta(views, 24h), 1000)",
    ("abs", 1): "abs(delta(follower_count, 24h))",
    **{(name, 0): f"{name}()" for name in ("hour_of", "weekday")},
    **{(name, 1): f'{name}("Asia/Shanghai")' for name in ("hour_of", "weekday")},
}
"""Each way to write a function, by its name and the number of its arguments, with an example."""

NAMES = frozenset(name for name, _ in FORMS)


def usage(function: str) -> str:
    """How a function is written, by example."""
    return " or ".join(example for (name, _), example in FORMS.items() if name == function)
