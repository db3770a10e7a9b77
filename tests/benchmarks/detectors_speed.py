"""What the detectors cost, and what numerics libraries would: time by time and MiB by import."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from random import Random
from statistics import median, median_low

from rules.detector_baseline import Baseline, baseline, middle_and_spread
from rules.detector_peers import inflation, slump
from rules.detector_shapes import drip, suspect
from rules.detector_tails import surprisal
from rules.detectors import cold_start, purge, spike, surprise
from rules.values import Window
from tests.benchmarks.detectors_polls import DAY_S
from tests.benchmarks.measure import Figure

AIM_US, AIM_MIB = 20.0, 3.0
STARTED_S = 20_454 * DAY_S + 1_000.0
QUARTER_S = 900.0
FORTNIGHT_S, MONTH_S = 14 * DAY_S, 28 * DAY_S
TARGETS, DAYS = 8, 2

Call = Callable[["Series", float], object]


class Series:
    """The fans, views and likes of one account that has been polled every 15 minutes for a time."""

    def __init__(self, seed: int, days: float) -> None:
        self.chance, self.time_s = Random(seed), STARTED_S
        self.totals = [50_000.0, 2_000_000.0, 90_000.0]
        self.windows = [Window(), Window(), Window()]
        while self.time_s < STARTED_S + days * DAY_S:
            self.poll()

    def poll(self) -> None:
        """One more answer."""
        self.time_s += QUARTER_S + self.chance.uniform(-60, 60)
        for place, pace in enumerate((10, 2_000, 90)):
            self.totals[place] += self.chance.randint(0, 2 * pace)
            self.windows[place].add(self.time_s, self.totals[place])

    def forget(self, depth_s: float) -> None:
        """As the daemon does at each poll."""
        for window in self.windows:
            window.forget(self.time_s - depth_s)


CALLS: dict[str, tuple[float, Call]] = {
    "spike": (14, lambda of, at_s: spike(of.windows[0], FORTNIGHT_S, at_s)),
    "surprise": (14, lambda of, at_s: surprise(of.windows[0], FORTNIGHT_S, at_s)),
    "purge": (14, lambda of, at_s: purge(of.windows[0], FORTNIGHT_S, at_s)),
    "cold_start": (6, lambda of, at_s: cold_start(of.windows[0], DAY_S, at_s)),
    "drip, 28 d": (28, lambda of, at_s: drip(of.windows[0], MONTH_S, at_s)),
    "suspect": (14, lambda of, at_s: suspect(of.windows[0], of.windows[1], FORTNIGHT_S, at_s)),
    "inflation": (14, lambda of, at_s: inflation(of.windows[2], of.windows[1], DAY_S, at_s)),
    "slump, 28 d": (28, lambda of, at_s: slump(of.windows[0], of.windows[1], MONTH_S, at_s)),
}


def figures(targets: int = TARGETS, days: float = DAYS) -> list[Figure]:
    """Microseconds a call, as new polls come in: what is learned anew now and then is shared among the calls."""
    found = [Figure("1,344 looks of 15 min (14 d), one call a new look", float("nan"))]
    for name, (depth, call) in CALLS.items():
        found.append(Figure(f"  {name}", 1e6 * _amortised_s(depth, call, targets, days), "us a call", AIM_US))
    found.append(Figure("  a baseline learned anew", 1e6 * _learned_s(), "us"))
    found.append(Figure("  a baseline kept", _kept_bytes(), "B a window"))
    return found


def _amortised_s(depth: float, call: Call, targets: int, days: float) -> float:
    spent_s, calls = 0.0, 0
    for seed in range(targets):
        series = Series(seed, depth)
        for _ in range(int(days * DAY_S / QUARTER_S)):
            series.poll()
            series.forget(depth * DAY_S)
            started_s = time.process_time()
            call(series, series.time_s)
            spent_s, calls = spent_s + time.process_time() - started_s, calls + 1
    return spent_s / calls


def _learned_s() -> float:
    window = Series(0, 14).windows[0]
    return median(_timed(lambda: _forgotten(window)) for _ in range(50))


def _forgotten(window: Window) -> Baseline | None:
    window.memo = None
    return baseline(window, FORTNIGHT_S, window.times_s[-1])


def _kept_bytes() -> float:
    window = Series(0, 14).windows[0]
    kept = _forgotten(window)
    assert kept is not None
    parts = [window.memo, (1, 2), kept, *(getattr(kept, name) for name in kept.__slots__)]
    return float(sum(map(sys.getsizeof, parts)))


def _timed(work: Callable[[], object]) -> float:
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


LIBRARIES = ("statistics", "numpy", "scipy.special", "scipy.stats", "statsmodels.robust")


def libraries() -> list[Figure]:
    """The same two formulas by each library that is there, and what it takes to import."""
    numbers = array("d", (Random(1).gauss(20, 3) for _ in range(336)))
    found = [
        Figure("median and MAD of 336 numbers, ours", _us(lambda: middle_and_spread(numbers)), "us"),
        Figure("NB tail of one count, ours", _us(lambda: surprisal(40, 12.0, 0.2)), "us"),
    ]
    for name in LIBRARIES:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            found.append(Figure(f"{name}: not installed", float("nan")))
            continue
        found.append(Figure(f"{name}, import", _import_mib(name), "MiB", AIM_MIB))
        found += [Figure(f"  {what}", _us(work), "us") for what, work in _by_library(name, numbers)]
    return found


def _by_library(name: str, numbers: array[float]) -> list[tuple[str, Callable[[], object]]]:
    module = importlib.import_module(name)
    match name:
        case "statistics":
            return [("median and MAD of 336 numbers", lambda: _by_statistics(numbers))]
        case "numpy":
            return [("median and MAD of 336 numbers", lambda: _by_numpy(module, numbers))]
        case "scipy.special":
            return [("NB tail of one count (betainc)", lambda: module.betainc(40.0, 5.0, 12 / 17))]
        case "scipy.stats":
            return [
                ("median and MAD of 336 numbers", lambda: module.median_abs_deviation(numbers, scale="normal")),
                ("NB tail of one count (nbinom)", lambda: module.nbinom.logsf(39, 5.0, 5 / 17)),
            ]
        case _:
            return [("median and MAD of 336 numbers", lambda: module.mad(_as_numpy(numbers)))]


def _by_statistics(numbers: array[float]) -> float:
    middle = median_low(numbers)
    return 1.4826 * median_low(abs(number - middle) for number in numbers)


def _by_numpy(numpy, numbers: array[float]) -> float:
    seen = numpy.frombuffer(numbers)
    return 1.4826 * numpy.median(numpy.abs(seen - numpy.median(seen)))


def _as_numpy(numbers: array[float]):
    return importlib.import_module("numpy").frombuffer(numbers)


def _us(work: Callable[[], object]) -> float:
    work()
    return 1e6 * median(_timed(lambda: [work() for _ in range(200)]) / 200 for _ in range(5))


def _import_mib(name: str) -> float:
    """What importing it adds to a process's resident memory (Linux)."""
    before, after = (
        float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)
        for program in (_RESIDENT, f"import {name}\n{_RESIDENT}")
    )
    return (after - before) / 1024


_RESIDENT = "print(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0])"
