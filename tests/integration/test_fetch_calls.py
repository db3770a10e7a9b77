"""Whom a call asks, what its pages and targets come to, and which calls are never made."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from daemon.fetch import Fetcher, Service, check_base_url
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Asked, Reading, Reason
from daemon.providers.endpoint import Provider
from daemon.secrets import Secret

AT = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
TOKEN = "tk-Zx81qN-not-to-be-seen"
COOKIE = "sessionid=c00k1e-not-to-be-seen"
HEALTH = ENDPOINTS["get_account_health_status"]
VIOLATIONS = ENDPOINTS["get_account_violation_list"]
CREATOR = ENDPOINTS["fetch_creator_info_and_milestones"]
FAKE_VIEWS = ENDPOINTS["detect_fake_views"]
KEYAPI = ENDPOINTS["video_detail_analytics"]
ITEMS = ENDPOINTS["fetch_item_list"]
ME = Asked("tiktok/account/1", AT, uid="1", video_id="11")


def fetcher_to(url, token=TOKEN, **options):
    services = {provider: Service(url, Secret(token) if token else None) for provider in Provider}
    return Fetcher(services, **options)


def fetcher_in(handler, **options):
    return fetcher_to("https://api.tikhub.io", transport=httpx.MockTransport(handler), **options)


async def only_answer(fetcher, endpoint, cookie=COOKIE, at=AT):
    fetched = await fetcher.fetch(endpoint, [ME], cookie, at)
    await fetcher.close()
    return fetched.answers[ME.target_key]


async def answer_to(response, endpoint=HEALTH, cookie=COOKIE):
    return await only_answer(fetcher_in(lambda request: response), endpoint, cookie)


# --- what answers come to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "12", "X-RateLimit-Reset": "90"}, 12.0),
        ({"X-RateLimit-Reset": "90"}, 90.0),
        ({"X-RateLimit-Reset": str(AT.timestamp() + 30)}, 30.0),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"Retry-After": "Tue, 10 Mar 2026 08:02:05 GMT"}, 125.0),
        ({"Retry-After": "Tue, 10 Mar 2026 10:02:05 +0200"}, 125.0),
        ({"Retry-After": "Tue, 10 Mar 2026 08:02:05 -0000"}, 125.0),
        ({"Retry-After": "Tue, 10 Mar 2026 07:59:59 GMT"}, 0.0),
        ({"Retry-After": "Tue, 99 Mar 2026 08:02:05 GMT"}, None),
        ({"Retry-After": "0 Mar 0:0 2200000000"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_a_provider_that_wants_fewer_calls_says_for_how_long(headers, seconds):
    failure = await answer_to(httpx.Response(429, json={"detail": {"code": 429}}, headers=headers))
    assert (failure.reason, failure.retry_after_s) == (Reason.RATE_LIMITED, seconds)


@pytest.mark.parametrize("data", [None, {}, "", [], {"code": 0, "data": {}}, {"status_code": 0}])
async def test_an_answer_without_data_is_empty_and_says_that_it_may_be_the_cookie_where_there_is_one(data):
    answer = {"code": 200, "data": data}
    with_cookie = await answer_to(httpx.Response(200, json=answer), HEALTH)
    without = await answer_to(httpx.Response(200, json=answer), CREATOR, "")

    assert (with_cookie.reason, without.reason) == (Reason.EMPTY, Reason.EMPTY)
    assert ("cookie" in with_cookie.detail, "cookie" in without.detail) == (True, False)


async def test_a_diagnosis_without_dimensions_is_empty():
    answer = {"code": 200, "data": {"code": 0, "data": {"Other": 1}}}
    endpoint = ENDPOINTS["fetch_author_diagnosis"]

    assert (await answer_to(httpx.Response(200, json=answer), endpoint)).reason is Reason.EMPTY


async def test_a_401_says_that_it_may_be_the_cookie_where_there_is_one():
    with_cookie = await answer_to(httpx.Response(401, json={}))
    without = await answer_to(httpx.Response(401, json={}), CREATOR, "")

    assert (with_cookie.reason, without.reason) == (Reason.AUTH, Reason.AUTH)
    assert ("cookie" in with_cookie.detail, "cookie" in without.detail) == (True, False)


async def test_an_answer_about_another_video_is_refused():
    answer = {"code": 200, "params": {"item_id": "12"}, "data": {"fake_view_analysis": {"fake_score": 1}}}
    assert (await answer_to(httpx.Response(200, json=answer), FAKE_VIEWS, "")).reason is Reason.WRONG_IDENTITY


@pytest.mark.parametrize(
    ("name", "echo"), [("fetch_item_play_source", {"item_id": "12"}), ("fetch_item_overview_data", {"ids": "12"})]
)
async def test_an_answer_about_another_video_is_refused_also_where_the_call_named_it_in_its_body(name, echo):
    answer = {"code": 200, "params": {"cookie": COOKIE} | echo, "data": {"play_source": [], "items": []}}
    endpoint = ENDPOINTS[name]

    assert (await answer_to(httpx.Response(200, json=answer), endpoint)).reason is Reason.WRONG_IDENTITY
    answer["params"] = dict.fromkeys(echo, "11")
    assert isinstance(await answer_to(httpx.Response(200, json=answer), endpoint), Reading)


@pytest.mark.parametrize(
    "name", ["get_live_analytics_summary", "get_account_insights_overview", "get_video_list_analytics"]
)
async def test_an_account_that_has_nothing_to_tell_puts_no_cookie_in_doubt(name):
    answer = httpx.Response(200, json={"code": 200, "data": {"code": 0, "data": {"segments": []}}})
    assert isinstance(await answer_to(answer, ENDPOINTS[name]), Reading)


def page(number, more):
    row = {"record_id": str(number), "record_status": 1, "appeal_status": 0, "can_appeal": False}
    return {"code": 200, "data": {"records": [row], "total": 2, "has_more": more}}


async def fetch_violations(*answers):
    asked = []

    def handler(request):
        asked.append(json.loads(request.content)["page"])
        answer = answers[min(len(asked), len(answers)) - 1]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    fetcher = fetcher_in(handler)
    fetched = await fetcher.fetch(VIOLATIONS, [ME], COOKIE, AT)
    await fetcher.close()
    assert asked == list(range(1, fetched.calls + 1))
    return fetched


async def test_two_pages_are_one_reading():
    fetched = await fetch_violations(page(1, more=True), page(2, more=False))

    reading = fetched.answers[ME.target_key]
    assert fetched.calls == 2
    assert reading.values["violations_active", ()] == 2.0
    assert [record.id for record in reading.records] == ["1", "2"]


async def test_each_further_page_is_announced_before_it_is_asked_for():
    happened = []

    def handler(request):
        number = json.loads(request.content)["page"]
        happened.append(("asked", number))
        return httpx.Response(200, json=page(number, more=number < 3))

    async def before(number):
        happened.append(("announced", number))

    fetcher = fetcher_in(handler)
    await fetcher.fetch(VIOLATIONS, [ME], COOKIE, AT, before)
    await fetcher.close()
    assert happened == [("asked", 1), ("announced", 2), ("asked", 2), ("announced", 3), ("asked", 3)]


async def test_half_a_list_is_no_list():
    fetched = await fetch_violations(page(1, more=True), httpx.Response(500))

    assert fetched.answers[ME.target_key].reason is Reason.SERVER
    assert fetched.calls == 2


async def test_a_list_without_end_is_given_up():
    fetched = await fetch_violations(*(page(number, more=True) for number in range(60)))

    assert fetched.answers[ME.target_key].reason is Reason.BAD_PAYLOAD
    assert fetched.calls == 50


async def test_a_list_that_repeats_itself_is_not_paid_for_to_the_fiftieth_page():
    fetched = await fetch_violations(page(1, more=True))

    assert fetched.answers[ME.target_key].reason is Reason.BAD_PAYLOAD
    assert fetched.calls == 2


async def test_a_list_is_followed_by_the_cursor_of_the_page_before():
    cursors = []

    def handler(request):
        body = json.loads(request.content)
        cursors.append(body.get("cursor"))
        item = {"item_id": str(len(cursors)), "metrics": {"play_count": 5}}
        data = {"items": [item], "has_more": len(cursors) < 3, "cursor": len(cursors) * 10}
        return httpx.Response(200, json={"code": 200, "data": data})

    fetcher = fetcher_in(handler)
    fetched = await fetcher.fetch(ITEMS, [ME], COOKIE, AT)
    await fetcher.close()

    assert cursors == [None, 10, 20]
    assert fetched.calls == 3
    assert [video.video_id for video in fetched.answers[ME.target_key].videos.found] == ["1", "2", "3"]


async def test_a_list_that_takes_longer_than_a_lease_is_given_up(monkeypatch):
    monkeypatch.setattr("daemon.fetch.PAGING_S", -1.0)
    fetched = await fetch_violations(page(1, more=True), page(2, more=False))

    assert fetched.answers[ME.target_key].reason is Reason.TIMEOUT
    assert fetched.calls == 1


async def test_ten_videos_of_one_call_are_joined_by_their_ids():
    asked = [Asked(f"video/{i}", AT, video_id=str(i)) for i in range(10)]
    rows = [{"video_id": str(i), "total_views_cnt": i * 100} for i in (9, 3, 7, 1, 0, 2, 8)]
    urls = []

    def handler(request):
        urls.append(str(request.url))
        return httpx.Response(200, json={"code": 0, "message": "success", "data": rows, "requestId": "x"})

    fetcher = fetcher_in(handler)
    fetched = await fetcher.fetch(KEYAPI, asked, "", AT)
    await fetcher.close()

    views = {
        key: answer.values["views", ()] if isinstance(answer, Reading) else answer.reason
        for key, answer in fetched.answers.items()
    }
    assert views == {f"video/{i}": Reason.EMPTY if i in (4, 5, 6) else i * 100 for i in range(10)}
    assert (fetched.calls, len(urls)) == (1, 1)
    assert fetched.seconds >= 0


async def test_one_failure_is_the_failure_of_every_video_of_the_call():
    asked = [Asked(f"video/{i}", AT, video_id=str(i)) for i in range(3)]
    fetcher = fetcher_in(lambda request: httpx.Response(402, json={"code": 402}))
    fetched = await fetcher.fetch(KEYAPI, asked, "", AT)

    assert [answer.reason for answer in fetched.answers.values()] == [Reason.BALANCE] * 3


# --- who is asked at all ---------------------------------------------------------------------------------------------


def never(request):
    raise AssertionError("nothing may be sent")


@pytest.mark.parametrize(
    ("fetcher", "cookie", "reason"),
    [
        (lambda: fetcher_to("https://api.tikhub.io", None, transport=httpx.MockTransport(never)), "c", Reason.AUTH),
        (lambda: Fetcher({}, transport=httpx.MockTransport(never)), "c", Reason.AUTH),
        (lambda: fetcher_to("https://evil.example", transport=httpx.MockTransport(never)), "c", Reason.BLOCKED),
        (lambda: fetcher_in(never), "", Reason.COOKIE),
    ],
    ids=["no token", "no service", "another host", "no cookie"],
)
async def test_a_call_that_must_not_be_made_is_not_sent(fetcher, cookie, reason):
    fetched = await fetcher().fetch(HEALTH, [ME], cookie, AT)

    assert fetched.answers[ME.target_key].reason is reason
    assert fetched.calls == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://api.tikhub.io",
        "https://api.tikhub.dev/",
        "https://api.keyapi.ai:443",
        "http://127.0.0.1:8080",
        "http://127.8.9.1",
        "https://localhost:1",
        "http://[::1]:8080",
    ],
)
def test_keys_may_go_to_the_providers_and_to_this_machine(url):
    assert check_base_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://api.tikhub.io",
        "https://api.tikhub.io:8443",
        "https://api.tikhub.io.evil.example",
        "https://evil.example/api.tikhub.io",
        "https://api.tikhub.io@evil.example",
        "https://user:pass@api.tikhub.io",
        "https://api.tikhub.io?x=1",
        "https://api.tikhub.io#x",
        "https://api.tikhub.io/v2",
        "https://api.tikhub.io\\@evil.example",
        "http://localhost.evil.example",
        "http://128.0.0.1",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "api.tikhub.io",
        "",
        "https://[",
        "http://\x00",
    ],
)
def test_keys_go_nowhere_else(url):
    assert check_base_url(url)
