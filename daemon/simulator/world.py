"""The simulated world: what is true of an account or a video, as a pure function of (seed, identity, instant).

Every answer is the ``data`` part of the provider's own; the envelope around it belongs to ``daemon.simulator.speech``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType

from daemon.simulator.bodies import (
    NOT_COLLECTED,
    Body,
    show_engagement,
    show_health,
    show_judgement,
    show_milestone,
    show_offence,
    show_video,
)
from daemon.simulator.nature import DAY, ENGAGEMENT, Nature
from daemon.simulator.scenarios import SCENARIOS, Scenario, find_scenario

__all__ = ["FAULTS", "PAGE_SIZE", "SCENARIOS", "World", "name_account"]

PAGE_SIZE = 20
"""Violation records on a page."""

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "timeout": "no answer until the client hangs up, at most 60 s",
        "slow": "the right answer, late",
        "http-500": "HTTP 500",
        "http-400-retry": "HTTP 400, upstream failed and nothing was billed",
        "rate-limited": "HTTP 429 with Retry-After",
        "balance-402": "HTTP 402, the balance is used up",
        "balance-403": "HTTP 403, the balance is used up",
        "scope-403": "HTTP 403, the key may not use this route",
        "cloudflare-1010": "HTTP 403 of the firewall in front of the provider",
        "not-found": "HTTP 404; a video is missing from its batch",
        "bad-json": "HTTP 200 and something that is almost JSON",
        "html": "HTTP 200 and a web page",
        "truncated": "HTTP 200 and half of the answer",
        "huge-body": "HTTP 200 and 6 MiB",
        "empty-200": "HTTP 200 and no data",
        "cookie-expired": "HTTP 200 and no data, only where a cookie is needed",
        "inner-code": "HTTP 200 around an error of the platform",
        "wrong-identity": "HTTP 200 and somebody else's numbers",
    }
)
"""Every fault by its name, with what a client sees of it."""

_COOKIE_PREFIX = "sim-cookie:"
_APPEAL_WINDOW = timedelta(days=30)
_HIGHEST_POINTS = 24  # a score above it belongs to the other scheme, the Creator Health Rating
_VIDEO_AGE = timedelta(days=45)


def name_account(cookie: str) -> str:
    """The account a cookie logs in: what follows ``sim-cookie:``, or a stable name for any other text."""
    if cookie.startswith(_COOKIE_PREFIX):
        return cookie.removeprefix(_COOKIE_PREFIX)
    return "account-" + hashlib.sha256(cookie.encode()).hexdigest()[:10]


@dataclass(slots=True, kw_only=True)
class World:
    """Who lives which story, and which faults the provider has.

    ``scenarios`` and ``faults`` map an identity (account name, user id, video id; "*" for everybody) to a name in
    ``SCENARIOS`` and ``FAULTS``; they may be changed at any time. An identity without a story lives the one whose name
    it contains, else the calm one. ``started`` is aware; stories move on every ``step``, and time runs ``speed`` times
    faster than ``at``. ``slow_s`` is how late the fault "slow" is, in seconds. Unknown names are a ``ValueError`` here.
    """

    started: datetime
    seed: int = 1
    scenarios: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    step: timedelta = timedelta(hours=12)
    speed: float = 1.0
    slow_s: float = 2.0
    _nature: Nature = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.scenarios, self.faults = dict(self.scenarios), dict(self.faults)
        self._nature = Nature(self.seed, self.started)
        unknown = {*self.scenarios.values()} - {*SCENARIOS} | {*self.faults.values()} - {*FAULTS}
        if unknown:
            raise ValueError(f"no such scenario or fault: {', '.join(sorted(unknown))}")

    def clear(self) -> None:
        """Forget every given story and fault."""
        self.scenarios.clear()
        self.faults.clear()

    def scenario(self, identity: str) -> Scenario:
        """The story that ``identity`` lives."""
        given = self.scenarios.get(identity) or self.scenarios.get("*")
        return SCENARIOS[given] if given else find_scenario(identity)

    def fault(self, identities: Sequence[str]) -> str:
        """The fault that a call about ``identities`` meets, "" for none. One faulty target spoils its whole call."""
        return next((self.faults[one] for one in (*identities, "*") if one in self.faults), "")

    def health(self, identity: str, at: datetime) -> Body:
        """``get_account_health_status``: the violation score of one account."""
        return show_health(self._scores(identity, self._then(at))[-1])

    def violations(self, identity: str, page: int, at: datetime) -> Body:
        """``get_account_violation_list``: one page (from 1) of the records, the newest first."""
        records = list(self._records(identity, self._then(at)))
        end = page * PAGE_SIZE
        return {
            "records": records[end - PAGE_SIZE : end],
            "total": len(records),
            "has_more": end < len(records),
            "start_time": int((at - 90 * DAY).timestamp()),
            "end_time": int(at.timestamp()),
            "creator_status": 0,
        }

    def diagnosis(self, identity: str, at: datetime) -> Body:
        """``fetch_author_diagnosis``: five dimensions, new at every noon of Shanghai and constant between."""
        dimensions = self._nature.diagnosis(self.scenario(identity), identity, self._then(at))
        dimensions["Interact"] |= {"SimilarCount": 1_494_654_282, "SimilarValue": 0.0909}
        return {"code": 0, "data": dimensions}

    def creator(self, identity: str, at: datetime) -> Body:
        """``fetch_creator_info_and_milestones``: followers and likes of one user id; 0 where they are hidden."""
        story, then = self.scenario(identity), self._then(at)
        handle = f"creator.{identity[-6:]}"
        return {
            "user_id": identity,
            "creator_info": {
                "avatar_url": f"https://example.invalid/avatar/{identity}.webp",
                "follower_count": 0 if story.hidden else self._nature.followers(story, identity, then),
                "like_count": 0 if story.hidden else self._nature.likes(story, identity, then),
                "nickname": handle.title(),
                "sec_user_id": "MS4wLjABAAAA" + self._nature.digits("secret", identity),
                "unique_id": handle,
            },
            "milestones": [
                show_milestone(2, "Reached 1 thousand followers"),
                show_milestone(1, "Started posting on TikTok"),
            ],
        }

    def fake_views(self, identity: str, category: str, at: datetime) -> Body:
        """``detect_fake_views``: the judgement of one video. Scores are 0 to 100, the percentage is a percent."""
        story, then = self.scenario(identity), self._then(at)
        views, score = self._nature.views(story, identity, then), self._fake_score(identity, then)
        return {
            "video_metrics": show_engagement(views, self._reactions(identity, views)),
            "creator_metrics": {
                "account_age_days": round(900 + (then - self.started) / DAY, 2),
                "follower_count": self._nature.followers(story, identity, then),
                "verified": False,
                "trust_score": round(100 - score / 2),
            },
            "content_metrics": {"content_type": "video", "created_by_ai": False, "high_quality_upload": True},
            **show_judgement(score, views, category),
        }

    def videos(self, identities: Sequence[str], at: datetime) -> list[Body]:
        """KeyAPI's analytics: a row for each video, but none for one that is not found."""
        return [self._video(one, self._then(at)) for one in identities if self.fault([one]) != "not-found"]

    # ``then`` is an instant of the world's own time, which may run faster than the callers' ``at``.

    def _then(self, at: datetime) -> datetime:
        return self.started + (at - self.started) * self.speed

    def _unix_s(self, then: datetime) -> int:
        """When the callers' clock shows ``then``."""
        return int((self.started + (then - self.started) / self.speed).timestamp())

    def _step(self, then: datetime) -> int:
        return max(0, (then - self.started) // self.step)

    def _scores(self, identity: str, then: datetime) -> Sequence[int]:
        """The violation scores of all steps until ``then``."""
        own = (int(4 * self._nature.chance("points", identity)),)
        return (self.scenario(identity).scores or own)[: self._step(then) + 1]

    def _offences(self, identity: str, then: datetime) -> Iterator[datetime]:
        """When each violation so far happened, the oldest first: one for every three points of a step."""
        story = self.scenario(identity)
        for past in range(story.settled, 0, -1):
            yield self.started - (100 + past) * DAY
        for step, (before, score) in enumerate(pairwise((0, *self._scores(identity, then)))):
            since = self.started + step * self.step if step else self.started - story.offence_age
            yield from [since] * (math.ceil((score - before) / 3) if score <= _HIGHEST_POINTS else 0)

    def _records(self, identity: str, then: datetime) -> Iterator[Body]:
        scored = self._scores(identity, then)[-1] > 0
        for number, since in reversed([*enumerate(self._offences(identity, then))]):
            deadline = since + _APPEAL_WINDOW
            yield {
                "record_id": self._nature.digits("record", identity, number),
                "violation_time": self._unix_s(since),
                "violation_info": show_offence(number, self._nature.digits("content", identity, number)),
                "record_status": 1 if scored else 2,  # only 1 is documented; 2 stands for "any other"
                "appeal_status": 0,
                "enforcement_title": ["Violation points assigned", "Commission withheld"],
                "appeal_valid_time": self._unix_s(deadline),
                "can_appeal": scored and then < deadline,
            }

    def _fake_score(self, identity: str, then: datetime) -> float:
        calm = round(self._nature.between(3, 18, "fake", identity, (then - self.started) // DAY), 2)
        return (self.scenario(identity).fake_scores or (calm,))[: self._step(then) + 1][-1]

    def _reactions(self, identity: str, views: int) -> dict[str, int]:
        return {kind: self._nature.reactions(kind, identity, views) for kind in ENGAGEMENT}

    def _video(self, identity: str, then: datetime) -> Body:
        created_s = self._unix_s(self.started - _VIDEO_AGE)
        user_id = self._nature.digits("user", identity)
        return show_video(identity, user_id, created_s, self._counts(identity, then))

    def _counts(self, identity: str, then: datetime) -> dict[str, int]:
        """The numbers of a KeyAPI row, some favorites not collected."""
        story = self.scenario(identity)
        views = self._nature.views(story, identity, then)
        reactions = self._reactions(identity, views)
        counts = {
            "total_comments_cnt": reactions["comments"],
            "total_digg_cnt": reactions["likes"],
            "total_favorites_cnt": reactions["favorites"],
            "total_shares_cnt": reactions["shares"],
            "total_video_sale_cnt": views // 2_000,
            "total_video_sale_gmv_amt": 12 * (views // 2_000),
            "total_views_cnt": views,
        }
        for days in (1, 7, 30):
            before = self._nature.views(story, identity, then - days * DAY)
            counts[f"total_views_{days}d_cnt"] = views - before
            counts[f"total_digg_{days}d_cnt"] = reactions["likes"] - self._nature.reactions("likes", identity, before)
        if self._nature.chance("collected", identity) < 0.25:
            counts["total_favorites_cnt"] = NOT_COLLECTED
        return counts
