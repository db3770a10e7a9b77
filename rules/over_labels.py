"""The values of all label sets to one, or to fewer; unknown where an unknown one could change the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from rules.values import Bounds, Labels


def how_many(values: Sequence[bool | None]) -> float | Bounds:
    """How many are true; between two numbers while some are unknown."""
    true = sum(value is True for value in values)
    unknown = sum(value is None for value in values)
    return Bounds(true, true + unknown) if unknown else float(true)


def any_of(values: Sequence[bool | None]) -> bool | None:
    """True if one is true; unknown if none is but some are unknown; of nothing: False."""
    return True if True in values else None if None in values else False


def all_of(values: Sequence[bool | None]) -> bool | None:
    """False if one is false; unknown if none is but some are unknown; of nothing: unknown."""
    return False if False in values else None if None in values or not values else True


def of_all(reduce: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float | None]], float | None]:
    """``reduce`` over the numbers of all labels; unknown if one is, if there are none, or if it is too large."""

    def reduced(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        try:
            result = reduce(known)
        except OverflowError:  # fsum and fmean say so aloud
            return None
        return result if math.isfinite(result) else None

    return reduced


def greatest(values: Mapping[Labels, float | None], most: int) -> Mapping[Labels, float | None]:
    """The label sets with the ``most`` greatest numbers; of equal numbers the first labels.

    One that an unknown number could push out is unknown, and so is one whose number is unknown.
    """
    known = sorted((-value, labels) for labels, value in values.items() if value is not None)
    unknown = [labels for labels, value in values.items() if value is None]
    sure = most - len(unknown)
    top = {labels: -value if place < sure else None for place, (value, labels) in enumerate(known[:most])}
    return top | dict.fromkeys(unknown)
