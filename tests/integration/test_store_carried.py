"""Polls that the poll of another line brings: the videos in an account's list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.values import Subject, Target
from storage.records import Planned, Polled
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIST = "fetch_item_list"
PLAYS = ("plays", ())


def planned(first_due, *, words="every 1 h"):
    return [Planned("account", LIST, HOUR, T0, "every 1 h"), Planned("video", LIST, HOUR, first_due, words)]


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "watch.db")
    store.sync_targets([Target("account", Subject.ACCOUNT, "a", "d"), Target("video", Subject.VIDEO, "v", "d")], T0)
    store.plan(planned(None, words="carried"), T0)
    yield store
    store.close()


@pytest.fixture
def carried(store):
    """The poll of the account and that of the video it brings, not committed yet."""
    lines = {line.target: line.schedule_id for line in store.remembered()}
    store.claim(LIST, T0, T0 + HOUR, "me", 10)
    carrier = Polled(lines["account"], T0, "ok", T0 + HOUR, {("listed", ()): 1.0})
    return [
        carrier,
        replace(carrier, schedule_id=lines["video"], due=None, values={PLAYS: 7.0}, carrier=lines["account"]),
    ]


def test_a_line_without_a_first_turn_is_never_asked_by_itself(store):
    claims = store.claim(LIST, T0 + timedelta(days=1000), T0 + timedelta(days=1001), "me", 10)
    assert [claim.target for claim in claims] == ["account"]


def test_the_numbers_of_a_video_are_stored_with_the_poll_that_brought_them(store, carried):
    assert store.commit_polls(carried, "me").accepted == [each.schedule_id for each in carried]
    numbers = {line: list(found) for line, _, _, found in store.samples(None, {LIST: T0})}
    assert numbers[carried[1].schedule_id] == [7.0]


def test_what_a_poll_brings_is_dropped_with_it_if_its_lease_was_lost(store, carried):
    assert store.commit_polls(carried, "somebody else").accepted == []
    assert not list(store.samples(None, {LIST: T0}))


def test_a_line_that_is_carried_from_now_on_is_not_asked_any_more(store):
    store.plan(planned(T0), T0)
    store.plan(planned(None, words="carried"), T0)
    claims = store.claim(LIST, T0 + timedelta(days=1000), T0 + timedelta(days=1001), "me", 10)
    assert [claim.target for claim in claims] == ["account"]


def test_a_line_that_is_carried_cannot_be_woken(store):
    store.wake([("account", LIST), ("video", LIST)], T0 - HOUR)
    assert [claim.target for claim in store.claim(LIST, T0 - HOUR, T0, "me", 10)] == ["account"]


def test_a_line_that_comes_back_into_the_plan_keeps_the_turn_that_it_would_have_had(store, carried):
    store.commit_polls(carried[:1], "me")
    store.plan([], T0)
    store.plan(planned(None, words="carried"), T0 + HOUR / 2)
    assert store.claim(LIST, T0 + HOUR / 2, T0 + HOUR, "me", 10) == []
    assert [claim.target for claim in store.claim(LIST, T0 + HOUR, T0 + 2 * HOUR, "me", 10)] == ["account"]
