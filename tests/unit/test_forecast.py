"""What a configuration will ask and cost in a day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.budget import Limits
from daemon.cadence import ByNewest, Every, Standing
from daemon.config import Config, load
from daemon.forecast import Cost, Known, Line, forecast, lines_of, notes, refuse, tiered_usd
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.schedule import next_due
from storage.records import Discovered

AT = datetime(2026, 11, 21, 9, 41, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXAMPLE = (Path(__file__).parents[2] / "rules.example.yaml").read_text(encoding="utf-8")
HEALTH, FANS, FAKE, STATS, LIST, DIAGNOSIS, OVERVIEW = (
    "get_account_health_status",
    "fetch_creator_info_and_milestones",
    "detect_fake_views",
    "video_detail_analytics",
    "get_video_list_analytics",
    "fetch_author_diagnosis",
    "fetch_item_overview_data",
)


def line(endpoint: str, target: str = "t", age: timedelta | None = None, **changed: object) -> Line:
    own = ENDPOINTS[endpoint]
    plain = Line(target, own, own.cadence, None if age is None else AT - age, (), target)
    return replace(plain, **changed)


def day(lines: Iterable[Line], at: datetime = AT) -> Mapping[str, Cost]:
    return forecast(lines, (), at).endpoints


def snowflake(age: timedelta, number: int) -> str:
    return str((int((AT - age).timestamp()) << 32) + number)


@pytest.fixture
def configured(tmp_path):
    """The configuration of the example's rules and of other targets."""

    def configure(accounts: object, videos: object = (), **sections: object) -> Config:
        providers = {"tikhub": {"token": "${TIKHUB}", "rate_per_s": 5}, "keyapi": {"token": "${KEYAPI}"}}
        written = {"providers": providers, "accounts": accounts, "videos": list(videos), **sections}
        path = tmp_path / "rules.yaml"
        text = "\n".join(f"{name}: {json.dumps(value)}" for name, value in written.items())
        path.write_text(text + EXAMPLE[EXAMPLE.index("\nchannels:") :], encoding="utf-8")
        config = load(path, {}, METRICS, ENDPOINTS)
        assert isinstance(config, Config), config
        return config

    return configure


def planned(config: Config):
    return forecast(lines_of(config, config.providers, AT), config.book.rules, AT)


# --- calls ----------------------------------------------------------------------------------------------------------


@given(
    st.text(max_size=20), st.sampled_from([1, 2, 3, 6, 24]), st.datetimes(datetime(2024, 1, 1), timezones=st.just(UTC))
)
def test_a_fixed_interval_takes_as_many_calls_as_fit_into_a_day(target, hours, at):
    assert day([line(FANS, target, cadence=Every(hours * HOUR))], at)[FANS].calls == 24 // hours


def test_of_lines_that_are_asked_every_two_days_half_are_asked_in_one():
    assert 450 < day(line(FANS, str(n), cadence=Every(2 * DAY)) for n in range(1000))[FANS].calls < 550


def walked(lines: Iterable[Line]) -> Iterator[datetime]:
    """The turns of the day as the poller would have them that had begun ten days before."""
    for each in lines:
        at = max(AT - 10 * DAY, each.created or AT - 10 * DAY)
        while (due := next_due(each.target, each.endpoint.name, each.cadence, Standing(at, each.created))) is not None:
            if due >= AT + DAY:
                break
            if due >= AT:
                yield due
            at = due


@pytest.mark.parametrize("endpoint", [FAKE, STATS])
def test_the_forecast_is_what_the_schedule_does_days_after_the_start(endpoint):
    lines = [line(endpoint, str(n), n * HOUR * 0.96) for n in range(1000)]
    alone = [replace(each, endpoint=replace(each.endpoint, batch=1)) for each in lines]
    assert float(day(alone)[endpoint].calls) == pytest.approx(len(list(walked(lines))), rel=0.03)


def test_a_daily_number_is_asked_for_once_a_day_whenever_the_day_begins():
    for hours in range(24):
        assert day([line(DIAGNOSIS)], AT + hours * HOUR)[DIAGNOSIS].calls == 1


def test_an_account_that_publishes_now_is_taken_to_go_on():
    newest = ByNewest(DAY, ((6 * HOUR, HOUR),))
    assert day([line(FANS, age=2 * HOUR, cadence=newest)])[FANS].calls == 24


@pytest.mark.parametrize(("videos", "least", "most"), [(1, 1, 1), (10, 1, 6), (1000, 100, 104)])
def test_videos_share_calls_of_ten_where_their_turns_lie_near_enough(videos, least, most):
    lines = [line(STATS, str(n), cadence=Every(DAY)) for n in range(videos)]
    assert least <= day(lines)[STATS].calls <= most


def test_videos_of_several_accounts_share_no_call_that_takes_a_cookie():
    lines = [line(OVERVIEW, str(n), cadence=Every(DAY), account=f"a{n % 50}") for n in range(100)]
    alone = [replace(each, account="a") for each in lines]
    assert 75 <= day(lines)[OVERVIEW].calls <= 100
    assert 10 <= day(alone)[OVERVIEW].calls <= 14
    assert [forecast(each, (), AT).providers[Provider.TIKHUB].first.calls for each in (lines, alone)] == [50, 10]


@pytest.mark.parametrize(("measured", "pages"), [({}, 2), ({LIST: Decimal("3.5")}, Decimal("3.5")), ({LIST: 1}, 2)])
def test_a_list_by_months_is_a_page_a_month_at_least(measured, pages):
    found = forecast([line(LIST, cadence=Every(DAY))], (), AT, measured)
    assert found.endpoints[LIST].calls == pages


def test_the_busiest_minute_is_the_peak():
    at_once = [line(FANS, "same", cadence=Every(6 * HOUR)) for _ in range(90)]
    apart = [line(FANS, str(n), cadence=Every(6 * HOUR)) for n in range(90)]
    assert forecast(at_once, (), AT).peak_per_s == 1.5
    assert forecast(apart, (), AT).peak_per_s < 0.1


def test_the_first_look_at_everything_is_told_beside_the_day():
    lines = [line(FAKE, "unripe", 2 * HOUR), line(FAKE, "ripe", 2 * DAY), line(FAKE, "past", 40 * DAY)]
    assert forecast(lines, (), AT).providers[Provider.TIKHUB].first == Cost(Decimal(1), Decimal("0.01"))
    assert forecast(lines, (), AT).endpoints[FAKE].calls == 1


# --- money ----------------------------------------------------------------------------------------------------------


def test_a_call_about_several_videos_is_shared_out_among_their_accounts_and_tags():
    lines = [
        line(STATS, str(n), cadence=Every(DAY), account=f"a{n % 2}", tags=("all", f"t{n % 4}")) for n in range(400)
    ]
    found = forecast(lines, (), AT)
    whole = found.endpoints[STATS].usd
    assert sum(cost.usd for cost in found.accounts.values()) == pytest.approx(whole)
    assert found.tags["all"].usd == pytest.approx(whole)
    assert found.tags["t3"].usd == pytest.approx(whole / 4)


@pytest.mark.parametrize(
    ("calls", "usd"),
    [(0, "0"), (1_000, "1"), (20_500, "15.9"), (82_000, "47.6"), (1_968_000, "990.6")],  # as measured in the research
)
def test_the_volume_discount_is_that_of_the_tiers(calls, usd):
    cost = Cost(Decimal(calls), Decimal(calls) / 1000)
    assert tiered_usd(Provider.TIKHUB, cost) == Decimal(usd)
    assert tiered_usd(Provider.KEYAPI, cost) == cost.usd


def test_a_rule_has_all_calls_that_it_reads_and_a_rule_on_our_own_states_none(configured):
    found = planned(configured([{"platform": "tiktok", "id": "mei", "uid": "1", "cookie": "${COOKIE}"}]))
    assert found.rules["violation-points"] == found.rules["health-rating"] == found.endpoints[HEALTH]
    assert found.rules["provider-down"] == Cost()


# --- what is planned ------------------------------------------------------------------------------------------------


def test_ids_that_will_be_looked_up_count_as_known(configured):
    by_handle, by_id = (
        planned(configured([{"platform": "tiktok", "id": "mei", **given_}]))
        for given_ in ({"handle": "mei"}, {"uid": "1"})
    )
    assert by_handle.endpoints == by_id.endpoints
    assert FANS in by_id.endpoints


def test_nothing_is_planned_for_an_account_of_which_nothing_is_known(configured):
    assert FANS not in planned(configured([{"platform": "tiktok", "id": "mei"}])).endpoints


def test_of_an_account_to_be_discovered_one_video_a_day_is_assumed_and_said(configured):
    named = [{"platform": "tiktok", "id": snowflake(n * DAY, n), "account": "mei"} for n in range(30)]
    mei = {"platform": "tiktok", "id": "mei", "uid": "1", "cookie": "${COOKIE}"}
    assumed, written = (configured([mei | found], videos) for found, videos in (({"discover": True}, ()), ({}, named)))
    assert planned(assumed).endpoints[FAKE].calls == planned(written).endpoints[FAKE].calls == 3
    assert any("one a day is assumed" in note for note in notes(assumed, planned(assumed)))
    assert not any("one a day is assumed" in note for note in notes(written, planned(written)))
    assert planned(configured([mei | {"discover": True}], named)).endpoints[FAKE].calls == 3, "and none twice"


def test_no_more_videos_are_assumed_than_discovery_would_watch(configured):
    mei = {"platform": "tiktok", "id": "mei", "uid": "1", "discover": {"at_most": 2, "newer_than": "30d"}}
    lines = lines_of(configured([mei]), frozenset(Provider), AT)
    assert len({each.target for each in lines if "/video/" in each.target}) == 2


def test_videos_that_were_discovered_count_as_if_the_file_named_them(configured):
    mei = {"platform": "tiktok", "id": "mei", "uid": "1", "discover": {"newer_than": "3d"}}
    found = [Discovered("tiktok/account/mei", str(n), "", AT - n * DAY / 20, AT, AT) for n in range(60)]
    lines = lines_of(configured([mei]), frozenset(Provider), AT, Known(discovered=found))
    assert len({each.target for each in lines if "/video/" in each.target}) == 60


def test_each_page_of_a_list_costs_a_call(configured):
    lines = [line(LIST, str(n), cadence=Every(DAY)) for n in range(100)]
    found = forecast(lines, (), AT, {LIST: Decimal("2.5")})
    assert found.endpoints[LIST] == Cost(Decimal(250), 250 * ENDPOINTS[LIST].cost_usd)
    assert found.providers[Provider.TIKHUB].first.calls == 250


def test_a_peak_above_the_pace_is_noted(configured):
    config = configured([{"platform": "tiktok", "id": "mei", "uid": "1"}])
    busy = forecast([line(FANS, "same") for _ in range(400)], (), AT)
    assert any("tikhub is asked 5 times a second" in note for note in notes(config, busy))
    assert not any("times a second" in note for note in notes(config, planned(config)))


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(None, None), None),
        (Limits(Decimal("0.032"), Decimal("0.96")), None),
        (Limits(Decimal("0.031"), None), "0.0320 USD a day, above its budget of 0.031 USD"),
        (Limits(None, Decimal("0.95")), "0.9600 USD in 30 days, above its budget of 0.95 USD"),
    ],
)
def test_a_plan_above_a_budget_is_refused_in_words(configured, limits, sentence):
    config = configured([{"platform": "tiktok", "id": "mei", "uid": "1"}])  # fans: 8 calls; balance: 24
    refused = refuse(
        replace(config, budgets={Provider.TIKHUB: limits, Provider.KEYAPI: Limits(Decimal(0), None)}), planned(config)
    )
    assert (refused is None) if sentence is None else (sentence in refused)


def test_five_hundred_creators_and_twenty_thousand_videos_take_less_than_25_000_calls_a_day(configured):
    accounts = [
        {"platform": "tiktok", "id": f"c{n}", "uid": str(n + 1), "handle": f"c{n}", "cookie": "${COOKIE}"}
        for n in range(500)
    ]
    ages = (40 * DAY * n / 20_000 for n in range(20_000))
    videos = [
        {"platform": "tiktok", "id": snowflake(age, n), "account": f"c{n * 7 % 500}"} for n, age in enumerate(ages)
    ]
    config = configured(accounts, videos, collect=[STATS], discover=True)
    found = planned(config)
    calls = {name: int(cost.calls) for name, cost in found.endpoints.items()}
    assert calls[HEALTH] == 6_000
    assert calls[FAKE] == pytest.approx(1_500, rel=0.05)
    assert 1_200 < calls[STATS] < 2_400
    assert 3_500 < calls[LIST] <= 4_000  # of two months each
    assert sum(calls.values()) <= 25_000
