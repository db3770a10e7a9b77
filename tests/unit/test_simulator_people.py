"""Who is who in the simulated world, and what they published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.simulator.people import People
from daemon.simulator.scenarios import SCENARIOS
from daemon.simulator.world import World

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)

handles = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=24)
uids = st.integers(1, 8 * 10**18).map(str)


@given(st.one_of(handles, uids))
def test_each_name_of_an_account_leads_to_the_other_two(name):
    people = People({})
    person = people.describe(people.identify(name))

    assert {people.describe(people.identify(one)) for one in (person.uid, person.handle, person.sec_uid)} == {person}
    assert name in (person.uid, person.handle) or name.startswith("creator.")
    assert person.uid.isdecimal()


@given(handles, handles)
def test_two_handles_have_two_uids(one, other):
    people = People({})

    same = people.describe(people.identify(one)).uid == people.describe(people.identify(other)).uid
    assert same == (people.identify(one) == people.identify(other))


def test_given_names_lead_to_the_given_uid_and_back():
    sealed = "MS4wLjABAAAAv7iSuuXDJGDvJkmH"
    world = World(started=STARTED, handles={"meiskitchen": "107955", "mei": "107955", sealed: "107955"})

    people = {world.person(name) for name in ("meiskitchen", "mei", sealed, "107955")}

    assert [(one.uid, one.handle, one.sec_uid) for one in people] == [("107955", "meiskitchen", sealed)]


def test_a_cookie_can_be_that_of_an_account_of_which_only_the_handle_is_known():
    world = World(started=STARTED, handles={"mei": "meiskitchen"})

    assert world.person("mei") == world.person("meiskitchen") == world.person(world.person("meiskitchen").uid)
    assert world.person("mei").handle == "meiskitchen"


def test_a_sec_uid_that_nobody_gave_is_an_account_of_its_own():
    world, sealed = World(started=STARTED), "MS4wLjABAAAAv7iSuuXDJGDvJkmH"

    person = world.person(sealed)

    assert person.sec_uid == sealed
    assert person == world.person(sealed) != world.person(sealed + "x")


def test_a_story_or_fault_of_any_name_of_an_account_is_that_of_the_account():
    names = {"meiskitchen": "107955", "mei": "107955"}
    for name in (*names, "107955", World(started=STARTED, handles=names).person("mei").sec_uid):
        world = World(started=STARTED, handles=names, scenarios={name: "private"}, faults={name: "http-500"})

        assert world.scenario(world.people.identify("mei")).name == "private"
        assert world.fault(["meiskitchen"]) == "http-500"
        assert (world.scenario("204").name, world.fault(["204"])) == ("calm", "")


@given(uids, st.integers(0, 400), st.sampled_from([1.0, 24.0]))
def test_a_new_video_comes_every_one_to_three_days(account, day, speed):
    world = World(started=STARTED, speed=speed)
    at = STARTED + day * DAY / speed

    times = [clip.published for clip in world.library(account, STARTED - 400 * DAY, at)]

    gaps = [(newer - older) * speed for newer, older in pairwise(times)]
    assert all(0.99 * DAY <= gap <= 3.01 * DAY for gap in gaps)
    assert (at - times[0]) * speed < 3.01 * DAY
    assert times[-1] >= STARTED - 91 * DAY / speed


@given(uids, st.integers(0, 90), st.integers(1, 60))
def test_a_window_of_the_library_is_a_part_of_the_whole(account, since, days):
    world = World(started=STARTED)
    start = STARTED - 90 * DAY + since * DAY

    whole = world.library(account, STARTED - 400 * DAY, STARTED + 200 * DAY)
    part = world.library(account, start, start + days * DAY)

    assert part == [clip for clip in whole if start <= clip.published <= start + days * DAY]


def test_the_upper_bits_of_an_id_are_the_second_of_publication():
    world = World(started=STARTED, speed=7.3)

    clips = world.library("ann", STARTED - 400 * DAY, STARTED + 40 * DAY)

    assert all(int(clip.video_id) >> 32 == clip.published.timestamp() for clip in clips)
    assert all(world.born(clip.video_id) == clip.published for clip in clips)
    assert len({clip.video_id for clip in clips}) == len(clips) > 40


def test_the_views_of_a_video_begin_with_0_and_come_quickly_in_its_first_days():
    world = World(started=STARTED)
    clip = world.library("ann", STARTED, STARTED + 10 * DAY)[0]

    counts = [world.counts(clip.video_id, clip.published + n * DAY)["views"] for n in range(-1, 15)]

    assert counts[:2] == [0, 0]
    assert counts == sorted(counts)
    assert counts[2] > 0.3 * counts[-1]
    assert counts[4] - counts[3] > 3 * (counts[-1] - counts[-2])


def test_a_viral_story_of_an_account_is_lived_by_its_newest_video_on_every_route():
    world = World(started=STARTED, scenarios={"ann": "viral-video"})
    surge = STARTED + SCENARIOS["viral-video"].views.after
    viral, other = (clip.video_id for clip in world.library("ann", STARTED, surge)[:2])

    def gained(video, owner):
        return world.counts(video, surge + DAY, owner)["views"] - world.counts(video, surge, owner)["views"]

    assert gained(viral, "ann") == gained(viral, "") > 1_000_000
    assert gained(other, "ann") < 100_000


@pytest.mark.parametrize("identity", ["*", "ann"])
def test_the_platform_purge_takes_three_percent_within_an_hour(identity):
    world = World(started=STARTED, scenarios={identity: "platform-purge"})
    purge = STARTED + 15 * DAY
    hit = ("ann", "ben", "204") if identity == "*" else ("ann",)

    for account in ("ann", "ben", "204"):
        before, after, later = (world.followers(account, purge + n * timedelta(hours=1)) for n in (0, 1, 13))
        assert after == pytest.approx((0.97 if account in hit else 1) * before, rel=0.001)
        assert later >= after


def test_removed_and_private_end_when_the_flag_is_cleared():
    world = World(started=STARTED)
    video = world.library("ann", STARTED - 30 * DAY, STARTED)[0].video_id
    seen = []
    for story in ("removed", "private", None):
        world.scenarios = {video: story} if story else {}
        listed = video in {clip.video_id for clip in world.library("ann", STARTED - 30 * DAY, STARTED)}
        seen.append((listed, *(world.shows(video, to_owner=owner) for owner in (True, False))))

    assert seen == [(False, False, False), (True, True, False), (True, True, True)]
