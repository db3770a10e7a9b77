from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from daemon.simulator.catalogue import ROUTES
from daemon.simulator.faults import HUGE_BYTES, RETRY_AFTER_S
from daemon.simulator.world import FAULTS

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
STEP = timedelta(hours=12)

HEALTH = "/api/v1/tiktok/creator/get_account_health_status"
VIOLATIONS = "/api/v1/tiktok/creator/get_account_violation_list"
DIAGNOSIS = "/api/v1/douyin/creator_v2/fetch_author_diagnosis"
CREATOR = "/api/v1/tiktok/analytics/fetch_creator_info_and_milestones"
FAKE_VIEWS = "/api/v1/tiktok/analytics/detect_fake_views"
VIDEOS = "/v1/tiktok/video/detail/analytics"
KEY = "sk-of-a-test"
JSON_PATHS = [path for path, route in ROUTES.items() if not route.header]

ENVELOPE = (
    {"code", "request_id", "message", "message_zh", "support", "time", "time_stamp", "time_zone", "docs", "router"}
    | {"cache_message", "cache_message_zh", "cache_url"}
    | {"params", "data"}
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


# --- what the wire looks like ---------------------------------------------------------------------------------------


async def test_a_tikhub_answer_carries_the_whole_envelope_and_echoes_the_cookie(site):
    answer = (await site.ask(VIOLATIONS, "ann", page=1)).json()

    assert set(answer) == ENVELOPE
    assert answer["params"] == {"cookie": "sim-cookie:ann", "page": "1", "proxy": ""}
    assert (answer["code"], answer["router"], answer["time_stamp"]) == (200, VIOLATIONS, int(STARTED.timestamp()))
    assert answer["time"] == "2026-03-01 16:00:00"
    assert answer["request_id"] in answer["cache_url"]


async def test_keyapi_answers_a_batch_in_its_own_envelope(site):
    ids = [str(7_100_000_000_000_000_000 + n) for n in range(10)]

    answer = (await site.ask(VIDEOS, ",".join(ids))).json()

    assert (set(answer), answer["code"]) == ({"code", "message", "data", "requestId"}, 0)
    assert [row["video_id"] for row in answer["data"]] == ids
    assert all(isinstance(row["create_time"], str) for row in answer["data"])


async def test_a_batch_of_eleven_videos_is_refused(site):
    answer = await site.ask(VIDEOS, ",".join(map(str, range(11))))

    assert (answer.status_code, answer.json()["code"]) == (400, 400)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("header", ["", "Bearer", f"Basic {KEY}", "Bearer wrong-key"])
async def test_a_call_without_a_right_key_is_401(site, path, header):
    answer = await site.client.request(ROUTES[path].method, path, headers={"Authorization": header})

    assert answer.status_code == 401


async def test_tikhub_echoes_the_wrong_key_and_keyapi_does_not(site):
    wrong = {"Authorization": "Bearer wrong-key"}

    tikhub = await site.client.get(CREATOR, params={"user_id": "1"}, headers=wrong)
    keyapi = await site.client.get(VIDEOS, params={"video_ids": "1"}, headers=wrong)

    assert "wrong-key" in tikhub.json()["detail"]["message"]
    assert keyapi.json() == {"code": 401, "data": None, "message": "apiKey is null"}


@pytest.mark.parametrize(
    ("path", "place", "name"),
    [
        (HEALTH, "body", "cookie"),
        (VIOLATIONS, "body", "cookie"),
        (DIAGNOSIS, "body", "cookie"),
        (CREATOR, "query", "user_id"),
        (FAKE_VIEWS, "query", "item_id"),
    ],
)
async def test_a_missing_parameter_is_422(site, path, place, name):
    route = ROUTES[path]

    answer = await site.client.request(route.method, path)

    assert answer.status_code == 422
    assert answer.json() == {"detail": [{"loc": [place, name], "msg": "Field required", "type": "missing"}]}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"cookie": null}'])
async def test_a_body_without_a_cookie_is_422(site, body):
    assert (await site.client.post(HEALTH, content=body)).status_code == 422


@pytest.mark.parametrize("page", [0, -1, "x", ""])
async def test_a_page_before_the_first_is_422(site, page):
    answer = await site.ask(VIOLATIONS, "ann", page=page)

    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "page"])


async def test_keyapi_says_a_missing_parameter_with_400(site):
    answer = await site.client.get(VIDEOS)

    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "data": None, "message": "Missing required parameter: video_ids"}


async def test_an_unknown_path_is_not_found_and_not_counted(site):
    answer = await site.client.get("/api/v1/douyin_creator_v2/fetch_author_diagnosis")

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    assert not site.simulator.calls


async def test_the_wrong_method_is_405(site):
    assert (await site.client.get(HEALTH)).status_code == 405


async def test_calls_are_counted_and_remembered_by_identity_not_by_cookie(site):
    await site.ask(HEALTH, "ann")
    await site.ask(HEALTH, "ben")
    await site.ask(VIDEOS, "1,2")

    assert site.simulator.calls == {HEALTH: 2, VIDEOS: 1}
    assert [*site.simulator.requests] == [(HEALTH, "ann"), (HEALTH, "ben"), (VIDEOS, "1,2")]


async def test_every_answered_call_is_kept_with_its_status_and_its_price(site):
    site.world.faults["ben"] = "http-500"
    await site.ask(FAKE_VIEWS, "1")
    site.at += STEP
    await site.ask(HEALTH, "ben")
    await site.client.get(FAKE_VIEWS)

    assert [*site.simulator.answered] == [
        (STARTED, FAKE_VIEWS, "1", 200, Decimal("0.01")),
        (STARTED + STEP, HEALTH, "ben", 500, 0),
        (STARTED + STEP, FAKE_VIEWS, "", 422, 0),
    ]
    assert site.simulator.answered.maxlen == 200_000


async def test_records_come_twenty_a_page_each_once(site):
    pages = [(await site.ask(VIOLATIONS, "long-history-1", page=page)).json()["data"] for page in (1, 2, 3, 4)]

    assert [len(page["records"]) for page in pages] == [20, 20, 5, 0]
    assert [page["has_more"] for page in pages] == [True, True, False, False]
    records = [record for page in pages for record in page["records"]]
    assert len({record["record_id"] for record in records}) == pages[0]["total"] == 45
    times = [record["violation_time"] for record in records]
    assert times == sorted(times, reverse=True)


async def test_the_answers_follow_the_clock(site):
    before = (await site.ask(HEALTH, "violation-ladder-1")).json()["data"]["violation_score"]
    site.at += STEP
    after = (await site.ask(HEALTH, "violation-ladder-1")).json()["data"]["violation_score"]

    assert (before, after) == (6, 9)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("http-500", 500, "Internal server error."),
        ("http-400-retry", 400, "Please retry"),
        ("balance-402", 402, "Insufficient balance"),
        ("balance-403", 403, "Insufficient balance"),
        ("scope-403", 403, "lacks permission"),
        ("not-found", 404, "does not exist"),
    ],
)
async def test_tikhub_refuses_with_a_table_under_detail(site, fault, status, words):
    site.world.faults["*"] = fault

    answer = await site.ask(HEALTH, "ann")

    assert (answer.status_code, answer.json()["detail"]["code"]) == (status, status)
    assert words in answer.json()["detail"]["message"]
    assert answer.json()["detail"]["params"]["cookie"] == "sim-cookie:ann"


async def test_only_the_chinese_words_may_tell_an_empty_balance(site):
    site.world.faults["*"] = "balance-403"

    assert "余额" in (await site.ask(HEALTH, "ann")).json()["detail"]["message_zh"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("http-500", 500), ("http-400-retry", 400), ("rate-limited", 429), ("balance-402", 402), ("scope-403", 403)],
)
async def test_keyapi_refuses_with_a_code_and_no_request_id(site, fault, status):
    site.world.faults["2"] = fault

    answer = await site.ask(VIDEOS, "1,2,3")

    assert answer.status_code == status
    assert set(answer.json()) == {"code", "data", "message"}
    assert (answer.json()["code"], answer.json()["data"]) == (status, None)


async def test_the_rate_limit_says_when_to_come_back(site):
    site.world.faults["*"] = "rate-limited"

    answer = await site.ask(CREATOR, "1")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(RETRY_AFTER_S))
    assert answer.json() == {"detail": {"code": 429, "message": "Too Many Requests"}}


async def test_the_firewall_answers_with_a_text_under_detail(site):
    site.world.faults["*"] = "cloudflare-1010"

    answer = await site.ask(CREATOR, "1")

    assert (answer.status_code, answer.json()["error_code"]) == (403, 1010)
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize("fault", ["bad-json", "html", "truncated"])
@pytest.mark.parametrize("path", JSON_PATHS)
async def test_a_damaged_answer_is_complete_http_and_no_json(site, path, fault):
    site.world.faults["*"] = fault

    answer = await site.ask(path, "1")

    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter|decode|Extra data"):
        json.loads(answer.content)


async def test_a_web_page_says_that_it_is_one(site):
    site.world.faults["*"] = "html"

    assert (await site.ask(CREATOR, "1")).headers["content-type"].startswith("text/html")


async def test_a_huge_body_is_six_mebibytes_of_right_answer(site):
    site.world.faults["*"] = "huge-body"

    answer = await site.ask(CREATOR, "1")

    assert len(answer.content) > HUGE_BYTES == 6 * 2**20
    assert answer.json()["data"]["user_id"] == "1"


@pytest.mark.parametrize("path", ROUTES)
async def test_an_empty_answer_has_no_data_on_any_route(site, path):
    site.world.faults["*"] = "empty-200"

    answer = await site.ask(path, "1")

    assert answer.status_code == 200
    assert not answer.json().keys() - ENVELOPE - {"requestId"}
    assert not answer.json().get("data")


@pytest.mark.parametrize("path", ROUTES)
async def test_an_expired_cookie_empties_only_what_needs_a_cookie(site, path):
    site.world.faults["*"] = "cookie-expired"

    answer = await site.ask(path, "1")

    assert answer.status_code == 200
    assert (answer.json().get("data", "kept") is None) == ROUTES[path].cookie


@pytest.mark.parametrize("status", [401, 428])
@pytest.mark.parametrize("path", ROUTES)
async def test_a_refused_cookie_is_an_http_error_only_where_a_cookie_is_needed(site, path, status):
    site.world.faults["*"] = f"cookie-{status}"

    assert (await site.ask(path, "1")).status_code == (status if ROUTES[path].cookie else 200)


async def test_an_inner_code_is_an_error_under_http_200(site):
    site.world.faults["*"] = "inner-code"

    tikhub, keyapi = await site.ask(HEALTH, "ann"), await site.ask(VIDEOS, "1")

    assert (tikhub.status_code, tikhub.json()["code"], tikhub.json()["data"]["code"]) == (200, 200, 5)
    assert (keyapi.status_code, keyapi.json()["code"]) == (200, 500)


async def test_a_wrong_identity_shows_in_the_answer(site):
    site.world.faults["*"] = "wrong-identity"

    creator = (await site.ask(CREATOR, "71")).json()
    fake = (await site.ask(FAKE_VIEWS, "72")).json()
    videos = (await site.ask(VIDEOS, "73,74")).json()

    assert creator["data"]["user_id"] != "71"
    assert fake["params"]["item_id"] != "72"
    assert not {row["video_id"] for row in videos["data"]} & {"73", "74"}


async def test_a_video_that_is_not_found_is_missing_from_its_batch(site):
    site.world.faults["2"] = "not-found"

    answer = await site.ask(VIDEOS, "1,2,3")

    assert answer.status_code == 200
    assert [row["video_id"] for row in answer.json()["data"]] == ["1", "3"]


async def test_a_slow_answer_is_late_and_right(site):
    site.world.faults["*"] = "slow"
    before = time.perf_counter()

    answer = await site.ask(CREATOR, "1")

    assert time.perf_counter() - before >= 0.2
    assert answer.json()["data"]["user_id"] == "1"


async def test_a_timeout_lasts_until_the_client_hangs_up(site):
    site.world.faults["1"] = "timeout"

    with pytest.raises(httpx.ReadTimeout):
        await site.client.get(CREATOR, params={"user_id": "1"}, timeout=httpx.Timeout(60, read=0.2))

    assert (await site.ask(CREATOR, "2")).status_code == 200


@pytest.mark.parametrize("fault", ["slow", "timeout"])
async def test_a_call_is_counted_and_billed_once_as_it_comes_and_also_if_nobody_waits_for_its_answer(site, fault):
    site.world.faults["1"], before = fault, site.simulator.spent_usd

    hanging = asyncio.create_task(site.client.get(CREATOR, params={"user_id": "1"}, timeout=60))
    while not site.simulator.calls:
        assert not hanging.done()
        await asyncio.sleep(0)
    bills = [site.simulator.spent_usd - before]
    hanging.cancel()
    await site.ask(CREATOR, "2")

    assert [*bills, site.simulator.spent_usd - before] == [Decimal("0.001"), Decimal("0.002")]
    assert site.simulator.requests == [(CREATOR, "1"), (CREATOR, "2")]


async def test_a_fault_is_of_one_identity_and_can_be_cleared(site):
    site.world.faults["ann"] = "http-500"

    ann, ben = await site.ask(HEALTH, "ann"), await site.ask(HEALTH, "ben")
    site.world.clear()
    healed = await site.ask(HEALTH, "ann")

    assert (ann.status_code, ben.status_code, healed.status_code) == (500, 200, 200)


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"timeout", "slow", "huge-body"}))
async def test_no_fault_leaves_the_numbers_as_they_are(site, fault):
    right = (await site.ask(DIAGNOSIS, "ann")).text.partition('"data":')[2]
    site.world.faults["*"] = fault

    assert right.startswith("{")
    assert right not in (await site.ask(DIAGNOSIS, "ann")).text


# --- what a change of the provider's own does to a number -------------------------------------------------------------


async def diagnosis(site, fault=""):
    site.world.faults = {"ann": fault} if fault else {}
    return (await site.ask(DIAGNOSIS, "ann")).json()["data"]["data"]["PlayCnt"]


async def test_a_field_is_gone_and_the_others_stay(site):
    right, spoilt = await diagnosis(site), await diagnosis(site, "field-gone")

    assert right.pop("AuthorRank") > 0
    assert spoilt == right


async def test_a_number_becomes_a_text(site):
    right, spoilt = await diagnosis(site), await diagnosis(site, "field-text")

    assert spoilt == {**right, "AuthorRank": "n/a"}


async def test_a_fraction_becomes_a_percentage(site):
    right, spoilt = await diagnosis(site), await diagnosis(site, "scale-100")

    assert 0 < right["AuthorRank"] <= 1 < spoilt["AuthorRank"]
    assert spoilt == {**right, "AuthorRank": 100 * right["AuthorRank"]}


async def test_a_fraction_in_a_text_becomes_a_percentage_in_a_text(site):
    path = "/api/v1/tiktok/creator/get_video_audience_stats"

    async def shares():
        [segment] = (await site.ask(path, "7591000000000000000")).json()["data"]["segments"]
        return [group["value"] for group in segment["timed_profile"][0]["stats"]["follower_genders"]]

    right = await shares()
    site.world.faults["*"] = "scale-100"
    spoilt = await shares()

    assert [float(share) for share in spoilt] == pytest.approx([100 * float(share) for share in right])
    assert all(isinstance(share, str) for share in spoilt)
