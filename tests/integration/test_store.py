"""The plan, the polls and their numbers, in real SQLite files."""

from __future__ import annotations

import math
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from rules.values import Record, Subject, Target
from storage.records import Planned, Polled
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USER = "tiktok.user"
FANS = ("follower_count", ())
LIKES = ("like_count", ())


def target(number, name="someone"):
    return Target(f"tiktok/account/{number}", Subject.ACCOUNT, name, "tiktok", "ana", ("vip",), "https://t")


def line(number, endpoint=USER, interval=15 * MINUTE, due=T0):
    return Planned(f"tiktok/account/{number}", endpoint, interval, due)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "watch.db"


@pytest.fixture
def store(path):
    store = Store.open(path)
    yield store
    store.close()


@pytest.fixture
def planned(store):
    """Three targets, one endpoint, all due at T0."""
    store.sync_targets([target(number) for number in range(3)], T0)
    store.plan([line(number) for number in range(3)], T0)
    return store


def claim(store, at=T0, owner="me", limit=100, endpoint=USER):
    return store.claim(endpoint, at, at + MINUTE, owner, limit)


def ok(schedule_id, at=T0, values=None, **more):
    return Polled(schedule_id, at, "ok", at + 15 * MINUTE, {FANS: 1.0} if values is None else values, **more)


def poll(store, at, values, **more):
    """One poll of the first target, claimed and committed."""
    [claimed] = claim(store, at, limit=1)
    assert store.commit_polls([ok(claimed.schedule_id, at, values, **more)], "me").accepted == [claimed.schedule_id]
    return claimed.schedule_id


def points(store, since, schedule_ids=None):
    return [
        (at_s - T0.timestamp(), dict(zip(members, numbers, strict=True)))
        for _, at_s, members, numbers in store.samples(schedule_ids, since)
    ]


def query(path, sql):
    connection = sqlite3.connect(path)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


# --- the plan ----------------------------------------------------------------------------------------------------


def test_a_due_line_is_claimed_once(planned):
    assert [c.target for c in claim(planned, limit=2)] == ["tiktok/account/0", "tiktok/account/1"]
    assert [c.target for c in claim(planned)] == ["tiktok/account/2"]
    assert claim(planned) == []


def test_a_claim_says_what_to_do(planned):
    claimed = claim(planned)[0]
    assert (claimed.endpoint, claimed.interval, claimed.failures) == (USER, 15 * MINUTE, 0)


def test_a_line_of_another_endpoint_is_not_claimed(planned):
    assert claim(planned, endpoint="tiktok.video") == []


def test_a_line_that_is_not_due_is_not_claimed(planned):
    assert claim(planned, T0 - timedelta(milliseconds=1)) == []


def test_a_line_that_is_soon_due_can_be_claimed_ahead_but_not_one_that_is_leased(store):
    store.sync_targets([target(number) for number in range(3)], T0)
    store.plan([line(number, due=T0 + number * MINUTE) for number in range(3)], T0)
    leased = claim(store)
    ahead = store.claim(USER, T0, T0 + MINUTE, "me", 100, ahead=MINUTE)

    assert [c.target for c in leased] == ["tiktok/account/0"]
    assert [c.target for c in ahead] == ["tiktok/account/1"]
    assert claim(store, T0 + MINUTE, owner="you") == leased + ahead


def test_a_lease_that_expired_can_be_claimed_by_another(planned):
    first = claim(planned, owner="one")
    assert claim(planned, T0 + MINUTE, owner="two") == first


def test_a_poll_whose_lease_was_lost_is_dropped(planned, path):
    schedule_id = claim(planned, owner="one", limit=1)[0].schedule_id
    claim(planned, T0 + MINUTE, owner="two")
    assert planned.commit_polls([ok(schedule_id)], "one").accepted == []
    assert query(path, "select count(*) from sample") == [(0,)]


def test_a_lease_is_good_for_one_poll(planned):
    schedule_id = claim(planned, limit=1)[0].schedule_id
    again = ok(schedule_id, T0 + MINUTE)
    assert planned.commit_polls([ok(schedule_id), again], "me").accepted == [schedule_id]
    assert planned.commit_polls([again], "me").accepted == []


def test_two_writers_never_share_a_line(planned, path):
    planned.sync_targets([target(number) for number in range(400)], T0)
    planned.plan([line(number) for number in range(400)], T0)
    claimed: dict[str, list[int]] = {"one": [], "two": []}

    def work(owner):
        store = Store.open(path)
        while batch := claim(store, owner=owner, limit=7):
            claimed[owner] += [c.schedule_id for c in batch]
        store.close()

    threads = [threading.Thread(target=work, args=(owner,)) for owner in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = claimed["one"] + claimed["two"]
    assert len(everything) == len(set(everything)) == 400


def test_the_next_due_time_is_now_if_a_line_is_overdue(planned):
    assert planned.next_due(T0 - MINUTE) == T0
    assert planned.next_due(T0 + MINUTE) == T0 + MINUTE


def test_an_empty_plan_has_no_next_due_time(store):
    assert store.next_due(T0) is None


def test_a_line_that_stays_keeps_its_due_time(planned):
    planned.plan([line(number, due=T0 + 9 * MINUTE) for number in range(3)], T0)
    assert planned.next_due(T0 - MINUTE) == T0


def test_a_shorter_interval_brings_the_next_poll_forward(planned):
    poll(planned, T0, {FANS: 1.0})
    planned.plan([line(0, interval=2 * MINUTE)], T0 + MINUTE)
    assert planned.next_due(T0) == T0 + 3 * MINUTE


def test_a_longer_interval_does_not_put_off_the_next_poll(planned):
    planned.plan([line(0, interval=60 * MINUTE)], T0 + MINUTE)
    assert planned.next_due(T0 - MINUTE) == T0


@pytest.mark.parametrize(("set_back", "minutes"), [(7.5, 22.5), (8, 15), (600, 15)])
def test_a_clock_that_was_set_back_does_not_put_off_a_poll_by_more_than_half_an_interval(planned, set_back, minutes):
    planned.plan([line(0)], T0)
    poll(planned, T0, {FANS: 1.0})  # due again 15 minutes later
    now = T0 - set_back * MINUTE
    planned.plan([line(0)], now)
    assert planned.next_due(now) == now + minutes * MINUTE


def test_a_clock_that_was_set_back_does_not_end_a_lease(planned):
    claim(planned)
    planned.plan([line(number) for number in range(3)], T0 - 600 * MINUTE)
    assert planned.next_due(T0 - 600 * MINUTE) == T0 + MINUTE


def test_a_line_that_left_the_plan_is_not_claimed_and_returns_at_its_first_due_time(planned):
    planned.plan([line(0)], T0)
    assert len(claim(planned)) == 1
    planned.plan([line(0), line(1, due=T0 + 5 * MINUTE)], T0)
    assert [c.target for c in claim(planned, T0 + 5 * MINUTE)] == ["tiktok/account/0", "tiktok/account/1"]


def test_the_answer_to_a_line_that_left_the_plan_does_not_bring_it_back(planned):
    schedule_id = claim(planned, limit=1)[0].schedule_id
    planned.plan([line(1), line(2)], T0)
    assert planned.commit_polls([ok(schedule_id)], "me").accepted == []
    assert schedule_id not in [r.schedule_id for r in planned.remembered()]


def test_a_target_that_is_not_named_leaves_the_plan_and_returns_when_it_is(planned, path):
    planned.sync_targets([target(1, "new name")], T0 + MINUTE)
    assert [c.target for c in claim(planned)] == ["tiktok/account/1"]
    planned.sync_targets([target(0), target(1, "new name")], T0 + 2 * MINUTE)
    names = query(path, "select name, removed_ms is null from target order by key")
    assert names == [("someone", 1), ("new name", 1), ("someone", 0)]


# --- the polls ---------------------------------------------------------------------------------------------------


def test_a_poll_is_remembered_and_waits_to_be_judged(planned):
    schedule_id = poll(planned, T0, {FANS: 5.0})
    [remembered] = planned.unjudged()
    assert (remembered.schedule_id, remembered.outcome, remembered.polled) == (schedule_id, "ok", T0)
    assert len(planned.remembered()) == 3


def test_failures_in_a_row_are_counted_and_a_success_ends_them(planned):
    counted = []
    for number, outcome in enumerate(["timeout", "cookie", "ok"]):
        at = T0 + number * MINUTE
        schedule_id = claim(planned, at, limit=1)[0].schedule_id
        values = {FANS: 1.0} if outcome == "ok" else None
        planned.commit_polls([Polled(schedule_id, at, outcome, T0, values)], "me")
        counted.append(planned.unjudged()[0].failures)
    assert counted == [1, 2, 0]


def test_a_failed_poll_writes_no_numbers(planned, path):
    schedule_id = claim(planned, limit=1)[0].schedule_id
    planned.commit_polls([Polled(schedule_id, T0, "cookie", T0 + MINUTE)], "me")
    assert planned.unjudged()[0].outcome == "cookie"
    assert query(path, "select count(*) from sample") == [(0,)]


def test_unknown_comes_back_as_nan_and_not_as_zero(planned):
    poll(planned, T0, {FANS: None, LIKES: 0.0})
    [(_, numbers)] = points(planned, {})
    assert math.isnan(numbers[FANS])
    assert numbers[LIKES] == 0.0


def test_the_order_of_series_and_labels_makes_no_second_layout(planned, path):
    one = ("violation", (("id", "7"), ("kind", "x")))
    same = ("violation", (("kind", "x"), ("id", "7")))
    planned.plan([line(0)], T0)
    poll(planned, T0, {FANS: 1.0, one: 2.0})
    poll(planned, T0 + 15 * MINUTE, {same: 4.0, FANS: 3.0})
    assert query(path, "select count(*) from series") == [(1,)]
    assert points(planned, {USER: T0}) == [(0.0, {FANS: 1.0, one: 2.0}), (900.0, {FANS: 3.0, one: 4.0})]


def test_a_layout_survives_a_restart(planned, path):
    poll(planned, T0, {LIKES: 2.0, FANS: 1.0})
    again = Store.open(path)
    poll(again, T0, {FANS: 3.0, LIKES: 4.0})  # of the second target
    assert query(path, "select count(*) from series") == [(1,)]
    assert [numbers for _, numbers in points(again, {})] == [{FANS: 1.0, LIKES: 2.0}, {FANS: 3.0, LIKES: 4.0}]
    again.close()


def test_a_layout_of_a_poll_that_failed_to_commit_is_not_believed(planned, path):
    schedule_id = claim(planned, limit=1)[0].schedule_id
    broken = ok(schedule_id, records=(Record("violation", "1", {"a": object()}),))  # no JSON has an object()
    with pytest.raises(TypeError):
        planned.commit_polls([broken], "me")
    assert planned.commit_polls([ok(schedule_id)], "me").accepted == [schedule_id]
    assert query(path, "select count(*) from sample join series on series.id = series_id") == [(1,)]


def test_two_polls_of_the_same_instant_are_one_sample(planned):
    schedule_id = claim(planned, limit=1)[0].schedule_id
    planned.commit_polls([Polled(schedule_id, T0, "ok", T0, {FANS: 1.0})], "me")
    claim(planned)
    planned.commit_polls([ok(schedule_id, T0, {FANS: 2.0})], "me")
    assert points(planned, {}) == [(0.0, {FANS: 2.0})]


# --- the windows -------------------------------------------------------------------------------------------------


@pytest.fixture
def history(store):
    """One target polled at minutes 0, 15, 30 and 45, with those numbers."""
    store.sync_targets([target(0)], T0)
    store.plan([line(0)], T0)
    for minute in (0, 15, 30, 45):
        poll(store, T0 + minute * MINUTE, {FANS: float(minute)})
    return store


@pytest.mark.parametrize(
    ("since", "minutes"),
    [
        ({USER: T0 + 20 * MINUTE}, [15, 30, 45]),
        ({USER: T0 + 30 * MINUTE}, [15, 30, 45]),
        ({USER: T0 - MINUTE}, [0, 15, 30, 45]),
        ({USER: T0 + 600 * MINUTE}, [45]),
        ({"another": T0}, [45]),
        ({}, [45]),
    ],
)
def test_a_window_has_the_value_it_starts_from(history, since, minutes):
    assert points(history, since) == [(60.0 * minute, {FANS: float(minute)}) for minute in minutes]


def test_windows_come_by_line_and_time_and_only_of_the_lines_asked_for(planned):
    first, second, third = (c.schedule_id for c in claim(planned))
    planned.commit_polls([ok(third), ok(first), ok(second)], "me")
    assert [row[0] for row in planned.samples(None, {})] == [first, second, third]
    assert [row[0] for row in planned.samples([third, first], {})] == [first, third]


def test_the_members_of_one_layout_are_one_object(planned):
    planned.commit_polls([ok(c.schedule_id) for c in claim(planned)], "me")
    first, second, third = (members for _, _, members, _ in planned.samples(None, {}))
    assert first is second is third


def test_a_reader_of_windows_does_not_hold_up_the_writer(history):
    windows = history.samples(None, {USER: T0})
    next(windows)
    poll(history, T0 + 60 * MINUTE, {FANS: 60.0})
    assert len(list(windows)) == 3  # one moment of the database: the new sample is not in it


# --- answers and records -----------------------------------------------------------------------------------------


def test_an_answer_is_kept_only_when_it_differs(planned, path):
    for minute, payload in ((0, b'{"a":1}'), (15, b'{"a":1}'), (30, b'{"a":2}')):
        at = T0 + minute * MINUTE
        planned.plan([line(0)], at)
        schedule_id = poll(planned, at, {FANS: 1.0}, payload=payload)
    assert query(path, "select count(*) from snapshot") == [(2,)]
    assert planned.snapshot(schedule_id, T0 + 20 * MINUTE) == b'{"a":1}'
    assert planned.snapshot(schedule_id, T0 + 30 * MINUTE) == b'{"a":2}'
    assert planned.snapshot(schedule_id, T0 - MINUTE) is None


def test_the_words_of_a_record_follow_the_provider(planned):
    planned.plan([line(0)], T0)
    old, new = (Record("violation", "7", {"status": status}) for status in ("open", "appealed"))
    later = Record("violation", "8", {"status": "open"})
    poll(planned, T0, {FANS: 1.0}, records=(old,))
    poll(planned, T0 + 15 * MINUTE, {FANS: 1.0}, records=(new, later))
    assert planned.facts("tiktok/account/0", "violation", 10) == [later, new]
    assert planned.facts("tiktok/account/0", "violation", 1) == [later]
    assert planned.facts("tiktok/account/1", "violation", 10) == []


def test_a_record_with_the_same_words_is_not_written_again(planned, path):
    planned.plan([line(0)], T0)
    seen = []
    for hours in (0, 1, 25):
        poll(planned, T0 + timedelta(hours=hours), {FANS: 1.0}, records=(Record("violation", "7", {"a": "b"}),))
        [(first_ms, last_ms)] = query(path, "select first_ms, last_ms from fact")
        seen.append((last_ms - first_ms) // 3_600_000)
    assert seen == [0, 0, 0]


A, B = (Record("violation", name, {"status": "open"}) for name in "ab")


@pytest.mark.parametrize(
    ("seen", "present"),
    [
        ([(A, B), (B,)], [B]),
        ([(A, B), ()], []),
        ([(A,), (), (A,)], [A]),
        ([(A,), (A, B)], [B, A]),
    ],
)
def test_a_record_lasts_until_an_answer_no_longer_holds_it(planned, seen, present):
    planned.plan([line(0)], T0)
    for number, records in enumerate(seen):
        poll(planned, T0 + number * 15 * MINUTE, {FANS: 1.0}, records=records)
    assert planned.facts("tiktok/account/0", "violation", 10) == present


def test_a_record_that_ended_while_nobody_ran_has_ended(planned, path):
    planned.plan([line(0)], T0)
    poll(planned, T0, {FANS: 1.0}, records=(A,))
    again = Store.open(path)
    poll(again, T0 + 15 * MINUTE, {FANS: 1.0})
    assert again.facts("tiktok/account/0", "violation", 10) == []
    again.close()


def test_a_failed_poll_ends_no_record(planned):
    planned.plan([line(0)], T0)
    schedule_id = poll(planned, T0, {FANS: 1.0}, records=(A,))
    claim(planned, T0 + 15 * MINUTE)
    planned.commit_polls([Polled(schedule_id, T0 + 15 * MINUTE, "cookie", T0 + 30 * MINUTE)], "me")
    assert planned.facts("tiktok/account/0", "violation", 10) == [A]


def test_a_record_is_ended_only_by_its_own_endpoint_and_target(planned):
    lines = [line(0), line(1), line(0, endpoint="tiktok.video")]
    planned.plan(lines, T0)
    for endpoint, limit in ((USER, 2), ("tiktok.video", 1)):
        claimed = claim(planned, endpoint=endpoint, limit=limit)
        planned.commit_polls([ok(c.schedule_id, records=(A if endpoint == USER else B,)) for c in claimed], "me")
    at = T0 + 15 * MINUTE
    [first, *_] = claim(planned, at)
    planned.commit_polls([ok(first.schedule_id, at)], "me")

    assert first.target == "tiktok/account/0"
    assert planned.facts("tiktok/account/0", "violation", 10) == [B]
    assert planned.facts("tiktok/account/1", "violation", 10) == [A]
