"""Every recorded answer is read, and every endpoint is declared as it then behaves."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from daemon.cadence import Standing
from daemon.providers import ENDPOINTS, HEALTH, METRICS
from daemon.providers.answer import Reading
from daemon.providers.endpoint import Form, Need, Page, Platform, Provider
from rules.values import Subject, Unit
from tests.recorded import FILES, READ, SAMPLE_OF, UNREAD, asked_of, declared, endpoint_of, page_of, read_sample

OTHER_SCHEME = {"health_rating"}  # an account has either points or a rating


# --- the recorded answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", READ)
def test_a_recorded_answer_comes_to_every_series_that_its_endpoint_declares(sample):
    reading = read_sample(sample)
    name = endpoint_of(sample)

    assert isinstance(reading, Reading)
    yielded = {(metric, tuple(label for label, _ in labels)) for metric, labels in reading.values}
    missing = set(declared(name).items()) - yielded
    assert yielded <= set(declared(name).items())
    assert {metric for metric, _ in missing} <= OTHER_SCHEME | {"key_expires_at"}
    assert all(value is None or math.isfinite(value) for value in reading.values.values())
    assert all(word for _, labels in reading.values for _, word in labels)
    assert all(isinstance(word, str) for record in reading.records for word in record.words.values())


@pytest.mark.parametrize("sample", READ)
def test_what_is_kept_of_a_recorded_answer_is_json_without_envelope_secret_or_stranger(sample):
    kept = orjson.dumps(read_sample(sample).payload).decode()

    for word in ("REDACTED", '"router"', '"params"', "cache_url", "@example.invalid", "ollie", "7332627012203414560"):
        assert word not in kept


def test_every_recorded_answer_is_read_or_there_is_a_reason_and_every_endpoint_has_one():
    assert {name for name in FILES if name not in READ and "_error." not in name} == UNREAD.keys()
    assert all(UNREAD.values())
    # These answer as their twins do.
    assert SAMPLE_OF.keys() | {"douyin_handler_user_profile_v2", "keyapi_canary"} == ENDPOINTS.keys()


# --- the declarations ------------------------------------------------------------------------------------------------


def test_every_metric_is_yielded_by_exactly_one_endpoint():
    names = [metric.name for metric in HEALTH]
    names += [metric.name for endpoint in ENDPOINTS.values() for metric in endpoint.metrics]

    assert sorted(names) == sorted(METRICS)
    assert len(set(names)) == len(names)


def test_all_documented_routes_are_there_and_the_five_beside_them():
    paths = [path.rpartition("/")[0] for path in {endpoint.path for endpoint in ENDPOINTS.values()}]
    counts = {path: paths.count(path) for path in paths}

    assert counts == {
        "/api/v1/tiktok/analytics": 4,
        "/api/v1/tiktok/creator": 14,
        "/api/v1/douyin/creator_v2": 14,
        "/v1/tiktok/video/detail": 1,
        "/api/v1/tiktok/app/v3": 1,
        "/api/v1/douyin/web": 2,
        "/api/v1/tikhub/user": 1,
        "/api/v1/demo/tiktok/web": 1,
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_an_endpoint_asks_only_for_documented_parameters(endpoint):
    asked = asked_of(endpoint.name, options={"product_id": "5", "verticals": "food", "canary": "7"})
    request = endpoint.ask([asked], "a-cookie", Page(1))
    sent = {**request.query, **(request.json or {})}
    documented = {parameter.name for parameter in endpoint.parameters}
    required = {parameter.name for parameter in endpoint.parameters if parameter.required}

    assert (request.method, request.path) == (endpoint.method, endpoint.path)
    assert required <= set(sent) <= documented
    assert all(value not in ("", None, []) for value in sent.values())
    assert ("a-cookie" in sent.values()) == (Need.COOKIE in endpoint.needs)
    assert "a-cookie" not in repr(request)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_a_request_depends_on_every_need_and_on_nothing_else_of_the_target(endpoint):
    def sent(**fields):
        own = {"uid": "1", "sec_uid": "2", "handle": "3", "video_id": "4"} | fields
        settings = {"product": "product_id", "verticals": "verticals", "canary": "canary"}
        options = {option: fields.get(need, "5") for need, option in settings.items()}
        own = {name: value for name, value in own.items() if name not in settings}
        return endpoint.ask([asked_of(endpoint.name, options=options, **own)], "c", Page(1))

    others = {need for need in set(Need) - {Need.COOKIE} if sent(**{need.value: "9"}) != sent()}
    assert others <= endpoint.needs | endpoint.any_of
    # What TikHub's own probe is about stands in its path.
    assert endpoint.needs - {Need.COOKIE} - ({Need.CANARY} if endpoint.name == "canary" else set()) <= others


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_a_metric_is_about_the_endpoint_s_subject_or_about_the_videos_of_its_accounts(endpoint):
    subjects = {metric.subject for metric in endpoint.metrics}

    assert subjects <= {endpoint.subject} | ({Subject.VIDEO} if endpoint.subject is Subject.ACCOUNT else set())
    assert all("video" not in metric.labels for metric in endpoint.metrics)
    assert all(metric.labels == tuple(sorted(metric.labels)) for metric in endpoint.metrics)
    assert not endpoint.lists_videos or Subject.VIDEO in subjects
    assert (endpoint.platform is None) == (endpoint.subject is Subject.PROVIDER)
    assert not any(metric.total and metric.unit is not Unit.COUNT for metric in endpoint.metrics)


def test_what_a_list_says_of_videos_spares_calls_about_each():
    lists = {endpoint.name for endpoint in ENDPOINTS.values() if endpoint.lists_videos}
    assert lists == {"fetch_item_list", "get_video_list_analytics"}


def test_no_answer_about_a_video_to_a_cookie_proves_that_it_is_gone_or_there():
    """Its numbers are about a day old, and a 404 may be of the product."""
    telling = {name for name, each in ENDPOINTS.items() if each.subject is Subject.VIDEO and each.tells_absence}
    assert telling == {"detect_fake_views"}
    assert not any(Need.COOKIE in ENDPOINTS[name].needs for name in telling)


def test_the_currency_of_money_in_lists_of_an_account_or_a_video_is_that_of_the_last_known_numbers():
    for endpoint in ENDPOINTS.values():
        money = {each.name for each in endpoint.metrics if "currency" in each.labels}
        # What a list of an account says of its videos is stored with the videos, and not recalled.
        assert money <= endpoint.recalls or endpoint.lists_videos, endpoint.name


def test_a_list_that_is_a_day_behind_is_asked_four_times_a_day_at_most():
    list_, hour = ENDPOINTS["get_video_list_analytics"], timedelta(hours=1)
    at = datetime(2026, 4, 20, tzinfo=UTC)
    turns = {age: list_.cadence.turn(Standing(at, at - age * hour), 0.0) - at for age in (0, 71, 73, 2000)}
    assert turns == {0: 6 * hour, 71: 6 * hour, 73: 24 * hour, 2000: 24 * hour}


def test_only_the_export_is_no_json_and_only_routes_that_say_so_take_several_targets():
    assert [name for name, endpoint in ENDPOINTS.items() if endpoint.form is Form.XLSX] == ["fetch_item_list_download"]
    assert {name: endpoint.batch for name, endpoint in ENDPOINTS.items() if endpoint.batch > 1} == {
        "get_video_associated_product_list": 10,
        "video_detail_analytics": 10,
        "fetch_item_overview_data": 10,
    }
    assert [name for name, endpoint in ENDPOINTS.items() if endpoint.provider is Provider.KEYAPI] == [
        "video_detail_analytics",
        "keyapi_canary",
    ]


def test_harm_and_money_are_the_last_to_be_spared():
    vital = {name for name, endpoint in ENDPOINTS.items() if endpoint.vital}
    assert vital == {
        "get_account_health_status",
        "get_account_violation_list",
        "get_user_info",
        "canary",
        "keyapi_canary",
    }


@pytest.mark.parametrize("platform", Platform)
def test_running_totals_are_marked_as_such(platform):
    totals = {
        metric.name
        for endpoint in ENDPOINTS.values()
        if endpoint.platform is platform
        for metric in endpoint.metrics
        if metric.total
    }
    expected = {
        Platform.TIKTOK: {"follower_count", "tiktok_follower_count", "views", "likes", "tiktok_video_views"},
        Platform.DOUYIN: {"douyin_follower_count", "douyin_plays", "douyin_likes"},
    }
    assert expected[platform] <= totals
    assert not any(name.endswith(("_1d", "_7d", "_30d", "_ratio", "_following_count")) for name in totals)


def test_the_health_of_polling_is_told_for_each_subject():
    assert {metric.subject for metric in HEALTH} == set(Subject)


@pytest.mark.parametrize("sample", READ)
def test_an_empty_page_is_never_a_full_reading(sample):
    reading = read_sample(sample)
    empty = ENDPOINTS[endpoint_of(sample)].read([], asked_of(endpoint_of(sample)))

    if isinstance(empty, Reading):
        assert not any(empty.values.values()) or not page_of(sample)
        assert empty.values.keys() <= reading.values.keys()
