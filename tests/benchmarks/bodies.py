"""The provider's answers, from the documented samples: whole envelopes, for any id, with counters that grow."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).parents[2]
FAKE_VIEWS = "detect_fake_views"
CREATOR_INFO = "fetch_creator_info_and_milestones"


def _sample(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "samples" / f"{name}.json").read_text())


class Answers:
    """Answers by endpoint and id. Each answer is one step later in the life of its subject, from step ``first`` on."""

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._asked: Counter[str] = Counter()
        envelope = _sample("_envelope.success")
        self._samples = {
            name: copy.deepcopy(envelope | _sample(f"tiktok_analytics.{name}")) for name in (FAKE_VIEWS, CREATOR_INFO)
        }

    def body(self, endpoint: str, subject: str) -> bytes:
        """The next answer of ``endpoint`` about ``subject``, compact JSON."""
        step = self._first + self._asked[subject]
        self._asked[subject] += 1
        answer = self._samples[endpoint]
        answer["time_stamp"] = 1_763_531_964 + step
        fill = _fill_fake_views if endpoint == FAKE_VIEWS else _fill_creator
        fill(answer, subject, step)
        return orjson.dumps(answer)


def grown(subject: str, step: int, per_step: int) -> int:
    """A counter of ``subject``: it never falls, and no two of its steps need be the same."""
    seed = int(subject) * 2_654_435_761 % 2**32
    return seed % 1_000_000 + 10_000 + step * (per_step + seed % per_step) + (step * seed >> 7) % per_step


def _fill_fake_views(answer: dict[str, Any], video_id: str, step: int) -> None:
    answer["params"] = {"item_id": video_id, "content_category": "default"}
    views = grown(video_id, step, 997)
    metrics, analysis = answer["data"]["video_metrics"], answer["data"]["fake_view_analysis"]
    metrics["total_views"], metrics["total_likes"] = views, views // 11
    metrics["total_comments"], metrics["total_shares"] = views // 401, views // 127
    metrics["total_favorites"] = views // 153
    metrics["engagement_rates"]["like_ratio"] = round(metrics["total_likes"] / views, 5)
    analysis["estimated_fake_views"] = views // 20
    analysis["fake_score"] = round(7 + views % 500 / 100, 2)
    answer["data"]["traffic_pool"]["estimated_organic_views"] = views - views // 20


def _fill_creator(answer: dict[str, Any], uid: str, step: int) -> None:
    answer["params"] = {"user_id": uid}
    answer["data"]["user_id"] = uid
    followers = grown(uid, step, 89)
    answer["data"]["creator_info"] |= {"follower_count": followers, "like_count": followers * 4}
