"""What is noted while an expression is compiled."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rules.closures import Node
from rules.grammar import Series, Tree


@dataclass(frozen=True, slots=True)
class Options:
    """What a rule asks of all its numbers, in seconds.

    A number older than ``stale_after_s`` is unknown; what looks back is unknown until the history of its series
    reaches back ``min_history_s``. Neither is asked of ``age`` and ``until``.
    """

    min_history_s: float = 0.0
    stale_after_s: float = math.inf


PLAIN = Options()
"""Nothing more than every rule asks."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an expression: the 0-based offset of the character, and a sentence."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression that is no literal, ``depth`` levels below the whole, and what it is compiled to."""

    depth: int
    tree: Tree
    node: Node


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector in an expression: the metric it looks at, and the findings it comes to."""

    metric: str
    findings: Node


@dataclass(slots=True)
class Notes:
    """What is wrong, which metrics are read and how far back (seconds), the series, parts and detectors in their order.

    ``aged`` are the metrics whose age is asked for; ``timed`` says that time alone can change the answer.
    """

    problems: list[Problem] = field(default_factory=list)
    needs: dict[str, float] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)
    aged: set[str] = field(default_factory=set)
    timed: bool = False
