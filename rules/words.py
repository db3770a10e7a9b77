"""The shape of a language's words: one table a language, each complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Language(StrEnum):
    """What messages are written in."""

    EN = "en"
    ZH = "zh"


@dataclass(frozen=True, slots=True)
class Words:
    """``texts`` are sentences with places ({value}); every language has the same keys with the same places.

    ``names`` are those of metrics, records, levels and the like; what is missing is told by the name it has.
    ``phrases`` are patterns of what rules and detectors say in English, and what is said instead. ``units`` are those
    of durations by the letters of ``rules.durations``, ``zones`` the names of time zones.
    """

    texts: Mapping[str, str]
    units: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    phrases: Sequence[tuple[str, str]] = ()
    zones: Mapping[str, str] = field(default_factory=dict)
