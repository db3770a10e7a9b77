"""The documented routes that the simulator answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from daemon.simulator.bodies import Body
from daemon.simulator.speech import KeyApi, Parameters, Refusal, Speech, TikHub
from daemon.simulator.world import World, name_account

BATCH = 10
"""Videos that one call may name."""

Answer = Callable[[World, Sequence[str], Parameters, datetime], object]
"""(the world, whom the call is about, its parameters, now) -> the data."""

Problem = tuple[int, Body]
"""Status and body of the refusal of a malformed call."""


@dataclass(frozen=True, slots=True)
class Route:
    """One documented route. ``named`` is the required parameter that says whom the call is about."""

    method: str
    path: str
    named: str
    speech: Speech
    answer: Answer
    defaults: Parameters = field(default_factory=dict)

    @property
    def needs_cookie(self) -> bool:
        """Whether the target is whoever the cookie logs in."""
        return self.named == "cookie"

    def identities(self, params: Parameters) -> list[str]:
        """Whom the call is about; empty if it does not say."""
        named = params.get(self.named, "")
        if self.needs_cookie:
            return [name_account(named)] if named else []
        return [one for one in named.split(",") if one]

    def refuse(self, refusal: Refusal, params: Parameters, at: datetime) -> Problem:
        """A refusal in the provider's words."""
        return refusal.status, self.speech.refuse(refusal, self.path, params, at)

    def check(self, params: Parameters, at: datetime) -> Problem | None:
        """What is wrong with the parameters: KeyAPI says it with HTTP 400, TikHub with 422."""
        named = len(self.identities(params))
        if isinstance(self.speech, KeyApi):
            words = f"At most {BATCH} {self.named}" if named else f"Missing required parameter: {self.named}"
            return None if 1 <= named <= BATCH else self.refuse(Refusal(400, words, words, words), params, at)
        if not named:
            return self._invalid(self.named, "Field required", "missing")
        page = params.get("page", "1")
        if not (page.isdecimal() and int(page) >= 1):
            return self._invalid("page", "Input should be greater than or equal to 1", "greater_than_equal")
        return None

    def _invalid(self, parameter: str, message: str, kind: str) -> Problem:
        place = "body" if self.method == "POST" else "query"
        return 422, {"detail": [{"loc": [place, parameter], "msg": message, "type": kind}]}


_TIKTOK = "/api/v1/tiktok"

ROUTES: Mapping[str, Route] = {
    route.path: route
    for route in (
        Route(
            "POST",
            f"{_TIKTOK}/creator/get_account_health_status",
            "cookie",
            TikHub(),
            lambda world, who, _params, at: world.health(who[0], at),
            {"proxy": ""},
        ),
        Route(
            "POST",
            f"{_TIKTOK}/creator/get_account_violation_list",
            "cookie",
            TikHub(),
            lambda world, who, params, at: world.violations(who[0], int(params["page"]), at),
            {"page": "1", "proxy": ""},
        ),
        Route(
            "POST",
            "/api/v1/douyin/creator_v2/fetch_author_diagnosis",
            "cookie",
            TikHub(),
            lambda world, who, _params, at: world.diagnosis(who[0], at),
        ),
        Route(
            "GET",
            f"{_TIKTOK}/analytics/fetch_creator_info_and_milestones",
            "user_id",
            TikHub(),
            lambda world, who, _params, at: world.creator(who[0], at),
        ),
        Route(
            "GET",
            f"{_TIKTOK}/analytics/detect_fake_views",
            "item_id",
            TikHub(),
            lambda world, who, params, at: world.fake_views(who[0], params["content_category"], at),
            {"content_category": "default"},
        ),
        Route(
            "GET",
            "/v1/tiktok/video/detail/analytics",
            "video_ids",
            KeyApi(),
            lambda world, who, _params, at: world.videos(who, at),
        ),
    )
}
"""Every route by its path; any other path is a 404."""
