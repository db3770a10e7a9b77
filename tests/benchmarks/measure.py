"""What a benchmark yields: figures with aims, from interleaved rounds of CPU time."""

from __future__ import annotations

import gc
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

Case = Callable[[], float]
"""One round of one case: the CPU seconds that one operation took."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``aim`` is the most (``at_least``: the least) it should be; None: it only informs."""

    what: str
    value: float
    unit: str = ""
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is no aim, or no value."""
        if self.aim is None or math.isnan(self.value):
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim


def cpu_s(work: Callable[[], object]) -> float:
    """The CPU seconds that ``work`` took, all threads of this process together."""
    started_s = time.process_time()
    work()
    return time.process_time() - started_s


def medians(cases: Mapping[str, Case], rounds: int) -> dict[str, float]:
    """The median of each case. A round runs every case once, so that noise hits all alike; one more goes before.

    Each case begins without the garbage of the one before it, and every round with another case.
    """
    seen: dict[str, list[float]] = {name: [] for name in cases}
    order = deque(cases)
    for turn in range(rounds + 1):
        for name in order:
            gc.collect()
            each_s = cases[name]()
            if turn:
                seen[name].append(each_s)
        order.rotate(1)
    return {name: median(values) for name, values in seen.items()}


def render(figures: Iterable[Figure]) -> str:
    """The table, in Markdown."""
    rows = [("what", "figure", "aim", "met"), *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows)


def _row(figure: Figure) -> tuple[str, str, str, str]:
    aim = "" if figure.aim is None else f"{'>=' if figure.at_least else '<='} {figure.aim:g}"
    return figure.what, f"{_short(figure.value)} {figure.unit}".strip(), aim, _MET[figure.met]


def _short(value: float) -> str:
    if math.isnan(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_MET = {True: "yes", False: "NO", None: ""}
