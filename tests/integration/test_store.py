"""The polls and their numbers, in real SQLite files."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import OperationalError

from rules.values import Record, Subject, Target
from storage.records import Attempt, Planned, Polled
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


def test_what_was_not_sent_is_no_failure_more(planned):
    counted = []
    for number, sent in enumerate([False, True, False]):
        at = T0 + number * MINUTE
        schedule_id = claim(planned, at, limit=1)[0].schedule_id
        planned.commit_polls([Polled(schedule_id, at, "cookie", T0, sent=sent)], "me")
        counted.append(planned.unjudged()[0].failures)
    assert counted == [0, 1, 1]


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


def test_the_past_of_a_line_comes_backwards_from_a_time_and_as_much_as_is_wanted(history):
    [of] = {each.schedule_id for each in history.remembered()}
    assert [at_s - T0.timestamp() for _, at_s, _, _ in history.backwards(of, T0 + 44 * MINUTE, 2)] == [1800, 900]
    assert len(list(history.backwards(of, T0 + 45 * MINUTE, 9))) == 4
    assert list(history.backwards(of + 1, T0 + 45 * MINUTE, 9)) == []


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


# --- trying something out -----------------------------------------------------------------------------------------


def test_what_is_written_to_a_sketch_is_read_from_it_and_nowhere_else(planned, path):
    planned.plan([line(0)], T0)
    poll(planned, T0, {FANS: 1.0}, records=(A,))
    before = planned.remembered()
    sketch, other = Store.sketch(path), Store.sketch(path)
    sketch.sync_targets([target(0, "somebody else"), target(1)], T0)
    sketch.plan([line(0), line(1)], T0)
    assert len(sketch.remembered()) == 2
    assert points(sketch, {USER: T0}) == points(planned, {USER: T0}) != []
    assert sketch.facts("tiktok/account/0", "violation", 10) == [A]
    assert planned.remembered() == other.remembered() == before
    sketch.close()
    other.close()


def test_a_sketch_holds_up_nobody_and_what_is_polled_later_cannot_be_written_to_it(planned, path):
    planned.plan([line(0)], T0)
    sketch = Store.sketch(path)
    sketch.plan([], T0)
    poll(planned, T0, {FANS: 1.0})
    with pytest.raises(OperationalError, match="readonly"):
        sketch.open_calls([Attempt("tikhub", USER, 1, Decimal(1))], T0)
    sketch.close()
