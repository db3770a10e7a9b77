"""The numbers of the simulated world: pure functions of a seed, an identity and an instant of the world's own time."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from daemon.simulator.scenarios import Scenario

DAY = timedelta(days=1)
DIMENSIONS = {
    "Interact": (0.02, 0.09, 4),
    "NewFans": (150, 400, 0),
    "PlayCnt": (40_000, 220_000, 0),
    "PlayFinishRatio": (0.12, 0.35, 4),
    "PublishActivation": (3, 9, 0),
}
"""Dimension of the diagnosis -> lowest and highest usual value, decimals."""

ENGAGEMENT = {"likes": 0.06, "comments": 0.003, "favorites": 0.006, "shares": 0.007}
"""Kind of reaction -> how many a view, usually."""

_SLUMPING = frozenset({"Interact", "NewFans", "PlayCnt"})
_SHANGHAI = timezone(timedelta(hours=8))  # China keeps no summer time
_UPDATE_HOUR = timedelta(hours=12)
_RIPENING = timedelta(hours=36)
_RHYTHM = 0.3  # how far the hourly growth swings around its mean in a day, as a fraction


@dataclass(frozen=True, slots=True)
class Nature:
    """What grows, and what is due to chance. ``started`` is aware."""

    seed: int
    started: datetime

    def chance(self, *parts: object) -> float:
        """A number in [0, 1) that depends on the seed and ``parts`` alone."""
        text = "\x1f".join(map(str, (self.seed, *parts)))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / 2**48

    def between(self, low: float, high: float, *parts: object) -> float:
        """A number in [low, high) that depends on the seed and ``parts`` alone."""
        return low + (high - low) * self.chance(*parts)

    def digits(self, *parts: object) -> str:
        """An id of 19 digits, as the platforms give them."""
        return str(7 * 10**18 + int(10**18 * self.chance(*parts)))

    def followers(self, story: Scenario, identity: str, then: datetime) -> int:
        """Followers; 48,000 of them gain 24 to 56 in any three hours without a surge."""
        size = story.followers or 5_000 * 40 ** self.chance("size", identity)
        base = size * self.between(0.98, 1.02, "followers", identity)
        grown = self._grown("followers", identity, base, base / 3_600, then) + story.fans.gained(then - self.started)
        return int(grown * (1 - story.purge.gained(then - self.started)))

    def likes(self, story: Scenario, identity: str, then: datetime) -> int:
        """Likes of all videos of an account."""
        base = self.between(2e5, 2e6, "likes", identity)
        surge = ENGAGEMENT["likes"] * story.views.gained(then - self.started)
        return int(self._grown("likes", identity, base, base / 3_600, then) + surge)

    def views(self, story: Scenario, identity: str, then: datetime, born: datetime | None = None) -> int:
        """Views of a video, or of an account's videos together, from 30 days before the start on.

        Of a video with a known birth they begin with 0 and come quickly in its first days.
        """
        base = self.between(8e4, 3e5, "views", identity)
        ripe = 1.0 if born is None else -math.expm1(-max(0.0, (then - born) / _RIPENING))
        grown = self._grown("views", identity, base, base / 1_200, then)
        surge = story.views.gained(then - self.started) if ripe else 0
        return int((max(0.0, grown) * ripe + surge) * story.reach)

    def reactions(self, kind: str, identity: str, views: int) -> int:
        """How many of ``views`` led to one of ``ENGAGEMENT``: a constant fraction of the video's own."""
        return int(views * ENGAGEMENT[kind] * self.between(0.8, 1.2, kind, identity))

    def diagnosis(self, story: Scenario, identity: str, then: datetime) -> dict[str, dict[str, float]]:
        """The five dimensions, each new at noon of Shanghai (or later) and constant until the next."""
        day = _diagnosis_day(then - story.diagnosis_late)
        fall = story.slump_after_days
        slumped = _SLUMPING if fall is not None and day - _diagnosis_day(self.started) >= fall else frozenset()
        return {name: self._dimension(identity, name, day, name in slumped) for name in DIMENSIONS}

    def _dimension(self, identity: str, name: str, day: int, slumped: bool) -> dict[str, float]:
        low, high, decimals = DIMENSIONS[name]
        usual = self.between(low, high, "own", identity, name)
        own = usual * self.between(0.9, 1.1, "own", identity, name, day)
        rank = self.between(0.3, 0.8, "rank", identity, name, day)
        if slumped:
            own, rank = 0.35 * own, rank / 10
        return {
            "OwnValue": round(own, decimals or None),
            "AuthorRank": round(rank, 4),
            "SimilarRank": round(self.between(0.45, 0.65, "similar", identity, name, day), 4),
        }

    def _grown(self, what: str, identity: str, base: float, per_hour: float, then: datetime) -> float:
        """``base`` at the start and a steady growth with a daily rhythm and some noise; it never falls.

        In any three hours it gains 0.6 to 1.4 times the mean. A closed form, so any instant costs the same.
        """
        now, start = then.timestamp() / 3600, self.started.timestamp() / 3600
        block, part = divmod(now / 3, 1)
        noise = (1 - part) * self.chance(what, identity, block) + part * self.chance(what, identity, block + 1)
        return base + per_hour * (_rhythmic_hours(now) - _rhythmic_hours(start) + _RHYTHM * noise)


def _rhythmic_hours(hours: float) -> float:
    """The integral of 1 + _RHYTHM * sin(daily): hours since the epoch, counted longer by day than by night."""
    daily = 2 * math.pi / 24
    return hours - _RHYTHM / daily * math.cos(daily * hours)


def _diagnosis_day(then: datetime) -> int:
    """The number of the newest diagnosis: it changes at noon of Shanghai."""
    return (then.astimezone(_SHANGHAI) - _UPDATE_HOUR).toordinal()
