"""What may still be spent, of real ledgers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from daemon.budget import UNLIMITED_CALLS, Limits, Rank
from daemon.providers.endpoint import Provider
from daemon.purse import Purse
from storage.records import Attempt, Settled
from storage.store import Store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CENT = Decimal("0.01")


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "watch.db")
    yield store
    store.close()


@pytest.fixture
def purse():
    return Purse({Provider.TIKHUB: Limits(Decimal(1), Decimal(10), 0.8)})


def spend(store, usd, at, provider="tikhub"):
    store.open_calls([Attempt(provider, "any", 1, Decimal(usd))], at)


def test_what_is_not_vital_leaves_the_last_of_a_limit_to_what_is(purse, store):
    spend(store, "0.9", NOON)
    purse.renew(store, NOON)
    assert purse.affordable(Provider.TIKHUB, CENT, vital=False) == 5
    assert purse.affordable(Provider.TIKHUB, CENT, vital=True) == 10


def test_a_provider_without_a_budget_may_be_asked_for_ever(purse, store):
    spend(store, "1000", NOON, "keyapi")
    purse.renew(store, NOON)
    assert purse.affordable(Provider.KEYAPI, CENT, vital=False) == UNLIMITED_CALLS
    assert purse.stretch(Provider.KEYAPI, Rank.OLD_VIDEO) == 1.0


def test_calls_that_were_reserved_count_before_the_ledger_is_read_again(purse, store):
    purse.renew(store, NOON)
    purse.reserve(Provider.TIKHUB, Decimal("0.97"))
    assert purse.affordable(Provider.TIKHUB, CENT, vital=True) == 3
    purse.renew(store, NOON)
    assert purse.affordable(Provider.TIKHUB, CENT, vital=True) == 100


def test_a_new_day_begins_with_nothing_spent_and_a_month_keeps_all_its_days(purse, store):
    spend(store, "0.99", NOON)
    purse.renew(store, NOON)
    assert purse.stretch(Provider.TIKHUB, Rank.OLD_VIDEO) > 10
    assert purse.renewal(Provider.TIKHUB, NOON) == NOON.replace(hour=0) + DAY
    purse.renew(store, NOON + DAY / 2)
    assert purse.stretch(Provider.TIKHUB, Rank.OLD_VIDEO) == 1.0
    assert purse.affordable(Provider.TIKHUB, CENT, vital=True) == 100
    assert purse.spent(Provider.TIKHUB).month_usd == Decimal("0.99")


def test_a_month_that_is_all_but_spent_spares_until_the_next(purse, store):
    spend(store, "9.5", NOON - DAY)
    purse.renew(store, NOON)
    assert purse.stretch(Provider.TIKHUB, Rank.ACCOUNT) > 1
    assert purse.stretch(Provider.TIKHUB, Rank.VITAL) == 1.0
    assert purse.renewal(Provider.TIKHUB, NOON) == datetime(2026, 12, 1, tzinfo=UTC)
    assert purse.affordable(Provider.TIKHUB, CENT, vital=False) == 0
    assert purse.affordable(Provider.TIKHUB, CENT, vital=True) == 50


def test_what_a_call_of_yesterday_came_to_counts_also_if_it_was_known_only_after_midnight(purse, store):
    midnight = NOON.replace(hour=0)
    [row] = store.open_calls([Attempt("tikhub", "any", 1, CENT)], midnight - MINUTE)
    purse.renew(store, midnight + MINUTE)
    assert purse.spent(Provider.TIKHUB).month_usd == CENT
    store.settle_calls([Settled(row, 3, 3 * CENT, "ok")])
    purse.renew(store, midnight + 2 * MINUTE)
    assert purse.spent(Provider.TIKHUB).month_usd == 3 * CENT


@pytest.mark.parametrize("hours", [1, 12, 24 * 9, 24 * 10, -24 * 3])
def test_a_month_is_the_sum_of_its_days_whenever_it_was_looked_at_before(purse, store, hours):
    for day in range(21):
        spend(store, "0.1", NOON - day * DAY)
    purse.renew(store, NOON)
    assert purse.spent(Provider.TIKHUB).month_usd == Decimal("2.1")
    spend(store, "0.05", NOON + MINUTE)
    at = NOON + timedelta(hours=hours)
    purse.renew(store, at)
    assert purse.spent(Provider.TIKHUB).month_usd == (Decimal("2.15") if at.month == NOON.month else 0)
