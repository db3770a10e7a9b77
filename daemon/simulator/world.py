"""The simulated world: what is true of an account or a video, as a pure function of (seed, identity, instant).

Every answer is the ``data`` part of the provider's own; the envelope around it belongs to ``daemon.simulator.speech``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from daemon.simulator.library import Clip, Library
from daemon.simulator.nature import DAY, ENGAGEMENT, Nature
from daemon.simulator.people import People, Person
from daemon.simulator.scenarios import NO_SURGE, SCENARIOS, Scenario, find_scenario

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
        "cookie-401": "HTTP 401, only where a cookie is needed",
        "cookie-428": "HTTP 428, only where a cookie is needed",
        "inner-code": "HTTP 200 around an error of the platform",
        "wrong-identity": "HTTP 200 and somebody else's numbers",
        "field-gone": "HTTP 200, and the main number is missing",
        "field-text": 'HTTP 200, and the main number is the text "n/a"',
        "scale-100": "HTTP 200, and the main number is 100 times as large",
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

    ``scenarios`` and ``faults`` map an identity (any name of an account, a video id; "*" for everybody) to a name in
    ``SCENARIOS`` and ``FAULTS``; they may be changed at any time. An identity without a story lives the one whose name
    it contains, else the calm one. ``handles`` maps the other names of an account to its uid (or to its handle): see
    ``People``. ``started`` is aware; stories move on every ``step``, and time runs ``speed`` times faster than ``at``.
    ``slow_s`` is how late the fault "slow" is, in seconds. Unknown names are a ``ValueError`` here.
    """

    started: datetime
    seed: int = 1
    scenarios: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    step: timedelta = timedelta(hours=12)
    speed: float = 1.0
    slow_s: float = 2.0
    nature: Nature = field(init=False, repr=False)
    people: People = field(init=False, repr=False)
    _library: Library = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.scenarios, self.faults = dict(self.scenarios), dict(self.faults)
        self.nature, self.people = Nature(self.seed, self.started), People(self.handles)
        self._library = Library(self.nature, self.speed)
        unknown = {*self.scenarios.values()} - {*SCENARIOS} | {*self.faults.values()} - {*FAULTS}
        if unknown:
            raise ValueError(f"no such scenario or fault: {', '.join(sorted(unknown))}")

    def clear(self) -> None:
        """Forget every given story and fault."""
        self.scenarios.clear()
        self.faults.clear()

    def person(self, name: str) -> Person:
        """The names of an account that has this one."""
        return self.people.describe(self.people.identify(name))

    def scenario(self, identity: str) -> Scenario:
        """The story that ``identity`` lives."""
        given = self._given(self.scenarios, (identity,)) or self.scenarios.get("*")
        return SCENARIOS[given] if given else find_scenario(identity)

    def fault(self, identities: Sequence[str]) -> str:
        """The fault that a call about ``identities`` meets, "" for none. One faulty target spoils its whole call."""
        return self._given(self.faults, identities) or self.faults.get("*", "")

    def _given(self, names: Mapping[str, str], identities: Iterable[str]) -> str:
        if not names:
            return ""
        known = (name for identity in identities for name in self.people.names(identity))
        return next((names[name] for name in known if name in names), "")

    def shows(self, video_id: str, *, to_owner: bool) -> bool:
        """Whether a video can be seen: it was not removed, and is not private."""
        story = self.scenario(video_id)
        return not story.gone and (to_owner or not story.hidden)

    def library(self, account: str, since: datetime, until: datetime) -> list[Clip]:
        """What an account published from ``since`` to ``until`` and was not removed, the newest first."""
        clips = self._library.published(account, since, until)
        return [clip for clip in clips if self.shows(clip.video_id, to_owner=True)]

    def followers(self, account: str, at: datetime) -> int:
        """Followers; 0 where they are hidden."""
        story = self.scenario(account)
        return 0 if story.hidden else self.nature.followers(story, account, self.then(at))

    def likes(self, account: str, at: datetime) -> int:
        """Likes of all videos; 0 where they are hidden."""
        story = self.scenario(account)
        return 0 if story.hidden else self.nature.likes(story, account, self.then(at))

    def views(self, account: str, at: datetime) -> int:
        """Views of all videos of an account together."""
        return self.nature.views(self.scenario(account), account, self.then(at))

    def counts(self, video_id: str, at: datetime, owner: str = "") -> dict[str, int]:
        """Views, likes, comments, favorites and shares of a video; ``owner`` is its account, where that is known."""
        return self._counts(video_id, self.then(at), owner)

    def born(self, video_id: str) -> datetime:
        """When a video was published, by the callers' clock; 45 days before the start where its id does not tell."""
        return self._library.born(video_id) or self.started - _VIDEO_AGE / self.speed

    def is_literal(self, identity: str) -> bool:
        """Whether answers about ``identity`` are nested as documented, and not as observed: the same for ever."""
        return self.nature.chance("nesting", identity) < 0.5

    def health(self, identity: str, at: datetime) -> Body:
        """``get_account_health_status``: the violation score of one account."""
        return show_health(self._scores(identity, self.then(at))[-1])

    def violations(self, identity: str, page: int, at: datetime) -> Body:
        """``get_account_violation_list``: one page (from 1) of the records, the newest first."""
        records = list(self._records(identity, self.then(at)))
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
        dimensions = self.nature.diagnosis(self.scenario(identity), identity, self.then(at))
        dimensions["Interact"] |= {"SimilarCount": 1_494_654_282, "SimilarValue": 0.0909}
        return {"code": 0, "data": dimensions}

    def creator(self, identity: str, at: datetime) -> Body:
        """``fetch_creator_info_and_milestones``: followers and likes of one account; 0 where they are hidden."""
        person, literal = self.person(identity), self.is_literal(identity)
        return {
            "user_id": person.uid,
            "creator_info": {
                "avatar_url": f"https://example.invalid/avatar/{person.uid}.webp",
                "follower_count": self.followers(identity, at),
                "like_count": self.likes(identity, at),
                "nickname": person.handle.title(),
                "sec_user_id": person.sec_uid,
                "unique_id": person.handle,
            },
            "milestones": [
                show_milestone(2, "Reached 1 thousand followers", literal),
                show_milestone(1, "Started posting on TikTok", literal),
            ],
        }

    def fake_views(self, identity: str, category: str, at: datetime) -> Body:
        """``detect_fake_views``: the judgement of one video. Scores are 0 to 100, the percentage is a percent."""
        then, counts = self.then(at), self.counts(identity, at)
        views, score = counts.pop("views"), self._fake_score(identity, then)
        return {
            "video_metrics": show_engagement(views, counts),
            "creator_metrics": {
                "account_age_days": round(900 + (then - self.started) / DAY, 2),
                "follower_count": self.nature.followers(self.scenario(identity), identity, then),
                "verified": False,
                "trust_score": round(100 - score / 2),
            },
            "content_metrics": {"content_type": "video", "created_by_ai": False, "high_quality_upload": True},
            **show_judgement(score, views, category),
        }

    def videos(self, identities: Sequence[str], at: datetime) -> list[Body]:
        """KeyAPI's analytics: a row for each video, but none for one that is not found."""
        found = (one for one in identities if self.fault([one]) != "not-found")
        return [self._row(one, self.then(at)) for one in found if self.shows(one, to_owner=False)]

    def then(self, at: datetime) -> datetime:
        """The instant of the world's own time when the callers' clock shows ``at``."""
        return self.started + (at - self.started) * self.speed

    def unix_s(self, then: datetime) -> int:
        """When the callers' clock shows ``then``."""
        return int((self.started + (then - self.started) / self.speed).timestamp())

    def _step(self, then: datetime) -> int:
        return max(0, (then - self.started) // self.step)

    def _scores(self, identity: str, then: datetime) -> Sequence[int]:
        """The violation scores of all steps until ``then``."""
        own = (int(4 * self.nature.chance("points", identity)),)
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
                "record_id": self.nature.digits("record", identity, number),
                "violation_time": self.unix_s(since),
                "violation_info": show_offence(number, self.nature.digits("content", identity, number)),
                "record_status": 1 if scored else 2,  # only 1 is documented; 2 stands for "any other"
                "appeal_status": 0,
                "enforcement_title": ["Violation points assigned", "Commission withheld"],
                "appeal_valid_time": self.unix_s(deadline),
                "can_appeal": scored and then < deadline,
            }

    def _fake_score(self, identity: str, then: datetime) -> float:
        calm = round(self.nature.between(3, 18, "fake", identity, (then - self.started) // DAY), 2)
        return (self.scenario(identity).fake_scores or (calm,))[: self._step(then) + 1][-1]

    def _counts(self, video_id: str, then: datetime, owner: str = "") -> dict[str, int]:
        story = self._story(video_id, owner)
        born = self._library.born(video_id)
        views = self.nature.views(story, video_id, then, born and self.then(born))
        return {"views": views} | {kind: self.nature.reactions(kind, video_id, views) for kind in ENGAGEMENT}

    def _story(self, video_id: str, owner: str) -> Scenario:
        """A video's own story, or that of an account whose video it is that goes viral."""
        given = ((account, SCENARIOS[name]) for account, name in self.scenarios.items())
        for account, story in [(owner, self.scenario(owner))] if owner else given:
            if story.views is not NO_SURGE and self._goes_viral(video_id, self.people.identify(account), story):
                return story
        return self.scenario(video_id)

    def _goes_viral(self, video_id: str, account: str, story: Scenario) -> bool:
        """It is the newest one when the views surge."""
        surge = self.started + story.views.after / self.speed
        newest = self._library.published(account, surge - 4 * DAY / self.speed, surge)[:1]
        return any(clip.video_id == video_id for clip in newest)

    def _row(self, video_id: str, then: datetime) -> Body:
        """A row of KeyAPI, some favorites not collected."""
        counts = self._counts(video_id, then)
        numbers = {
            "total_comments_cnt": counts["comments"],
            "total_digg_cnt": counts["likes"],
            "total_favorites_cnt": counts["favorites"],
            "total_shares_cnt": counts["shares"],
            "total_video_sale_cnt": counts["views"] // 2_000,
            "total_video_sale_gmv_amt": 12 * (counts["views"] // 2_000),
            "total_views_cnt": counts["views"],
        }
        for days in (1, 7, 30):
            before = self._counts(video_id, then - days * DAY)
            numbers[f"total_views_{days}d_cnt"] = counts["views"] - before["views"]
            numbers[f"total_digg_{days}d_cnt"] = counts["likes"] - before["likes"]
        if self.nature.chance("collected", video_id) < 0.25:
            numbers["total_favorites_cnt"] = NOT_COLLECTED
        created_s = int(self.born(video_id).timestamp())
        return show_video(video_id, self.nature.digits("user", video_id), created_s, numbers)
