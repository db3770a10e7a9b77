"""What is read of a shop creator's lists and of one video: a row once, its own currency, nothing of other creators."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Found, Reason, Videos
from daemon.providers.endpoint import Need, Page
from tests.recorded import PRODUCT, SHOP_VIDEO, answer_of, asked_of, read

OF_VIDEOS = (
    "get_video_detailed_stats",
    "get_video_audience_stats",
    "get_video_associated_product_list",
    "get_video_to_product_stats",
    "get_product_related_videos",
)
VIDEO = SHOP_VIDEO
APRIL_1_S, MONTH_END_S, DAY_END_S = 1775001600, 1746057600.0, 1743552000.0


def series(reading, **labels):
    """The numbers of the series with just these labels, by metric."""
    wanted = tuple(sorted(labels.items()))
    return {name: value for (name, own), value in reading.values.items() if own == wanted}


def segment(key, *rows, **fields):
    return {"segments": [{key: list(rows), **fields}]}


# --- lists -----------------------------------------------------------------------------------------------------------

LISTED = {
    "shop_listed_video_views": 1200.0,
    "shop_listed_video_new_followers": 2.0,
    "shop_listed_video_click_ratio": 0.02,
    "shop_listed_video_completion_ratio": 0.23,
    "shop_listed_video_items_sold": 1.0,
    "shop_listed_video_published": 1743500000.0,
}


def test_the_recorded_video_list_is_read_in_both_nestings():
    page = answer_of("get_video_list_analytics")
    observed = copy.deepcopy(page)
    observed["segments"][0]["timed_lists"] = [{"stats": page["segments"][0]["timed_lists"]}]

    for reading in (read("get_video_list_analytics", page), read("get_video_list_analytics", observed)):
        assert series(reading) == {"shop_videos_listed": 1.0}
        assert series(reading, video=VIDEO) == LISTED
        assert series(reading, currency="unknown", video=VIDEO) == {
            "shop_listed_video_gmv": 12.5,
            "shop_listed_video_direct_gmv": 12.5,
        }
        assert [(one.kind, one.id, one.words) for one in reading.records] == [
            ("shop_video", VIDEO, {"title": "Caption"})
        ]


def test_a_list_names_its_videos_and_proves_of_none_that_it_is_gone():
    page = answer_of("get_video_list_analytics")
    page["segments"][0]["timed_lists"].append({"video_meta": {"item_id": "5", "publish_time": "soon"}})

    assert read("get_video_list_analytics", page).videos == Videos(
        (Found(VIDEO, datetime(2025, 4, 1, 9, 33, 20, tzinfo=UTC), "Caption"), Found("5", None, "")), since=None
    )


def test_the_rows_of_all_pages_are_read_once_each_and_never_added():
    def page(total, *ids):
        rows = ({"video_meta": {"item_id": one}, "vv_cnt": 5} for one in ids)
        pagination = {"has_more": True, "total": total}
        times = {"start_timestamp": APRIL_1_S, "end_timestamp": APRIL_1_S + 30 * 86_400}
        return segment("timed_lists", *rows, list_control={"next_pagination": pagination}, time_selector=times)

    reading = read("get_video_list_analytics", page(4, "1", "2", "3"), page(4, "3", "4"))
    views = {labels: value for (name, labels), value in reading.values.items() if name == "shop_listed_video_views"}
    assert views == {(("video", one),): 5.0 for one in "1234"}
    assert series(reading) == {"shop_videos_listed": 4.0}


def test_of_overlapping_lists_the_finest_and_newest_is_read():
    def listing(start_s, days, views):
        row = {"video_meta": {"item_id": VIDEO}, "vv_cnt": views}
        return {"start_timestamp": start_s, "end_timestamp": start_s + days * 86_400, "stats": [row]}

    page = segment(
        "timed_lists", listing(APRIL_1_S, 30, 99), listing(APRIL_1_S, 1, 1), listing(APRIL_1_S + 86_400, 1, 2)
    )
    assert series(read("get_video_list_analytics", page), video=VIDEO)["shop_listed_video_views"] == 2.0


def month(*ids, start, days, views=1, has_more=False, **fields):
    """A page of the list of a calendar month."""
    start_s = datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()
    times = {"start_timestamp": int(start_s), "end_timestamp": int(start_s) + days * 86_400}
    rows = [{"video_meta": {"item_id": one}, "vv_cnt": views} for one in ids]
    turn = {"has_more": has_more, "total": len(ids)} | fields
    return segment("timed_lists", *rows, list_control={"next_pagination": turn}, time_selector=times)


@pytest.mark.parametrize(
    ("at", "months"),
    [
        ("2026-04-20T08:00", ["04-01-2026", "03-01-2026"]),
        ("2026-05-01T11:59", ["04-01-2026"]),  # on some market it is still April, on none is it earlier
        ("2026-05-01T12:00", ["05-01-2026", "04-01-2026"]),
        ("2026-05-30T23:00", ["05-01-2026", "04-01-2026"]),
        ("2026-05-31T12:00", ["05-01-2026"]),
        ("2026-03-02T12:00", ["03-01-2026", "02-01-2026", "01-01-2026"]),  # February is shorter than 30 days
        ("2026-01-01T12:00", ["01-01-2026", "12-01-2025"]),
    ],
)
def test_the_list_is_of_every_month_that_the_past_thirty_days_lie_in(at, months):
    list_, at = ENDPOINTS["get_video_list_analytics"], datetime.fromisoformat(at).replace(tzinfo=UTC)
    one, pages, page = asked_of(list_.name, at=at), [], Page(1)
    while page is not None:
        pages.append(dict(list_.ask([one], "c", page).json))
        page = list_.after(page, month("1", start="2026-03-01", days=31, has_more=page.number < 2), at)

    assert [(each["start_date"], each["page"]) for each in pages] == [(one, n) for one in months for n in (0, 1)]


def test_months_of_different_lengths_are_one_list_and_the_newest_numbers_of_a_video_count():
    reading = read(
        "get_video_list_analytics",
        month("3", "2", start="2026-03-01", days=31, views=30, total=7),
        month("2", "1", start="2026-02-01", days=28, views=20, total=9),
    )
    views = {labels: value for (name, labels), value in reading.values.items() if name == "shop_listed_video_views"}

    assert views == {(("video", "3"),): 30.0, (("video", "2"),): 30.0, (("video", "1"),): 20.0}
    assert [one.video_id for one in reading.videos.found] == ["3", "2", "1"]
    assert series(reading) == {"shop_videos_listed": 7.0}


@pytest.mark.parametrize(
    ("name", "empty"),
    [
        ("get_product_analytics_list", {"segments": []}),
        ("get_showcase_product_list", {"products": [{}]}),
        ("get_video_associated_product_list", {"segments": []}),
        ("get_video_associated_product_list", {"segments": [{"timed_lists": [{"videoToProductsMap": {VIDEO: None}}]}]}),
    ],
)
def test_products_of_a_list_that_may_lack_some_are_unknown_and_have_not_ended(name, empty):
    last = {key: value for key, value in read(name, answer_of(name)).values.items() if key[1]}
    values = read(name, empty, last=last).values

    assert {key: value for key, value in values.items() if key[1]} == dict.fromkeys(last)
    assert len(last) >= 2


def test_a_product_that_a_whole_list_lacks_has_ended():
    last = {("showcase_in_stock", (("product", "1"),)): 1.0}
    assert series(read("get_showcase_product_list", {"products": []}, last=last)) == {"showcase_products": 0.0}
    assert len(read("get_showcase_product_list", {"products": []}, last=last).values) == 1


@pytest.mark.parametrize(
    ("name", "money"),
    [
        ("get_product_analytics_list", ("revenue", "commission")),
        ("get_showcase_product_list", ("format_available_price", "commission_with_currency")),
        ("get_video_associated_product_list", ("price_min", "price_max")),
    ],
)
def test_an_amount_that_is_missing_has_the_currency_that_it_had(name, money):
    page = answer_of(name)
    before = read(name, page)
    last = {
        (metric, tuple(("currency", "SGD") if label == "currency" else (label, own) for label, own in labels)): value
        for (metric, labels), value in before.values.items()
    }
    assert read(name, without(page, money), last=last).values.keys() == last.keys()


def without(value, keys):
    """The same JSON value without these keys, wherever they are."""
    if isinstance(value, dict):
        return {key: without(inner, keys) for key, inner in value.items() if key not in keys}
    return [without(inner, keys) for inner in value] if isinstance(value, list) else value


def test_the_recorded_product_list_is_read():
    reading = read("get_product_analytics_list", answer_of("get_product_analytics_list"))
    product = "1730000000000000001"

    assert series(reading) == {"shop_products_listed": 1.0}
    assert series(reading, product=product) == {"shop_product_items_sold": 1.0}
    assert series(reading, currency="unknown", product=product) == {
        "shop_product_revenue": 7.94,
        "shop_product_commission": 0.95,
    }
    assert reading.records[0].words == {"title": "Product"}


def test_the_recorded_showcase_is_read():
    reading = read("get_showcase_product_list", answer_of("get_showcase_product_list"))
    product = "1730905148396180014"

    assert series(reading) == {"showcase_products": 1.0}
    assert series(reading, product=product) == {
        "showcase_in_stock": 1.0,
        "showcase_approved": 1.0,
        "showcase_commission_ratio": 0.12,
    }
    assert series(reading, currency="$", product=product) == {"showcase_price": 7.94, "showcase_commission": 0.95}
    assert reading.records[0].words == {
        "title": "Car Paint Care Spray",
        "source": "Affiliate",
        "category": "Beauty & Personal Care",
        "price": "$7.94",
    }


def test_an_empty_list_is_a_known_nothing():
    empty = segment("timed_lists", list_control={"next_pagination": {"has_more": False, "total": 0}})

    assert series(read("get_video_list_analytics", empty)) == {"shop_videos_listed": 0.0}
    assert series(read("get_showcase_product_list", {"products": []})) == {"showcase_products": 0.0}
    assert read("get_showcase_product_list", {}).reason is Reason.BAD_PAYLOAD
    assert series(read("get_showcase_product_list", {"products": [{}]})) == {"showcase_products": None}


def test_a_list_goes_on_while_it_says_so_and_a_showcase_while_its_pages_are_full():
    go_on, showcase = ENDPOINTS["get_video_list_analytics"].more, ENDPOINTS["get_showcase_product_list"].more
    last = answer_of("get_video_list_analytics")
    first = copy.deepcopy(last)
    first["segments"][0]["list_control"]["next_pagination"]["has_more"] = True

    assert [go_on(page) for page in (first, last, {}, None)] == [True, False, False, False]
    assert [showcase({"products": [{}] * count}) for count in (20, 19, 0)] == [True, False, False]


# --- videos ----------------------------------------------------------------------------------------------------------


def test_the_recorded_details_of_a_video_are_read():
    reading = read("get_video_detailed_stats", answer_of("get_video_detailed_stats"))

    assert series(reading, period="day") == {
        "shop_video_detail_new_followers": 2.0,
        "shop_video_detail_shares": 1.0,
        "shop_video_detail_comments": 3.0,
        "shop_video_detail_likes": 40.0,
        "shop_video_detail_product_views": 12.0,
        "shop_video_detail_completion_ratio": 0.2311,
        "shop_video_detail_until": DAY_END_S,
    }


def test_the_recorded_audience_is_read():
    values = read("get_video_audience_stats", answer_of("get_video_audience_stats")).values

    assert {tuple(value for _, value in labels): share for (_, labels), share in values.items()} == {
        ("gender", "female"): 0.61,
        ("gender", "male"): 0.39,
        ("age", "18-24"): 0.4,
        ("age", "25-34"): 0.6,
        ("region", "US"): 1.0,
    }


def test_a_dimension_of_the_audience_that_is_not_listed_is_unknown_and_one_that_is_empty_has_ended():
    page = answer_of("get_video_audience_stats")
    stats = page["segments"][0]["timed_profile"][0]["stats"]
    last = read("get_video_audience_stats", page).values
    del stats["follower_genders"]
    stats["follower_ages"] = []

    values = read("get_video_audience_stats", page, last=last).values
    assert {dict(labels)["group"]: share for (_, labels), share in values.items()} == {
        "female": None,
        "male": None,
        "US": 1.0,
    }


def test_the_recorded_sales_of_a_product_by_a_video_are_read():
    reading = read("get_video_to_product_stats", answer_of("get_video_to_product_stats"))

    assert series(reading, currency="$", period="range", product=PRODUCT) == {
        "video_product_revenue": 100.0,
        "video_product_direct_revenue": 100.0,
    }
    assert series(reading, period="range", product=PRODUCT) == {
        "video_product_items_sold": 4.0,
        "video_product_views": 50.0,
        "video_product_clicks": 9.0,
        "video_product_orders": 4.0,
    }
    assert series(reading, period="range") == {"video_product_until": MONTH_END_S}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda entry: entry,
        lambda entry: [entry, {"item_id": "1", "products": []}],
        lambda entry: {VIDEO: entry, "1": {"products": []}},
        lambda entry: {VIDEO: entry["products"]},
    ],
)
def test_the_recorded_products_of_a_video_are_read_in_every_form_of_their_map(wrap):
    page = answer_of("get_video_associated_product_list")
    row = page["segments"][0]["timed_lists"][0]
    row["videoToProductsMap"] = wrap(row["videoToProductsMap"])
    reading = read("get_video_associated_product_list", page)

    assert series(reading) == {"video_products": 1.0}
    assert series(reading, currency="unknown", product=PRODUCT) == {
        "video_product_price_min": 7.94,
        "video_product_price_max": 9.99,
    }
    assert reading.records[0].words == {"title": "Product"}


@pytest.mark.parametrize(("products", "expected"), [([], 0.0), (None, None), ([{}], None)])
def test_a_video_without_products_has_none_only_if_that_is_written(products, expected):
    page = segment("timed_lists", {"videoToProductsMap": {"item_id": VIDEO, "products": products}})
    assert series(read("get_video_associated_product_list", page)) == {"video_products": expected}


def products_of(*entries):
    return segment("timed_lists", {"videoToProductsMap": list(entries)})


def test_of_several_videos_each_has_its_own_products():
    row = {"id": "7", "price_min": "1.50", "price_max": "2.50"}
    page = products_of({"item_id": "1", "products": [row]}, {"item_id": "2", "products": []}, {"products": [row]})

    found = {video: read("get_video_associated_product_list", page, video_id=video) for video in "123"}
    assert {video: series(reading)["video_products"] for video, reading in found.items()} == {
        "1": 1.0,
        "2": 0.0,
        "3": None,
    }
    assert {video: len(reading.values) for video, reading in found.items()} == {"1": 3, "2": 1, "3": 1}
    assert "7" not in str(found["2"].payload)


def test_products_are_asked_for_of_all_videos_of_a_call():
    two = [asked_of("get_video_associated_product_list", video_id=video) for video in "12"]
    request = ENDPOINTS["get_video_associated_product_list"].ask(two, "c", Page(1))
    assert request.json == {"cookie": "c", "start_date": "04-01-2026", "item_ids": ["1", "2"]}


def test_other_creators_videos_are_counted_and_nothing_else_of_them_is_kept():
    reading = read("get_product_related_videos", answer_of("get_product_related_videos"))

    assert series(reading) == {
        "related_videos": 1.0,
        "related_video_likes": 10.0,
        "related_video_comments": 1.0,
        "related_video_shares": 0.0,
    }
    assert reading.payload == [{"video_like_cnt": 10.0, "video_comment_cnt": 1.0, "video_share_cnt": 0.0}]
    assert reading.records == ()


def test_a_related_video_without_an_id_or_a_number_makes_its_sum_unknown():
    def related(*rows):
        return series(read("get_product_related_videos", segment("timed_lists", {"stats": list(rows)})))

    known = {"video": {"item_id": "1"}, "video_like_cnt": 3, "video_comment_cnt": 0, "video_share_cnt": 0}
    own = {"video": {"item_id": VIDEO}, "video_like_cnt": 1000}
    other = known | {"video": {"item_id": "2"}, "video_like_cnt": None}

    assert set(related(known, {}).values()) == {None}
    assert related(known, other)["related_video_likes"] is None
    assert related(known, other)["related_videos"] == 2.0
    assert related(known, known, own)["related_video_likes"] == 3.0


@pytest.mark.parametrize("name", OF_VIDEOS)
def test_an_answer_about_another_video_is_refused(name):
    assert read(name, answer_of(name), video_id="5").reason is Reason.WRONG_IDENTITY


@pytest.mark.parametrize("name", ["get_video_to_product_stats", "get_product_related_videos"])
def test_a_product_is_asked_about_only_where_it_is_said_which(name):
    assert ENDPOINTS[name].needs == {Need.COOKIE, Need.VIDEO_ID, Need.PRODUCT}


@pytest.mark.parametrize("name", ["get_video_to_product_stats", "get_product_related_videos"])
def test_an_answer_about_another_product_is_refused(name):
    assert read(name, answer_of(name), options={"product_id": "5"}).reason is Reason.WRONG_IDENTITY
