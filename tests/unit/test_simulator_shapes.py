"""Every route of the provider documents, against the bodies that were recorded of it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from daemon.simulator.catalogue import ROUTES
from daemon.workbook import read_rows

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
SAMPLES = Path(__file__).parents[1] / "samples"
FAMILIES = {
    "tiktok_analytics": "/api/v1/tiktok/analytics/",
    "tiktok_creator": "/api/v1/tiktok/creator/",
    "douyin_creator": "/api/v1/douyin/creator_v2/",
    "douyin_web": "/api/v1/douyin/web/",
    "tiktok_app": "/api/v1/tiktok/app/v3/",
    "tiktok_web": "/api/v1/demo/tiktok/web/",
    "tikhub_user": "/api/v1/tikhub/user/",
}
KEYAPI = "/v1/tiktok/video/detail/analytics"
SHEET = "/api/v1/douyin/creator_v2/fetch_item_list_download"
BALANCE = "/api/v1/tikhub/user/get_user_info"
LISTING = "/api/v1/douyin/creator_v2/fetch_item_list"
SHOP = "/api/v1/tiktok/creator/"
NOT_SERVED = {
    "tikhub_user.get_user_daily_usage": "its fields are documented nowhere",
    "tiktok_web.fetch_user_profile.not_found": "an error of a route that is not asked",
    "keyapi.influencer_detail_analytics": "not asked",
    "keyapi.influencer_trends_analytics": "not asked",
    "keyapi.video_detail_analytics.empty": "an answer without rows",
    "douyin_creator.fetch_item_list_download": "a sheet",
}
OPTIONAL = (".data.mcn_report", ".data._note", ".data.data._note")
"""Documented as optional, or a note of whoever wrote the sample."""

STEPPED = {SHOP + "get_account_violation_list", "/api/v1/tiktok/analytics/detect_fake_views"}
"""What the stories show early only."""

VIDEO_IDS = [str((int(STARTED.timestamp()) - 86_400 * 40) << 32 | n) for n in range(12)]

pytestmark = pytest.mark.asyncio(loop_scope="module")


def samples():
    for file in sorted(SAMPLES.glob("*.json")):
        if not file.stem.startswith(("_", "keyapi._")) and file.stem not in NOT_SERVED:
            family, _, rest = file.stem.partition(".")
            yield file.stem, KEYAPI if family == "keyapi" else FAMILIES[family] + rest.removesuffix(".observed")


def shape(value, place=""):
    """The places of a JSON value and their types; of a list, those of its rows."""
    if isinstance(value, dict):
        return {found for name, inner in value.items() for found in shape(inner, f"{place}.{name}")}
    if isinstance(value, list) and value:
        return {found for inner in value for found in shape(inner, f"{place}[]")}
    return {(place, "number" if type(value) in (int, float) else type(value).__name__)}


def whose(path):
    """Identities enough that every wording has its turn."""
    return VIDEO_IDS if ROUTES[path].is_about_videos else [f"violation-ladder-{n}" for n in range(12)]


@pytest.mark.parametrize(("sample", "path"), [*samples()])
async def test_some_answer_has_every_place_of_the_recorded_sample(site, sample, path):
    site.world.scenarios["*"] = "fake-wave" if "fake" in path else "violation-ladder"
    site.at = STARTED + timedelta(days=1 if path in STEPPED else 10)
    body = json.loads((SAMPLES / f"{sample}.json").read_bytes())
    known = {key: body[key] for key in ("data", "api_key_data", "user_data") if key in body}

    answers = [(await site.ask(path, who)).json() for who in whose(path)]

    found = {place for answer in answers for place in shape(answer)}
    missing = shape(known) - found
    assert not {place for place in missing if not place[0].startswith(OPTIONAL) and not is_filled(place, found)}


def is_filled(place, found):
    """A place that is empty or null in the sample, and is not in the answer."""
    return place[1] in {"list", "NoneType"} and any(other.startswith(place[0]) for other, _ in found)


@pytest.mark.parametrize("path", [path for path in ROUTES if path not in (SHEET, BALANCE)])
async def test_the_same_question_at_the_same_time_has_the_same_answer(site, path):
    first, again = [(await site.ask(path, "1")).json() for _ in range(2)]

    changing = {"request_id", "requestId", "cache_url"}
    assert {key: first[key] for key in first.keys() - changing} == {key: again[key] for key in first.keys() - changing}


SEGMENTED = [
    *("get_account_insights_overview", "get_live_analytics_summary", "get_video_analytics_summary"),
    *("get_video_list_analytics", "get_product_analytics_list", "get_product_related_videos"),
    "get_video_associated_product_list",
]


@pytest.mark.parametrize("name", SEGMENTED)
async def test_the_two_nestings_of_segments_occur_by_turns_and_each_identity_keeps_its_own(site, name):
    first, again = [
        [frozenset(shape((await site.ask(SHOP + name, who)).json())) for who in whose(SHOP + name)] for _ in range(2)
    ]

    assert first == again
    assert len(set(first)) >= 2


async def test_the_months_stand_beside_the_days_of_the_observed_nesting_only(site):
    ask, path = site.ask, SHOP + "get_account_insights_overview"
    answers = [(await ask(path, f"ann-{n}", start_date="02-15-2026")).json()["data"] for n in range(12)]

    segments = {len(answer["segments"]): answer["segments"] for answer in answers}
    assert segments.keys() == {1, 2}
    [flat], (months, days) = segments[1], segments[2]
    assert all("stats" not in bucket for bucket in flat["timed_stats"])
    assert [len(months["timed_stats"]), len(days["timed_stats"])] == [2, 28]
    both = (days["timed_stats"], months["timed_stats"][1:])
    sums = [sum(bucket["stats"].get("product_show_cnt", 0) for bucket in buckets) for buckets in both]
    assert sums[0] == pytest.approx(sums[1], rel=0.01)


async def test_the_newest_days_have_no_numbers_yet(site):
    site.at = STARTED + timedelta(days=20)
    data = (await site.ask(SHOP + "get_video_analytics_summary", "ann")).json()["data"]

    buckets = data["segments"][-1]["timed_stats"]
    ends = [bucket["end_timestamp"] for bucket in buckets]
    assert [end for end, bucket in zip(ends, buckets, strict=True) if not bucket["stats"]] == ends[-2:]
    assert ends[-3] <= (site.at - timedelta(days=1)).timestamp()


async def test_without_a_date_the_answer_is_about_april_2025(site):
    cookie = {"cookie": "sim-cookie:ann"}
    answer = (await site.client.post(SHOP + "get_account_insights_overview", json=cookie)).json()

    assert answer["params"]["start_date"] == "04-01-2025"
    start_s = answer["data"]["segments"][-1]["time_selector"]["start_timestamp"]
    assert datetime.fromtimestamp(start_s, UTC) == datetime(2025, 4, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (SHOP + "get_account_insights_overview", "start_date", "2026-03-01"),
        (SHOP + "get_video_list_analytics", "page", "-1"),
        (SHOP + "get_product_analytics_list", "end_date", "03-01-2026"),
        (LISTING, "start_time", 1_772_409_600),
        (SHEET, "max_cursor", "today"),
        ("/api/v1/douyin/creator_v2/fetch_item_analysis_overview", "start_date", "2026-03-01"),
        ("/api/v1/douyin/creator_v2/fetch_item_analysis_overview", "primary_verticals", []),
        ("/api/v1/douyin/creator_v2/fetch_live_room_history_list", "start_date", "20260301"),
    ],
)
async def test_a_date_or_time_in_another_format_is_422(site, path, name, value):
    answer = await site.ask(path, "ann", **{name: value})

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", name])


async def test_the_showcase_is_cut_by_offset_and_count(site):
    pages = [
        (await site.ask(SHOP + "get_showcase_product_list", "ann", count=3, offset=offset)).json()["data"]["products"]
        for offset in (0, 3, 300)
    ]

    assert [len(page) for page in pages] == [3, 3, 0]
    assert len({product["product_id"] for page in pages for product in page}) == 6


async def test_products_come_25_a_page_from_page_0_on(site):
    async def page(who, number):
        answer = await site.ask(SHOP + "get_product_analytics_list", who, page=number)
        return answer.json()["data"]["segments"][0]["list_control"]["next_pagination"]

    turns = [await page(f"ann-{n}", 0) for n in range(12)]

    assert all(turn["has_more"] == (turn["total"] > 25) for turn in turns)
    assert {turn["has_more"] for turn in turns} == {True, False}


async def test_the_export_is_a_sheet_of_the_videos_that_the_list_has(site):
    listed = (await site.ask(LISTING, "ann", count=100)).json()["data"]["items"]

    answer = await site.ask(SHEET, "ann")

    assert answer.headers["content-type"].startswith("application/vnd.ms-excel")
    rows = read_rows(answer.content, most_rows=1000)
    assert [row["作品ID"] for row in rows] == [item["item_id"] for item in listed]
    assert [row["播放量"] for row in rows] == [item["metrics"]["play_count"] for item in listed]
    assert io.BytesIO(answer.content).read(2) == b"PK"


async def test_the_export_of_an_account_without_videos_is_a_sheet_with_a_header_alone(site):
    answer = await site.ask(SHEET, "ann", min_cursor=1_400_000_000_000, max_cursor=1_400_000_000_001)

    assert read_rows(answer.content, most_rows=1000) == []
