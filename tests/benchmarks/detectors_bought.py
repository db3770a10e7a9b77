"""What rules over detectors say of generated creators and videos: what they find of each kind, and what they invent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from rules.detector_peers import inflation
from rules.detector_shapes import drip, suspect
from rules.detectors import Finding, purge, spike, surprise
from rules.values import Window
from tests.benchmarks.detectors_creators import DAYS, KINDS, LOOKED, STARTED_S, creator
from tests.benchmarks.detectors_polls import DAY_S, HOUR_S, Provider, Span, Tally, tally

FORTNIGHT_S, MONTH_S = 14 * DAY_S, 28 * DAY_S

FIRST = 1_000
"""The numbers of creators and videos begin here; the defaults were chosen while looking at lower ones."""


class Seen:
    """What the detectors say at one poll of a creator, each asked once at most."""

    def __init__(self, fans: Window, views: Window, time_s: float) -> None:
        self._series = {"fans": fans, "views": views}
        self._time_s = time_s
        self._found: dict[tuple[object, ...], float] = {}

    def score(self, detector: Callable[..., Finding | None], *names: str, span_s: float = FORTNIGHT_S) -> float:
        """The score; minus infinity where it is not known."""
        key = (detector, *names)
        if key not in self._found:
            finding = detector(*(self._series[name] for name in names), span_s, self._time_s)
            self._found[key] = float("-inf") if finding is None else finding.score
        return self._found[key]


@dataclass(frozen=True, slots=True)
class Claim:
    """A rule: its words, when it is true, and the kinds of which its alerts are wrong even while something happens."""

    words: str
    true: Callable[[Seen], bool]
    wrong: frozenset[str] = frozenset({"purge"})


def _unusual(seen: Seen) -> bool:
    return seen.score(spike, "fans") >= 4


def _bought(seen: Seen) -> bool:
    return _unusual(seen) and seen.score(suspect, "fans", "views") >= 2


def _dripped(seen: Seen) -> bool:
    return seen.score(drip, "fans", span_s=MONTH_S) >= 8


def _dripped_alone(seen: Seen) -> bool:
    return _dripped(seen) and seen.score(drip, "views", span_s=MONTH_S) < 2


ORGANIC = frozenset({"purge", "viral video"})

CLAIMS = (
    Claim("spike(fans, 14d) >= 4", _unusual),
    Claim("spike(fans, 14d) >= 4 and suspect(fans, views, 14d) >= 2", _bought, ORGANIC),
    Claim("suspect(fans, views, 14d) >= 2", lambda seen: seen.score(suspect, "fans", "views") >= 2, ORGANIC),
    Claim("drip(fans, 28d) >= 8", _dripped),
    Claim("drip(fans, 28d) >= 8 and drip(views, 28d) < 2", _dripped_alone, ORGANIC),
    Claim("the second or the fifth", lambda seen: _bought(seen) or _dripped_alone(seen), ORGANIC),
    Claim("surprise(fans, 14d) >= 6", lambda seen: seen.score(surprise, "fans") >= 6),
    Claim("purge(fans, 14d) >= 4", lambda seen: seen.score(purge, "fans") >= 4, frozenset({"viral video"})),
)

Found = Mapping[str, Mapping[str, Tally]]
"""By claim and kind."""


def judged(number: int, interval_s: float, kinds: Iterable[str] = KINDS) -> Found:
    """What each claim comes to over ``number`` creators of each kind."""
    found = {claim.words: {kind: Tally() for kind in kinds} for claim in CLAIMS}
    for kind in kinds:
        for each in range(FIRST, FIRST + number):
            for claim, each_tally in zip(CLAIMS, _of_creator(kind, each, interval_s), strict=True):
                found[claim.words][kind] += each_tally
    return found


def _of_creator(kind: str, number: int, interval_s: float) -> Iterable[Tally]:
    made, fans, views = creator(kind, number), Window(), Window()
    alerts: list[list[float]] = [[] for _ in CLAIMS]
    for time_s, fan_count, view_count in made.polls(interval_s):
        for window, count in ((fans, fan_count), (views, view_count)):
            window.add(time_s, count)
            window.forget(time_s - MONTH_S)
        seen = Seen(fans, views, time_s)
        for claim, alerts_s in zip(CLAIMS, alerts, strict=True):
            if claim.true(seen):
                alerts_s.append(time_s)
    for claim, alerts_s in zip(CLAIMS, alerts, strict=True):
        yield heard(tally(alerts_s, made.events, LOOKED), wrong=kind in claim.wrong)


def heard(tallied: Tally, *, wrong: bool) -> Tally:
    """Where alerts are wrong even in an event, it is not to be found, and finding it is false."""
    return replace(tallied, found=0, events=0, false=tallied.false + tallied.found) if wrong else tallied


VIDEO_KINDS = ("bought views", "new audience", "nothing")


def judged_videos(number: int, interval_s: float = 3 * HOUR_S) -> Mapping[str, Tally]:
    """What ``inflation(likes, views, 24h) >= 6`` comes to over ``number`` videos of each kind."""
    found = {kind: Tally() for kind in VIDEO_KINDS}
    for kind in VIDEO_KINDS:
        for each in range(FIRST, FIRST + number):
            found[kind] += _of_video(kind, each, interval_s)
    return found


def _of_video(kind: str, number: int, interval_s: float) -> Tally:
    views, likes, events = _video(kind, random.Random(f"{kind}/{number}"))
    hours_s = [STARTED_S + hour * HOUR_S for hour in range(len(views))]
    liked, viewed, alerts_s = Window(), Window(), []
    polls = (Provider().polls(hours_s, totals, interval_s, f"{kind}/{number}") for totals in (views, likes))
    for (time_s, view_count), (_, like_count) in zip(*polls, strict=True):
        viewed.add(time_s, view_count)
        liked.add(time_s, like_count)
        finding = inflation(liked, viewed, DAY_S, time_s)
        if finding is not None and finding.score >= 6:
            alerts_s.append(time_s)
    return heard(tally(alerts_s, events, (STARTED_S, STARTED_S + 30 * DAY_S)), wrong=kind != "bought views")


def _video(kind: str, chance: random.Random) -> tuple[list[float], list[float], list[Span]]:
    """Hourly totals of a video's views and likes, and what happened to it."""
    pace, lasting, ratio = chance.uniform(300, 30_000), chance.uniform(24, 96), chance.uniform(0.02, 0.1)
    start, hours = chance.randint(48, 400), chance.randint(3, 48)
    more = chance.uniform(0.3, 2) * pace * lasting / hours
    views, likes = [0.0], [0.0]
    for hour in range(24 * DAYS // 2):
        swing = chance.gammavariate(5, 0.2)
        watched = pace * (0.98**hour + 1 / (1 + hour / lasting) ** 2) / 2 * swing
        liked = watched * ratio * chance.gammavariate(20, 0.05)
        if start <= hour < start + hours and kind != "nothing":
            watched += more
            liked += 0.0 if kind == "bought views" else more * ratio * chance.uniform(0.4, 0.9)
        views.append(float(int(views[-1] + watched)))
        likes.append(float(int(likes[-1] + liked)))
    first_s = STARTED_S + start * HOUR_S
    return views, likes, [] if kind == "nothing" else [(first_s, first_s + (hours + 24) * HOUR_S)]
