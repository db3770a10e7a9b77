"""Typed readers over untrusted JSON.

Each takes any JSON value and never raises. What is not what it should be comes out as unknown (None), as "" or as an
empty collection, never as 0.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_FLAGS = {"0": False, "1": True, "false": False, "true": True}
_YEAR_2100_S = 4_102_444_800
_LARGEST = 1e18  # beyond all counting, and far enough from the end of floats for sums and squares to be finite


def number(value: object) -> float | None:
    """Return a number, also one written as a decimal string; a bool, NaN or a magnitude above 1e18 is unknown."""
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= _LARGEST else None


def _from_text(value: str) -> float | None:
    if len(value) > 40 or not _DECIMAL.fullmatch(value):
        return None
    exact = Decimal(value)
    nearest = float(exact)
    vanished = nearest == 0 and exact != 0
    return None if vanished or abs(nearest) > _LARGEST else nearest


def amount(value: object) -> float | None:
    """Return a number that cannot be negative; a negative one is a sentinel or an overflow, so unknown."""
    return within(value, 0, math.inf)


def within(value: object, low: float, high: float) -> float | None:
    """Return a number of ``low`` to ``high``, both included; one outside of its documented range is unknown."""
    known = number(value)
    return known if known is not None and low <= known <= high else None


def fraction(value: object) -> float | None:
    """Return a ratio that came as a fraction of 1."""
    return within(value, 0, 1)


def percent(value: object) -> float | None:
    """Return a ratio that came in percent, as a fraction of 1."""
    known = within(value, 0, 100)
    ratio = None if known is None else known / 100
    # The smallest floats vanish in the division, and what was not 0 does not become 0.
    return ratio if ratio or known == 0 else None


def flag(value: object) -> bool | None:
    """Return a truth value, written as a bool, as 0 or 1, or as one of these in a string ("false" is false)."""
    return _FLAGS.get(str(value).lower()) if isinstance(value, (bool, int, str)) else None


def state(value: bool | None) -> float | None:
    """Return 0 or 1 for a ``Unit.STATE`` metric."""
    return None if value is None else float(value)


def truth(value: object) -> float | None:
    """Return 0 or 1 for a truth value, however ``flag`` finds it written."""
    return state(flag(value))


def text(value: object) -> str:
    """Return a string without outer blanks, or a number in digits; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value).strip()


def ident(value: object) -> str:
    """Return an id as a string, whether it came as a string or as an integer; "" for anything else."""
    return "" if isinstance(value, float) else text(value)


def wording(value: object) -> str:
    """Return a text that comes either plain or as ``{"value": text}`` (both occur for milestones)."""
    return text(value) or text(table(value).get("value"))


def table(value: object) -> Mapping[str, object]:
    """Return an object's members; none for anything that is not an object."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """Return a list's items; none for anything that is not a list."""
    return value if isinstance(value, list) else ()


def inner(value: object, path: str) -> object:
    """Return what lies in an object below one key after another: ``path`` is those keys with dots between."""
    for key in path.split("."):
        value = table(value).get(key)
    return value


def by_id(rows: object, path: str) -> dict[str, Mapping[str, object]]:
    """Return the rows of a list by the id at ``path``, the first of each; "" stands for all that have none."""
    found: dict[str, Mapping[str, object]] = {}
    for row in map(table, sequence(rows)):
        found.setdefault(ident(inner(row, path)), row)
    return found


def tally(ids: Collection[str]) -> float | None:
    """Return how many ids there are; unknown if one of them is "", for that may be several or none."""
    return None if "" in ids else float(len(ids))


def instant(value: object) -> datetime | None:
    """Return the aware UTC time of Unix seconds; 0 and what lies outside 1970 to 2100 is unknown."""
    seconds = number(value)
    known = seconds is not None and 1 <= seconds < _YEAR_2100_S
    return datetime.fromtimestamp(seconds, UTC) if known and seconds is not None else None


def digest(*parts: str) -> str:
    """Return 12 hex digits that stand for these texts, the same at every call: an id for a record that has none."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:12]
