"""What was spent, in real SQLite files: possible spend counts as spend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rules.values import Subject, Target
from storage.records import Attempt, Planned, Polled, Settled, Spending
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = "tiktok/account/1"
USER = "user"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "watch.db"


@pytest.fixture
def store(path):
    store = Store.open(path)
    store.sync_targets([Target(KEY, Subject.ACCOUNT, "someone", "tiktok")], T0)
    store.plan([Planned(KEY, USER, MINUTE, T0)], T0)
    yield store
    store.close()


def attempt(usd="0.001", endpoint=USER, provider="tikhub", schedule_ids=()):
    return Attempt(provider, endpoint, 1, Decimal(usd), schedule_ids)


def claim(store):
    [claimed] = store.claim(USER, T0, T0 + MINUTE, "me", 1)
    return claimed.schedule_id


def test_a_call_counts_with_all_it_may_cost_from_before_it_is_sent(store):
    store.open_calls([attempt("0.025"), attempt("0.001")], T0)
    assert store.spent("tikhub", T0) == Decimal("0.026")


def test_each_attempt_has_an_id_of_its_own_in_the_order_given(store):
    first = store.open_calls([attempt("0.001"), attempt("0.002")], T0)
    second = store.open_calls([attempt("0.004")], T0)
    store.settle_calls([Settled(first[1], 1, Decimal(0), "ok")])
    assert len({*first, *second}) == 3
    assert store.spent("tikhub", T0) == Decimal("0.005")


def test_no_attempt_is_no_row(store):
    assert store.open_calls([], T0) == []
    assert store.spending(T0) == []


def test_a_settled_call_counts_with_what_it_cost(store):
    [call] = store.open_calls([attempt("0.025")], T0)
    store.settle_calls([Settled(call, 3, Decimal("0.003"), "ok")])
    assert store.spending(T0) == [Spending("tikhub", USER, 3, Decimal("0.003"), 1)]


def test_a_poll_and_the_cost_of_its_call_are_one_commit(store):
    schedule_id = claim(store)
    [call] = store.open_calls([attempt(schedule_ids=(schedule_id,))], T0)
    settled = Settled(call, 1, Decimal(0), "server")
    unstorable = Polled(schedule_id, T0.replace(tzinfo=None), "server", T0)
    with pytest.raises(TypeError):
        store.commit_polls([unstorable], "me", [settled])
    assert store.spent("tikhub", T0) == Decimal("0.001")

    store.commit_polls([Polled(schedule_id, T0, "server", T0)], "me", [settled])
    assert store.spent("tikhub", T0) == 0


def test_the_cost_of_a_poll_whose_lease_was_lost_is_kept(store):
    schedule_id = claim(store)
    [call] = store.open_calls([attempt(schedule_ids=(schedule_id,))], T0)
    committed = store.commit_polls(
        [Polled(schedule_id, T0, "ok", T0)], "somebody else", [Settled(call, 2, Decimal("0.002"), "ok")]
    )
    assert committed.accepted == []
    assert store.spending(T0) == [Spending("tikhub", USER, 2, Decimal("0.002"), 1)]


def test_what_a_dead_process_may_have_spent_stays_spent(store, path):
    store.open_calls([attempt(schedule_ids=(claim(store),))], T0)
    again = Store.open(path)
    again.take_over([], T0 + MINUTE)
    assert again.spending(T0) == [Spending("tikhub", USER, 1, Decimal("0.001"), 1)]
    again.close()


def test_spend_is_of_one_provider_since_a_time(store):
    for minutes in range(3):
        store.open_calls([attempt(), attempt(provider="keyapi")], T0 + minutes * MINUTE)
    assert store.spent("tikhub", T0 + MINUTE) == Decimal("0.002")
    assert store.spent("tikhub", T0 + 3 * MINUTE) == 0


def test_spending_names_each_endpoint_and_the_dearest_comes_first(store):
    store.open_calls([attempt("0.001"), attempt("0.001"), attempt("0.05", "fakes"), attempt("0", "x", "keyapi")], T0)
    assert store.spending(T0) == [
        Spending("tikhub", "fakes", 1, Decimal("0.05"), 1),
        Spending("tikhub", USER, 2, Decimal("0.002"), 2),
        Spending("keyapi", "x", 1, Decimal(0), 1),
    ]


def test_a_thousand_small_costs_add_up_exactly(store):
    store.open_calls([attempt("0.0001")] * 1_000, T0)
    assert store.spent("tikhub", T0) == Decimal("0.1")
