"""The videos of an account: a new one every one to three days, as a pure function of (seed, account, instant)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.simulator.nature import Nature

_SPACING = timedelta(days=2)
_EARLIEST = timedelta(days=90)
_ID_BITS = 32
_YEARS_S = range(1_400_000_000, 4_102_444_800)  # 2014 to 2100


@dataclass(frozen=True, slots=True)
class Clip:
    """One video. ``published`` is aware; the upper bits of the id are its Unix second, as on the platforms."""

    video_id: str
    published: datetime


@dataclass(frozen=True, slots=True)
class Library:
    """Who published what, by the callers' clock; the world's own time runs ``speed`` times faster."""

    nature: Nature
    speed: float

    def published(self, account: str, since: datetime, until: datetime) -> list[Clip]:
        """The videos of a time, both ends included, the newest first. The first came 90 days before the start."""
        first = self._first(account)
        oldest, newest = (self._then(at) - first for at in (since, until))
        numbers = range(newest // _SPACING + 1, max(-1, oldest // _SPACING - 2), -1)
        clips = (self._clip(account, number) for number in numbers)
        return [clip for clip in clips if since <= clip.published <= until]

    def born(self, video_id: str) -> datetime | None:
        """When a video was published, by its id; None for an id that does not tell."""
        second = int(video_id) >> _ID_BITS if video_id.isdecimal() else 0
        return datetime.fromtimestamp(second, UTC) if second in _YEARS_S else None

    def _then(self, at: datetime) -> datetime:
        return self.nature.started + (at - self.nature.started) * self.speed

    def _first(self, account: str) -> datetime:
        return self.nature.started - _EARLIEST + _SPACING * self.nature.chance("rhythm", account)

    def _clip(self, account: str, number: int) -> Clip:
        jitter = self.nature.between(-0.25, 0.25, "published", account, number)  # so 1 to 3 days lie between two
        started = self.nature.started
        own = self._first(account) + _SPACING * (number + jitter)
        second = int((started + (own - started) / self.speed).timestamp())
        low_bits = int(2**_ID_BITS * self.nature.chance("clip", account, number))
        return Clip(str(second << _ID_BITS | low_bits), datetime.fromtimestamp(second, UTC))
