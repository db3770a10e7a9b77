"""What is read of a shop creator's sales and its videos' days: the finest time, its own currency, no made-up zero."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.providers.endpoint import Page
from daemon.providers.tikhub_segments import Bucket, finest, money
from daemon.providers.tikhub_shop import month_of
from tests.recorded import PRODUCT, SHOP_VIDEO, answer_of, asked_of, read, read_sample

OBSERVED = "tiktok_creator.get_account_insights_overview.observed"
VIDEO = SHOP_VIDEO
APRIL_1_S, MONTH_END_S, DAY_END_S = 1775001600, 1746057600.0, 1743552000.0


def series(reading, **labels):
    """The numbers of the series with just these labels, by metric."""
    wanted = tuple(sorted(labels.items()))
    return {name: value for (name, own), value in reading.values.items() if own == wanted}


def segment(key, *rows, **fields):
    return {"segments": [{key: list(rows), **fields}]}


def day(start_s, **stats):
    return {"start_timestamp": start_s, "end_timestamp": start_s + 86_400, "stats": stats}


# --- summaries -------------------------------------------------------------------------------------------------------


def test_the_observed_insights_are_those_of_the_newest_day_with_data_and_no_sum():
    reading = read_sample(OBSERVED)

    assert series(reading, currency="SGD", period="day") == {
        "shop_revenue": 0.0,
        "shop_revenue_of_live": 0.0,
        "shop_revenue_of_videos": 0.0,
        "shop_base_revenue": 0.0,
        "shop_commission_estimated": 0.0,
        "shop_alc_base_revenue": 0.0,
    }
    assert series(reading, period="day") == {
        "shop_items_sold": 0.0,
        "shop_product_impressions": 0.0,
        "shop_product_clicks": 0.0,
        "shop_alc_orders": 0.0,
        "shop_insights_until": 1775174400.0,
    }
    assert series(reading) == {"shop_bound": 1.0}
    assert reading.records[0].words == {"start": "2026-04-02T00:00:00+00:00", "end": "2026-04-03T00:00:00+00:00"}


def test_a_day_that_is_not_over_is_not_read():
    values = read_sample(OBSERVED, at=datetime(2026, 4, 2, 23, 59, tzinfo=UTC)).values

    assert values["shop_revenue", (("currency", "SGD"), ("period", "day"))] == 30.0
    assert values["shop_items_sold", (("period", "day"),)] == 3.0


def test_no_day_with_data_is_unknown_in_the_currency_known_before():
    last = {("shop_revenue", (("currency", "GBP"), ("period", "day"))): 5.0}
    page = segment("timed_stats", day(APRIL_1_S), day(APRIL_1_S + 86_400))
    reading = read("get_account_insights_overview", page, last=last)

    assert set(reading.values.values()) == {None}
    assert reading.values["shop_revenue", (("currency", "GBP"), ("period", "day"))] is None
    assert reading.records == ()


def test_the_literal_insights_are_of_a_longer_time_and_so_other_series():
    reading = read("get_account_insights_overview", answer_of("get_account_insights_overview"))

    assert series(reading, currency="unknown", period="range") == {
        "shop_revenue": 12.5,
        "shop_revenue_of_live": 0.0,
        "shop_revenue_of_videos": 12.5,
        "shop_base_revenue": 12.5,
        "shop_commission_estimated": 1.25,
        "shop_alc_base_revenue": 0.0,
    }
    assert series(reading, period="range") == {
        "shop_items_sold": 1.0,
        "shop_product_impressions": 100.0,
        "shop_product_clicks": 7.0,
        "shop_alc_orders": 0.0,
        "shop_insights_until": MONTH_END_S,
    }


def test_the_recorded_live_summary_is_read():
    reading = read("get_live_analytics_summary", answer_of("get_live_analytics_summary"))

    assert series(reading, currency="unknown", period="range") == {"shop_live_revenue": 0.0, "shop_live_gpm": 0.0}
    assert series(reading, period="range") == {
        "shop_live_new_followers": 1.0,
        "shop_live_orders_paid": 0.0,
        "shop_live_items_sold": 0.0,
        "shop_live_product_views": 10.0,
        "shop_live_product_clicks": 1.0,
        "shop_live_buyers": 0.0,
        "shop_live_click_ratio": 0.1,
        "shop_live_conversion_ratio": 0.0,
        "shop_live_likes": 3.0,
        "shop_live_comments": 1.0,
        "shop_live_impressions": 100.0,
        "shop_live_watches": 20.0,
        "shop_live_until": MONTH_END_S,
    }


def test_a_live_day_in_the_observed_nesting_has_its_rates_from_strings_and_its_market_s_time():
    start_s = 1775030400  # midnight in the market, eight hours behind UTC
    money_of_day = {"amount": "386.54", "currency_code": "USD"}
    page = segment(
        "timed_stats",
        day(start_s, live_revenue=money_of_day, live_ctr="0.1530", live_show_cnt=15286),
        time_selector={"granularity": 11, "timezone_offset": -28800},
    )
    reading = read("get_live_analytics_summary", page)

    assert series(reading, currency="USD", period="day") == {"shop_live_revenue": 386.54, "shop_live_gpm": None}
    assert series(reading, period="day")["shop_live_click_ratio"] == 0.153
    assert series(reading, period="day")["shop_live_watches"] is None
    assert reading.records[0].words["start"] == "2026-04-01T00:00:00-08:00"


def test_the_recorded_video_summary_is_that_of_the_day_with_data():
    reading = read("get_video_analytics_summary", answer_of("get_video_analytics_summary"))

    assert series(reading, period="day") == {
        "shop_video_views": 1200.0,
        "shop_video_new_followers": 5.0,
        "shop_videos_published": 2.0,
        "shop_video_items_sold": 1.0,
        "shop_video_until": DAY_END_S,
    }
    assert series(reading, currency="unknown", period="day") == {"shop_video_gmv": 12.5}


@pytest.mark.parametrize("nested", [True, False])
def test_days_without_times_of_their_own_share_the_time_of_their_segment(nested):
    rows = [{"vv_cnt": 1}, {"vv_cnt": 2}]
    selector = {"start_timestamp": APRIL_1_S, "end_timestamp": APRIL_1_S + 2 * 86_400}
    page = segment("timed_stats", *({"stats": row} if nested else row for row in rows), time_selector=selector)

    values = series(read("get_video_analytics_summary", page), period="day")
    assert (values["shop_video_views"], values["shop_video_until"]) == (2.0, APRIL_1_S + 2 * 86_400)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"meta": {}}, Reason.BAD_PAYLOAD),
        ({"segments": [{"timed_lists": []}]}, Reason.BAD_PAYLOAD),
        (segment("timed_stats", {"vv_cnt": 1}), Reason.BAD_PAYLOAD),
        ([], Reason.BAD_PAYLOAD),
    ],
)
def test_an_answer_without_segments_or_times_is_a_failure(page, reason):
    assert read("get_video_analytics_summary", page).reason is reason


def test_the_finest_buckets_are_the_shortest_and_come_newest_first():
    month, first, second = Bucket({}, 0, 30 * 86_400), Bucket({}, 0, 86_400), Bucket({}, 86_400, 2 * 86_400 + 3600)

    assert finest([month, first, second]) == [second, first]
    assert finest([Bucket({}), month]) == [month]


@pytest.mark.parametrize(
    "name", ["get_account_insights_overview", "get_live_analytics_summary", "get_video_detailed_stats"]
)
def test_an_answer_without_any_segment_is_no_data_and_no_failure(name):
    """So says an account that was never LIVE; its cookie is all right."""
    assert set(read(name, {"segments": []}).values.values()) == {None}


def test_a_list_without_any_segment_is_of_unknown_length():
    for name, size in (
        ("get_video_list_analytics", "shop_videos_listed"),
        ("get_product_analytics_list", "shop_products_listed"),
        ("get_product_related_videos", "related_videos"),
        ("get_video_associated_product_list", "video_products"),
    ):
        assert series(read(name, {"segments": []}))[size] is None
    assert read("get_video_audience_stats", {"segments": []}).values == {}


# --- asking ----------------------------------------------------------------------------------------------------------

DATED = {"cookie": "c", "start_date": "04-01-2026"}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("get_account_insights_overview", DATED),
        ("get_live_analytics_summary", DATED),
        ("get_video_analytics_summary", {"cookie": "c"}),
        ("get_video_list_analytics", DATED | {"page": 2, "rules": "VIDEO_LIST_PUBLISH_TIME"}),
        (
            "get_product_analytics_list",
            {"cookie": "c", "start_date": "2026-03-23", "end_date": "2026-04-20", "page": 2},
        ),
        ("get_showcase_product_list", {"cookie": "c", "count": 20, "offset": 40}),
        ("get_video_detailed_stats", DATED | {"item_id": VIDEO}),
        ("get_video_audience_stats", DATED | {"item_id": VIDEO}),
        ("get_video_associated_product_list", DATED | {"item_ids": [VIDEO]}),
        ("get_video_to_product_stats", DATED | {"item_id": VIDEO, "product_id": PRODUCT}),
        ("get_product_related_videos", DATED | {"item_id": VIDEO, "product_id": PRODUCT}),
    ],
)
def test_the_third_page_is_asked_for_with_every_date_written_out(name, body):
    request = ENDPOINTS[name].ask([asked_of(name)], "c", Page(3))

    assert (request.method, request.path, request.query) == ("POST", f"/api/v1/tiktok/creator/{name}", {})
    assert request.json == body


@pytest.mark.parametrize(
    ("at", "month"),
    [("2026-05-02T23:59", "04-01-2026"), ("2026-05-03T00:00", "05-01-2026"), ("2026-01-01T12:00", "12-01-2025")],
)
def test_the_month_asked_for_holds_the_newest_day_that_can_have_data(at, month):
    assert month_of(datetime.fromisoformat(at).replace(tzinfo=UTC)) == month


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"amount": "386.54", "currency_code": "USD"}, 386.54),
        ({"amount": 0}, 0.0),
        ({"amount_formatted": "S$1,234.50"}, 1234.5),
        ("$7.94", 7.94),
        ("7.94", 7.94),
        ("RM 10", 10.0),
        ({"amount": "-5", "amount_formatted": "-$5.00"}, None),
        ("$7.94 - $9.99", None),
        ("7,94", None),
        ("Rp1.200", None),
        ({}, None),
        ({"amount": True}, None),
        (-99999, None),
    ],
)
def test_money_is_read_only_where_its_amount_is_beyond_doubt(value, expected):
    assert money(value) == expected
