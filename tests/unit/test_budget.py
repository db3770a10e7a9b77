"""What may be spent, and what is spared first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.budget import (
    MOST_STRETCH,
    OLD,
    UNLIMITED_CALLS,
    Limits,
    Rank,
    Spent,
    affordable,
    balance_ends,
    day_start,
    month_start,
    rank,
    renewal,
    stretch,
    unreserved,
    used,
)
from daemon.providers import ENDPOINTS
from rules.values import Subject

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
usd = st.decimals(0, 10_000, places=4)
limits = st.builds(Limits, st.none() | usd, st.none() | usd)
spents = st.builds(Spent, usd, usd)
shares = st.floats(0, 2)
softs = st.floats(0.01, 1)
ranks = st.sampled_from(Rank)


def spent(day: str, month: str) -> Spent:
    return Spent(Decimal(day), Decimal(month))


@pytest.mark.parametrize(
    ("day", "month", "share"),
    [(None, None, 0.0), ("10", None, 0.5), (None, "20", 0.75), ("10", "20", 0.75), ("5", "20", 1.0), ("0", None, 1.0)],
)
def test_the_limit_that_is_nearer_counts(day, month, share):
    money = (None if each is None else Decimal(each) for each in (day, month))
    assert used(Limits(*money), spent("5", "15")) == share


@given(limits, spents, st.decimals("0.0001", 10, places=4))
def test_what_is_affordable_passes_no_limit_and_one_call_more_would(limit, gone, cost):
    calls = affordable(limit, gone, cost)
    bounds = [(limit.day_usd, gone.day_usd), (limit.month_usd, gone.month_usd)]
    bounds = [(most, have) for most, have in bounds if most is not None]
    assert calls == 0 or all(have + calls * cost <= most for most, have in bounds)
    assert calls == UNLIMITED_CALLS or any(have + (calls + 1) * cost > most for most, have in bounds)


def test_a_call_that_costs_nothing_is_always_affordable():
    assert affordable(Limits(Decimal(1), None), spent("2", "2"), Decimal(0)) == UNLIMITED_CALLS


@pytest.mark.parametrize(
    ("name", "age", "expected"),
    [
        ("detect_fake_views", OLD, Rank.OLD_VIDEO),
        ("detect_fake_views", OLD - timedelta(seconds=1), Rank.VIDEO),
        ("video_detail_analytics", None, Rank.VIDEO),
        ("fetch_creator_info_and_milestones", OLD, Rank.ACCOUNT),
        ("get_account_health_status", OLD, Rank.VITAL),
        ("get_account_violation_list", None, Rank.VITAL),
    ],
)
def test_old_videos_are_spared_first_and_violations_last(name, age, expected):
    assert rank(ENDPOINTS[name], None if age is None else AT - age, AT) is expected
    assert sorted(Rank) == [Rank.OLD_VIDEO, Rank.VIDEO, Rank.ACCOUNT, Rank.VITAL]


@given(ranks, shares, softs)
def test_nothing_is_spared_below_the_soft_limit_and_nothing_shortened(which, share, soft):
    assert 1.0 <= stretch(which, share, soft) <= MOST_STRETCH
    assert share >= soft or stretch(which, share, soft) == 1.0


@given(ranks, shares, shares, softs)
def test_the_more_is_used_the_more_is_spared(which, one, other, soft):
    less, more = sorted((one, other))
    assert stretch(which, less, soft) <= stretch(which, more, soft)


@given(ranks, ranks, shares, softs)
def test_nothing_is_spared_more_than_what_comes_before_it_in_the_order(one, other, share, soft):
    earlier, later = sorted((one, other))
    assert stretch(earlier, share, soft) >= stretch(later, share, soft) - 1e-9


def test_each_rank_begins_to_be_spared_at_its_own_quarter_of_the_way():
    spared = [[which for which in Rank if stretch(which, share, 0.8) > 1] for share in (0.8, 0.82, 0.87, 0.92, 0.97)]
    assert [len(each) for each in spared] == [0, 1, 2, 3, 4]
    assert stretch(Rank.VITAL, 1.0, 0.8) == MOST_STRETCH


def test_days_and_months_are_those_of_utc():
    at = datetime(2026, 12, 1, 3, 30, 5, 7, tzinfo=timezone(timedelta(hours=8)))
    assert day_start(at) == datetime(2026, 11, 30, tzinfo=UTC)
    assert month_start(at) == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("balance", "a_day", "ends"),
    [
        ("20", "1.6", AT + timedelta(days=12.5)),
        ("0", "10", AT),
        ("-1", "0", AT),
        ("20", "0", None),
        ("1000000", "0.001", None),
    ],
)
def test_the_balance_ends_when_all_of_it_is_spent(balance, a_day, ends):
    assert balance_ends(Decimal(balance), Decimal(a_day), AT) == ends


@given(limits, spents, st.decimals("0.0001", 10, places=4))
def test_what_is_not_vital_leaves_a_quarter_of_the_way_between_the_limits_to_what_is(limit, gone, cost):
    assert affordable(unreserved(limit), gone, cost) <= affordable(limit, gone, cost)
    calls = affordable(unreserved(Limits(Decimal(1), None, 0.8)), spent("0.9", "0.9"), Decimal("0.01"))
    assert calls == 5
    assert unreserved(replace(limit, soft=1.0)) == replace(limit, soft=1.0)


@pytest.mark.parametrize(
    ("day", "month", "renewed"),
    [
        (None, None, datetime(2026, 11, 22, tzinfo=UTC)),
        ("10", None, datetime(2026, 11, 22, tzinfo=UTC)),
        (None, "20", datetime(2026, 12, 1, tzinfo=UTC)),
        ("10", "20", datetime(2026, 12, 1, tzinfo=UTC)),
        ("5.1", "20", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_money_is_there_again_when_the_limit_that_is_nearer_begins_anew(day, month, renewed):
    money = (None if each is None else Decimal(each) for each in (day, month))
    assert renewal(Limits(*money), spent("5", "15"), AT) == renewed


@given(limits, spents, st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_money_is_there_again_within_a_month_at_the_beginning_of_a_day(limit, gone, at):
    again = renewal(limit, gone, at)
    assert at < again <= at + timedelta(days=31)
    assert day_start(again) == again


def test_what_a_provider_says_of_itself_is_vital():
    about_providers = [each for each in ENDPOINTS.values() if each.subject is Subject.PROVIDER]
    assert about_providers
    assert all(each.vital for each in about_providers)
