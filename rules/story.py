"""The facts of a message: what a letter carries until it is put into words, in the language of whom it is for.

Values only, no words of ours: numbers keep their unit, times are instants, and what is not known is None, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter

from rules.values import NO_LABELS, Labels, News, Severity, Unit

Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit as it is known; where ``value`` is None, the ``last`` that was known, and when."""

    value: Finite | None
    unit: Unit
    last: Finite | None = None
    last_at: datetime | None = None


Piece = str | Amount
"""A part of a first line: text as it is, or a number."""


@dataclass(frozen=True, slots=True)
class Who:
    """What it is about. ``handle`` and ``region`` (as the platform writes it) are "" where they are not known."""

    name: str
    key: str
    platform: str = ""
    owner: str = ""
    handle: str = ""
    region: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A number that the rule reads: ``old`` is the last other one, ``new`` None where none was ever seen.

    ``label`` tells the series from others of its metric; ``peak`` is the farthest it went since the alert began.
    """

    metric: str
    unit: Unit
    new: Amount | None
    label: str = ""
    old: Finite | None = None
    peak: Finite | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """What a detector expected in ``span_s`` seconds (``by_age``: at that age), and saw; ``grounds`` in its words."""

    metric: str
    low: Finite
    high: Finite
    saw: Finite
    span_s: Finite
    by_age: bool = False
    label: str = ""
    grounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next level, and how far its threshold is; ``to_go`` is None where the number is not known."""

    level: str
    metric: str
    operator: str
    threshold: Finite
    unit: Unit
    to_go: Finite | None = None


@dataclass(frozen=True, slots=True)
class Flutter:
    """That the alert comes and goes: so many ``times`` within ``within_s`` seconds; ``climbs`` count with a ladder."""

    times: int
    within_s: float
    climbs: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How an alert was: it lasted ``lasted_s`` seconds, and ``peak`` was its highest level."""

    lasted_s: float
    peak: str


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a record: its name, and the text, or the ``instant`` that the text names."""

    name: str
    text: str
    instant: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordWords:
    """A record behind an alert, in the words of the platform.

    ``can_appeal`` and ``deadline`` are None where they are not known. ``falls_off`` is an estimate: when its points no
    longer count. ``alike`` is how many records of the same policy there were in 90 days, itself among them.
    """

    kind: str
    id: str
    words: tuple[Word, ...] = ()
    can_appeal: bool | None = None
    deadline: datetime | None = None
    falls_off: datetime | None = None
    alike: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that a message may speak of, as it was ``at`` a moment.

    ``told`` and ``stand`` say where the channel was told last that the alert stands, and where it stands now: a level,
    0, or -k (it comes and goes). ``ladder`` are the names of the levels from the lowest, ``level`` is the one that it
    is about. It stands so since ``stood``, and somebody knows that since ``heard`` (None: for as long); ``escalated``
    says that more are told, for nobody said in all that time that they know. ``scheme`` is "points" or "chr" where the
    numbers are of one, ``ends`` an estimate of when the effect is over at the latest. ``template`` is the one that the
    rule names; ``notes`` are lines that are told as they are; ``labels`` tell the alert from others of its rule and
    target.
    """

    news: News
    severity: Severity
    at: datetime
    rule: str
    who: Who
    headline: tuple[Piece, ...] = ()
    level: str = ""
    ladder: tuple[str, ...] = ()
    told: int = 0
    stand: int = 0
    scheme: str = ""
    changes: tuple[Change, ...] = ()
    bands: tuple[Band, ...] = ()
    condition: str = ""
    effect: str = ""
    ends: datetime | None = None
    ahead: Ahead | None = None
    flutter: Flutter | None = None
    ending: Ending | None = None
    reason: str = ""
    held: str = ""
    records: tuple[RecordWords, ...] = ()
    measured: datetime | None = None
    polled: datetime | None = None
    template: str = ""
    notes: tuple[str, ...] = ()
    labels: Labels = NO_LABELS
    stood: datetime | None = None
    heard: datetime | None = None
    escalated: bool = False


def gravest(stories: Sequence[Story]) -> Sequence[Story]:
    """The same, those that matter most first."""
    order = list(Severity)
    return sorted(stories, key=lambda story: -order.index(story.severity))


def story_to_json(story: Story) -> str:
    """A story as JSON text."""
    return _STORIES.dump_json(story).decode()


def story_from_json(text: str) -> Story:
    """The inverse of ``story_to_json``, exact; what it does not know is left out, so that newer rows can be read."""
    return _STORIES.validate_json(text)


_STORIES = TypeAdapter(Story)
