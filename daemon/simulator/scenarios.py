"""What may happen to a simulated account or video, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Surge:
    """``per_hour`` more than usual, from ``after`` the start on, for as long as it ``lasts``."""

    per_hour: float
    after: timedelta = timedelta(days=15)
    lasts: timedelta = timedelta(hours=6)

    def gained(self, elapsed: timedelta) -> float:
        """How much has come of it when ``elapsed`` has passed since the start."""
        active = min(max(elapsed - self.after, timedelta()), self.lasts)
        return self.per_hour * (active / timedelta(hours=1))


NO_SURGE = Surge(per_hour=0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. What it does not name stays calm.

    ``scores`` are the violation scores and ``fake_scores`` the fake-view scores, one a step, the last one for ever; an
    empty tuple means a low score of the identity's own. ``offence_age`` is how old, at the start, the violations behind
    the first score are; ``settled`` counts records that are long over. ``followers`` is the size at the start, give or
    take 2 % (None: 5,000 to 200,000). ``slump_after_days`` is the diagnosis day, counted from the start, of the fall;
    ``diagnosis_late`` is how long after noon of Shanghai each diagnosis comes. ``purge`` takes a share of the followers
    (``per_hour``: of 1). ``reach`` is the share of its usual views that a video has. ``hidden`` shows 0 followers and
    likes, as a private account does, and a video to its owner only; what is ``gone`` is found by nobody.
    """

    name: str
    meaning: str
    scores: tuple[int, ...] = ()
    offence_age: timedelta = timedelta(days=40)
    settled: int = 0
    fake_scores: tuple[int, ...] = ()
    followers: int | None = None
    fans: Surge = NO_SURGE
    views: Surge = NO_SURGE
    slump_after_days: int | None = None
    diagnosis_late: timedelta = timedelta()
    purge: Surge = NO_SURGE
    reach: float = 1.0
    hidden: bool = False
    gone: bool = False


CALM = Scenario("calm", "slow, plausible growth and 0 to 3 points")

_STORIES = (
    CALM,
    Scenario(
        "violation-ladder",
        "violation points climb 6, 9, 12 ... 24, one step each, and then fall back to 0",
        scores=(6, 9, 12, 15, 18, 21, 24, 0),
        offence_age=timedelta(),
    ),
    Scenario(
        "appeal-window",
        "one violation, whose appeal window closes 8 days after the start",
        scores=(3,),
        offence_age=timedelta(days=22),
    ),
    Scenario("long-history", "45 violation records that are long over: three pages", scores=(0,), settled=45),
    Scenario(
        "fake-wave",
        "the fake-view score rises to 85 and falls again, one step each",
        fake_scores=(12, 45, 72, 85, 55, 40),
    ),
    Scenario(
        "rank-slump",
        "after 29 days interaction, plays and new fans fall to 35 % and to the bottom of the own history",
        slump_after_days=29,
    ),
    Scenario(
        "late-diagnosis",
        "each diagnosis comes at 16:00 of Shanghai instead of noon",
        diagnosis_late=timedelta(hours=4),
    ),
    Scenario(
        "bought-fans",
        "after 15 days 1,000 more followers an hour for 6 hours, and nobody watches more",
        followers=48_000,
        fans=Surge(1_000),
    ),
    Scenario(
        "viral-video",
        "after 15 days views and followers both surge for a day",
        followers=48_000,
        fans=Surge(900, lasts=timedelta(days=1)),
        views=Surge(60_000, lasts=timedelta(days=1)),
    ),
    Scenario(
        "platform-purge",
        "after 15 days the platform takes 3 % of the followers within an hour",
        purge=Surge(0.03, lasts=timedelta(hours=1)),
    ),
    Scenario("held-back", "a video that hardly anybody is shown", reach=0.01),
    Scenario("scheme-migration", "3 violation points, two steps later a health rating of 200", scores=(3, 3, 200)),
    Scenario("chr-healthy", "on the Creator Health Rating, with the 200 everybody starts from", scores=(200,)),
    Scenario("private", "an account shows 0 followers and likes; a video is seen by its owner only", hidden=True),
    Scenario("removed", "an account or video that nobody finds: HTTP 404, and absent from every list", gone=True),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({story.name: story for story in _STORIES})
"""Every story by its name."""


def find_scenario(identity: str) -> Scenario:
    """The story whose name is part of ``identity`` ("violation-ladder-1"), else the calm one."""
    return next((story for story in _STORIES if story.name in identity), CALM)
