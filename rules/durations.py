"""Durations as people write them: ``30s``, ``15m``, ``2h``, ``1h30m``, ``3d``, ``2w``."""

from __future__ import annotations

import re
from datetime import timedelta

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> timedelta | None:
    """The duration that ``text`` names, to the millisecond; None if it names none, or one of over 10,000 days."""
    if not _WHOLE.fullmatch(text):
        return None
    seconds = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(text))
    return timedelta(seconds=round(seconds, 3)) if seconds <= 10_000 * 86_400 else None


def say_duration(seconds: float) -> str:
    """``seconds`` in the two largest units that are not zero ("2 d 4 h"); "0 s" for less than a second."""
    parts, rest = [], round(abs(seconds))
    for unit in ("w", "d", "h", "m", "s"):
        number, rest = divmod(rest, SECONDS[unit])
        if number:
            parts.append(f"{number} {'min' if unit == 'm' else unit}")
    return " ".join(parts[:2]) or "0 s"
