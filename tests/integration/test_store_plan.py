"""The plan: what is due, who has claimed it, and when it is due again, in real SQLite files."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from rules.values import Subject, Target
from storage import codec
from storage.records import Attempt, Planned, Polled, TakenOver
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USER = "tiktok.user"
FANS = ("follower_count", ())


def target(number, name="someone"):
    return Target(f"tiktok/account/{number}", Subject.ACCOUNT, name, "tiktok", "ana", ("vip",), "https://t")


def line(number, endpoint=USER, interval=15 * MINUTE, due=T0, words=None):
    return Planned(f"tiktok/account/{number}", endpoint, interval, due, words or f"every {interval}")


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


@pytest.fixture
def one(planned):
    """One target, due at T0."""
    planned.plan([line(0)], T0)
    return planned


def claim(store, at=T0, owner="me", limit=100, endpoint=USER):
    return store.claim(endpoint, at, at + MINUTE, owner, limit)


def ok(schedule_id, at=T0, due=15 * MINUTE, interval=None):
    return Polled(schedule_id, at, "ok", due and at + due, {FANS: 1.0}, interval=interval)


def poll(store, at=T0, due=15 * MINUTE, interval=None):
    """One poll of the first target, claimed and committed."""
    [claimed] = claim(store, at, limit=1)
    accepted = store.commit_polls([ok(claimed.schedule_id, at, due, interval)], "me").accepted
    assert accepted == [claimed.schedule_id]
    return claimed.schedule_id


def interval(store):
    [remembered] = store.remembered()
    return remembered.interval


def query(path, sql):
    connection = sqlite3.connect(path)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


# --- claims ------------------------------------------------------------------------------------------------------


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


def test_beside_others_only_what_is_wanted_is_claimed_and_once(planned):
    def claimed(*wanted):
        beside = [f"tiktok/account/{number}" for number in wanted]
        return [c.target for c in planned.claim(USER, T0, T0 + MINUTE, "me", 100, beside=beside)]

    assert claimed() == claimed(9) == []
    assert claimed(1, 9) == ["tiktok/account/1"]
    assert set(claimed(0, 1, 2)) == {"tiktok/account/0", "tiktok/account/2"}


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
    poll(planned)
    planned.plan([line(0, interval=2 * MINUTE)], T0 + MINUTE)
    assert planned.next_due(T0) == T0 + 3 * MINUTE


def test_a_longer_interval_does_not_put_off_the_next_poll(planned):
    planned.plan([line(0, interval=60 * MINUTE)], T0 + MINUTE)
    assert planned.next_due(T0 - MINUTE) == T0


@pytest.mark.parametrize(("set_back", "minutes"), [(7.5, 22.5), (8, 15), (600, 15)])
def test_a_clock_that_was_set_back_does_not_put_off_a_poll_by_more_than_half_an_interval(planned, set_back, minutes):
    planned.plan([line(0)], T0)
    poll(planned)  # due again 15 minutes later
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


# --- intervals and cadences --------------------------------------------------------------------------------------


def test_a_line_of_the_same_cadence_keeps_the_interval_that_its_poll_brought(one):
    poll(one, due=3 * MINUTE, interval=3 * MINUTE)
    one.plan([line(0)], T0 + MINUTE)
    assert interval(one) == 3 * MINUTE
    assert one.next_due(T0) == T0 + 3 * MINUTE
    assert claim(one, T0 + 3 * MINUTE)[0].interval == 3 * MINUTE


def test_a_poll_that_brings_no_interval_leaves_the_one_there_is(one):
    poll(one, due=3 * MINUTE, interval=3 * MINUTE)
    poll(one, T0 + 3 * MINUTE)
    assert interval(one) == 3 * MINUTE


@pytest.mark.parametrize(("usual", "minutes", "until_then"), [(2, 3, 15), (60, 15, 60)])
def test_a_line_of_another_cadence_is_due_within_its_interval_but_has_a_shorter_one_only_then(
    one, usual, minutes, until_then
):
    poll(one)
    one.plan([line(0, interval=usual * MINUTE)], T0 + MINUTE)
    assert (interval(one), one.next_due(T0)) == (until_then * MINUTE, T0 + minutes * MINUTE)
    poll(one, T0 + 60 * MINUTE, interval=usual * MINUTE)
    assert interval(one) == usual * MINUTE


def test_the_clock_set_back_is_told_by_the_lines_own_interval(one):
    poll(one, due=600 * MINUTE, interval=600 * MINUTE)
    one.plan([line(0)], T0)
    assert one.next_due(T0) == T0 + 600 * MINUTE
    one.plan([line(0)], T0 - 301 * MINUTE)
    assert one.next_due(T0 - 301 * MINUTE) == T0 + 299 * MINUTE


def test_a_line_that_returns_to_the_plan_begins_anew(one):
    poll(one, due=3 * MINUTE, interval=3 * MINUTE)
    one.plan([], T0)
    one.plan([line(0, due=T0 + 7 * MINUTE)], T0)
    assert interval(one) == 15 * MINUTE
    assert one.next_due(T0) == T0 + 7 * MINUTE


def test_a_leased_line_keeps_its_lease_when_its_cadence_changes(one):
    claim(one)
    one.plan([line(0, interval=60 * MINUTE)], T0)
    assert one.next_due(T0) == T0 + MINUTE
    assert interval(one) == 60 * MINUTE


# --- no turn any more --------------------------------------------------------------------------------------------


@pytest.fixture
def done(one):
    """One line that has had its last turn."""
    poll(one, due=None)
    return one


def test_a_line_without_a_next_turn_stays_in_the_plan_and_is_never_claimed(done):
    assert [remembered.outcome for remembered in done.remembered()] == ["ok"]
    assert done.next_due(T0) is None
    assert claim(done, T0 + timedelta(days=365_000)) == []


def test_neither_the_same_plan_nor_a_clock_that_was_set_back_gives_it_a_turn(done):
    done.plan([line(0)], T0 - timedelta(days=365))
    assert done.next_due(T0) is None


def test_another_cadence_gives_it_a_turn_within_an_interval(done):
    done.plan([line(0, interval=2 * MINUTE)], T0)
    assert done.next_due(T0) == T0 + 2 * MINUTE


def test_a_wake_gives_it_a_turn(done):
    done.wake([("tiktok/account/0", USER)], T0 + 5 * MINUTE)
    assert done.next_due(T0) == T0 + 5 * MINUTE


def test_its_numbers_are_still_there(done):
    assert len(list(done.samples(None, {}))) == 1


# --- wakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "due"), [(5, 5), (15, 15), (20, 15), (-1, -1)])
def test_a_wake_brings_a_turn_forward_and_puts_none_off(one, wanted, due):
    poll(one)
    one.wake([("tiktok/account/0", USER)], T0 + wanted * MINUTE)
    assert one.next_due(T0 - MINUTE) == T0 + due * MINUTE


def test_a_wake_does_not_touch_a_leased_line_nor_one_out_of_the_plan(planned, path):
    claim(planned, limit=1)
    planned.plan([line(0), line(1)], T0)
    before = query(path, "select * from schedule")
    planned.wake([(f"tiktok/account/{n}", USER) for n in (0, 2)], T0 - MINUTE)
    assert query(path, "select * from schedule") == before


def test_a_wake_is_for_the_named_endpoint_and_target_only(planned):
    planned.plan([line(0, due=T0 + MINUTE), line(0, "tiktok.video", due=T0 + MINUTE)], T0)
    poll(planned)
    planned.wake([("tiktok/account/0", "tiktok.video"), ("tiktok/account/77", USER)], T0)
    assert claim(planned) == []
    assert [c.target for c in claim(planned, endpoint="tiktok.video")] == ["tiktok/account/0"]


# --- a process that died -----------------------------------------------------------------------------------------


def attempt(*schedule_ids):
    return Attempt("tikhub", USER, len(schedule_ids), Decimal("0.001"), schedule_ids)


def due_times(path):
    """Minutes after T0, by target."""
    rows = query(path, "select due_ms from schedule where due_ms is not null order by target_id")
    return [(codec.from_ms(due_ms) - T0) / MINUTE for (due_ms,) in rows]


def test_what_was_leased_and_not_sent_is_due_now_and_what_may_have_been_sent_an_interval_later(planned, path):
    poll(planned, due=3 * MINUTE, interval=3 * MINUTE)
    unsent, sent = claim(planned, T0)
    planned.open_calls([attempt(sent.schedule_id)], T0)
    assert (unsent.target, sent.target) == ("tiktok/account/1", "tiktok/account/2")
    assert planned.take_over([], T0 + 2 * MINUTE) == TakenOver(unsent=1, maybe_sent=1)
    assert due_times(path) == [3, 2, 17]


def test_an_interval_later_means_the_lines_own(one, path):
    poll(one, due=MINUTE, interval=MINUTE)
    [sent] = claim(one, T0 + MINUTE)
    one.open_calls([attempt(sent.schedule_id)], T0 + MINUTE)
    one.take_over([], T0 + 2 * MINUTE)
    assert due_times(path) == [3]


def test_a_call_that_may_have_been_sent_changes_neither_the_outcome_nor_the_failures(one):
    [claimed] = claim(one)
    one.commit_polls([Polled(claimed.schedule_id, T0, "timeout", T0)], "me")
    [again] = claim(one)
    one.open_calls([attempt(again.schedule_id)], T0)
    before = one.remembered()
    one.take_over([], T0)
    assert one.remembered() == before
    assert (before[0].outcome, before[0].failures) == ("timeout", 1)


@pytest.mark.parametrize("between", ["commit", "lease", "plan"])
def test_a_call_of_an_earlier_lease_says_nothing_of_the_next(one, between):
    [first] = claim(one)
    one.open_calls([attempt(first.schedule_id)], T0)
    if between == "commit":
        one.commit_polls([ok(first.schedule_id, due=MINUTE)], "me")
    elif between == "plan":
        one.plan([], T0)
        one.plan([line(0)], T0)
    claim(one, T0 + MINUTE)
    assert one.take_over([], T0 + MINUTE) == TakenOver(unsent=1, maybe_sent=0)


def test_a_second_start_takes_nothing_over(one):
    [claimed] = claim(one)
    one.open_calls([attempt(claimed.schedule_id)], T0)
    one.take_over([], T0)
    assert one.take_over([], T0) == TakenOver(unsent=0, maybe_sent=0)
