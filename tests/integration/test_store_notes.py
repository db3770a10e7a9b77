"""What answers tell besides numbers, and what is not believed, in real SQLite files."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from rules.values import Subject, Target
from storage.records import (
    Discovered,
    FoundVideo,
    Identity,
    Incident,
    Listing,
    Noted,
    Planned,
    Polled,
    Quarantine,
    Sight,
)
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MEI, LIN = "douyin/account/mei", "douyin/account/lin"
ACCOUNTS = [Target(key, Subject.ACCOUNT, "someone", "douyin") for key in (MEI, LIN)]
SEVEN = Target("douyin/video/7", Subject.VIDEO, "the seventh", "douyin", "ana", ("vip",), "https://d")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "watch.db"


@pytest.fixture
def store(path):
    store = Store.open(path)
    store.sync_targets(ACCOUNTS, T0)
    yield store
    store.close()


def discover(store, *videos, account=MEI, at=T0):
    store.commit_polls([], "me", noted=Noted(found=[Listing(account, "douyin", videos, at)]))


def identify(store, **ids):
    """What accounts told, by their names."""
    told = {f"douyin/account/{name}": identity for name, identity in ids.items()}
    store.commit_polls([], "me", noted=Noted(ids=told))


def query(path, sql):
    connection = sqlite3.connect(path)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


# --- ids ---------------------------------------------------------------------------------------------------------


def test_ids_are_remembered_by_account(store):
    mei, lin = Identity("107955", "MS4w", "meiskitchen", T0), Identity("2", "", "lin", T0)
    identify(store, mei=mei)
    identify(store, lin=lin)
    assert store.identities() == {MEI: mei, LIN: lin}


def test_a_new_handle_replaces_the_old_and_what_is_not_told_stays(store):
    identify(store, mei=Identity("107955", "MS4w", "meiskitchen", T0))
    identify(store, mei=Identity("", "", "mei.cooks", T0 + MINUTE))
    assert store.identities() == {MEI: Identity("107955", "MS4w", "mei.cooks", T0 + MINUTE)}


# --- videos ------------------------------------------------------------------------------------------------------


def test_a_listed_video_is_discovered_and_is_a_target(store, path):
    discover(store, FoundVideo("7", T0 - MINUTE, "soup"), FoundVideo("8"))
    assert store.discovered() == [
        Discovered(MEI, "7", "soup", T0 - MINUTE, T0, T0),
        Discovered(MEI, "8", "", None, T0, T0),
    ]
    rows = query(path, "select key, subject, platform, name, owner, tags, link from target where subject = 'video'")
    assert rows == [
        ("douyin/video/7", "video", "douyin", "soup", "", "[]", ""),
        ("douyin/video/8", "video", "douyin", "8", "", "[]", ""),
    ]


def test_a_video_listed_again_keeps_its_first_time_and_what_is_not_told_any_more(store):
    discover(store, FoundVideo("7", T0 - MINUTE, "soup"))
    discover(store, FoundVideo("7"), at=T0 + MINUTE)
    assert store.discovered() == [Discovered(MEI, "7", "soup", T0 - MINUTE, T0, T0 + MINUTE)]


def test_a_video_takes_the_newer_title_and_time_and_belongs_to_whoever_listed_it_last(store):
    discover(store, FoundVideo("7", None, "soup"))
    discover(store, FoundVideo("7", T0, "noodles"), account=LIN, at=T0 + MINUTE)
    assert store.discovered() == [Discovered(LIN, "7", "noodles", T0, T0, T0 + MINUTE)]


def test_a_discovery_changes_no_configured_target(store, path):
    store.sync_targets([*ACCOUNTS, SEVEN], T0)
    before = query(path, "select * from target")
    discover(store, FoundVideo("7", T0, "soup"), at=T0 + MINUTE)
    assert query(path, "select * from target") == before


def test_a_discovered_video_can_be_named_planned_and_dropped_like_any_target(store, path):
    discover(store, FoundVideo("7", T0, "soup"), FoundVideo("8"))
    store.sync_targets([*ACCOUNTS, SEVEN], T0 + MINUTE)
    store.plan([Planned(SEVEN.key, "video", MINUTE, T0)], T0)
    removed = "select key, name, removed_ms is null from target where subject = 'video'"

    assert query(path, removed) == [(SEVEN.key, "the seventh", 1), ("douyin/video/8", "8", 0)]
    assert [claim.target for claim in store.claim("video", T0, T0 + MINUTE, "me", 9)] == [SEVEN.key]
    store.sync_targets(ACCOUNTS, T0 + 2 * MINUTE)
    assert store.remembered() == []
    assert [video.video_id for video in store.discovered()] == ["7", "8"]


def test_a_listing_does_not_bring_back_what_is_not_watched(store, path):
    discover(store, FoundVideo("7"))
    store.sync_targets(ACCOUNTS, T0)
    discover(store, FoundVideo("7"), at=T0 + MINUTE)
    assert query(path, "select removed_ms is null from target where key = 'douyin/video/7'") == [(0,)]


def test_an_empty_listing_finds_nothing(store):
    discover(store)
    assert store.discovered() == []


# --- sights ------------------------------------------------------------------------------------------------------


def test_the_newest_sight_of_a_video_is_kept(store):
    discover(store, FoundVideo("7"), FoundVideo("8"))
    first = [Sight("douyin/video/7", "public", 1, T0), Sight("douyin/video/8", "private", 0, T0)]
    store.commit_polls([], "me", noted=Noted(sights=first))
    assert store.sights() == first

    gone = Sight("douyin/video/7", "removed", 2, T0 + MINUTE)
    store.commit_polls([], "me", noted=Noted(sights=[gone]))
    assert store.sights() == [gone, first[1]]
    assert (store.sights(["douyin/video/7", "nobody"]), store.sights([])) == ([gone], [])


# --- with polls --------------------------------------------------------------------------------------------------

NOTED = Noted(
    found=[Listing(MEI, "douyin", (FoundVideo("7", T0, "soup"),), T0)],
    ids={MEI: Identity("107955", "MS4w", "meiskitchen", T0)},
    sights=[Sight("douyin/video/7", "public", 0, T0)],
)


def claimed(store):
    store.plan([Planned(MEI, "list", MINUTE, T0)], T0)
    [claim] = store.claim("list", T0, T0 + MINUTE, "me", 1)
    return claim.schedule_id


def known(store):
    return store.identities(), [video.video_id for video in store.discovered()], store.sights()


def test_a_poll_and_what_it_told_are_one_commit(store):
    schedule_id = claimed(store)
    unstorable = Polled(schedule_id, T0.replace(tzinfo=None), "ok", T0)
    with pytest.raises(TypeError):
        store.commit_polls([unstorable], "me", noted=NOTED)
    assert known(store) == ({}, [], [])

    assert store.commit_polls([Polled(schedule_id, T0, "ok", T0)], "me", noted=NOTED).accepted == [schedule_id]
    assert known(store) == (NOTED.ids, ["7"], NOTED.sights)


def test_what_was_told_outlives_a_restart(store, path):
    store.commit_polls([], "me", noted=NOTED)
    again = Store.open(path)
    assert known(again) == (NOTED.ids, ["7"], NOTED.sights)
    again.close()


# --- quarantine --------------------------------------------------------------------------------------------------


def test_a_quarantine_lasts_until_it_is_released(store):
    gone = Quarantine("user", "fans", T0, "gone")
    scale = Quarantine("user", "points", T0, "scale", 12.5)
    store.quarantine([scale, gone])
    assert store.quarantines() == [gone, scale]

    store.release("user", "fans")
    store.release("video", "points")
    assert store.quarantines() == [scale]


def test_a_new_reason_replaces_the_old(store):
    store.quarantine([Quarantine("user", "fans", T0, "gone")])
    newer = Quarantine("user", "fans", T0 + MINUTE, "scale", 3.0)
    store.quarantine([newer])
    assert store.quarantines() == [newer]


# --- incidents ---------------------------------------------------------------------------------------------------


def test_an_incident_goes_on_until_it_is_ended(store):
    fans = Incident("user", "fans", "fell", 12, 40, T0, T0)
    everything = Incident("videos", "", "failed", 5, 10, T0 + MINUTE, T0 + 2 * MINUTE)
    for each in (everything, fans):
        store.write_incident(each)
    assert store.incidents() == [fans, everything]
    store.end_incident("user", "fans")
    assert store.incidents() == [everything]


def test_of_two_incidents_of_one_place_the_later_counts(store):
    store.write_incident(Incident("user", "fans", "fell", 12, 40, T0, T0))
    later = Incident("user", "fans", "rose", 20, 50, T0 + MINUTE, T0 + MINUTE)
    store.write_incident(later)
    assert store.incidents() == [later]
