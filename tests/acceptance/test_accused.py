"""Who is to blame: the cookie, the key, or a line that has no data. Nobody is accused for another, or for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.config import Override
from tests.acceptance.blind import DAYS, HEALTH, HOURS, MINUTES, account, asked, firing, known, renew, until, watching
from tests.acceptance.test_spending import turns, video_id

MEI, ANA = account("mei", "107955", "wu"), account("ana", "204", "wu")
XIAO = "{platform: douyin, id: xiao, name: Xiao, owner: wu, cookie: '${file:xiao.cookie}'}"
EXPIRED, REFUSES = "the cookie has expired", "TikHub refuses the key"
OTHERS, DIAGNOSIS, LIVES, DETAIL, FAKE, FANS, WORD = (
    "fetch_item_audience_others",
    "fetch_author_diagnosis",
    "get_live_analytics_summary",
    "get_video_detailed_stats",
    "detect_fake_views",
    "fetch_creator_info_and_milestones",
    "get_user_info",
)

TOLD = """
  - {name: expired, on: cookie, when: cookie_ok == 0, summary: "{name}: expired", to: [owner]}
  - {name: unseen, on: video, when: video_visible == 0, summary: "{name}: unseen", to: [operators]}
  - {name: refuses, on: provider, when: key_accepted == 0, summary: "TikHub refuses the key", to: [operators]}
"""


def collect(story, *endpoints) -> None:
    """Let these be asked, whatever rules read."""
    story.config = replace(story.config, collect=frozenset(endpoints))


def every(story, interval, *endpoints) -> None:
    """How often these endpoints are asked."""
    hourly = {name: Override(interval, 1000.0) for name in endpoints}
    story.config = replace(story.config, overrides={**story.config.overrides, **hourly})


# --- no data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["empty-200", "cookie-428", "cookie-401"])
async def test_a_route_that_is_refused_while_the_cookie_works_costs_one_probe_and_has_its_regular_turn(
    tell, managers, operators, fault
):
    dance = video_id(1 * DAYS)
    video = f'{{platform: douyin, id: "{dance}", account: xiao, name: Dance}}'
    story = await tell(XIAO, video)
    collect(story, OTHERS, DIAGNOSIS)
    every(story, 2 * HOURS, OTHERS)
    renew(story, "xiao", "xiao")
    async with watching(story):
        story.world.faults[OTHERS] = fault
        await story.live(12 * HOURS, MINUTES)
        assert len(turns(story, OTHERS)) <= 7
        assert len(turns(story, DIAGNOSIS)) <= 1 + 2
        assert len(turns(story, WORD)) <= 13 + 1
        assert known(story, "cookie_ok")["xiao",] == 1.0
        story.world.faults.clear()
        before = len(turns(story, OTHERS))
        await story.live(4 * HOURS, MINUTES)
        assert len(turns(story, OTHERS)) == before + 2
    assert managers.got == operators.got == []


@pytest.mark.parametrize("restarts", [0, 3])
async def test_an_account_without_live_sessions_is_not_told_as_one_without_a_cookie(
    tell, managers, operators, restarts
):
    story = await tell(MEI, scenarios={"mei": "calm"})
    collect(story, LIVES)
    every(story, 6 * HOURS, LIVES)
    renew(story, "mei", "mei")
    story.world.faults[LIVES] = "empty-200"
    for _ in range(restarts + 1):
        async with watching(story):
            await story.live(48 * HOURS / (restarts + 1), 10 * MINUTES)
            assert known(story, "cookie_ok") == {("mei",): 1.0}
    assert len(turns(story, LIVES)) <= 9
    assert len(turns(story, HEALTH)) <= 49 + 1 + restarts
    assert managers.got == operators.got == []


async def test_of_videos_alone_no_data_is_no_word_against_the_cookie_and_is_told_to_the_operators_in_the_end(
    tell, managers, operators
):
    video = f'{{platform: tiktok, id: "{video_id(1 * DAYS)}", account: mei, name: Dance, owner: wu}}'
    story = await tell(MEI, video, rules=TOLD)
    collect(story, DETAIL)
    every(story, 2 * HOURS, DETAIL)
    renew(story, "mei", "mei")
    async with watching(story):
        story.world.faults[DETAIL] = "empty-200"
        await story.live(12 * HOURS, 10 * MINUTES)
        assert (managers.got, operators.got, known(story, "cookie_ok")) == ([], [], {})
        await story.live(12 * HOURS, 10 * MINUTES)
        assert len(turns(story, DETAIL)) <= 13
    assert operators.news() == ["▲ WARNING: Dance: unseen"]
    assert managers.got == []


async def test_a_cookie_that_answers_nothing_any_more_is_found_out_although_a_line_never_had_data(
    tell, managers, operators
):
    story = await tell(MEI)
    collect(story, LIVES)
    every(story, 6 * HOURS, LIVES)
    renew(story, "mei", "mei")
    story.world.faults[LIVES] = "empty-200"
    async with watching(story):
        await story.live(1 * DAYS, 10 * MINUTES)
        story.world.faults["mei"] = "cookie-expired"
        await story.live(3 * HOURS, 10 * MINUTES)
        assert known(story, "cookie_ok") == {("mei",): 0.0}
        assert managers.titles() == [f"▲ HIGH: Mei: {EXPIRED}"]
        del story.world.faults["mei"]
        renew(story, "mei", "mei2")
        begin = story.clock.now()
        await story.live(1 * DAYS, 10 * MINUTES)
        assert known(story, "cookie_ok") == {("mei",): 1.0}
    assert len(asked(story, LIVES, begin)) <= 1 + 5
    assert managers.titles()[1:] == [f"✔ RESOLVED: Mei: {EXPIRED}"]
    assert operators.got == []


# --- which line tries it ------------------------------------------------------------------------------------------


async def test_a_cookie_is_tried_again_although_the_video_by_which_it_was_tried_is_gone(tell, operators):
    gone, other = video_id(30 * HOURS, 1), video_id(29 * HOURS, 2)
    videos = [f'{{platform: tiktok, id: "{each}", account: mei}}' for each in (gone, other)]
    story = await tell(MEI, ", ".join(videos), rules=TOLD)
    collect(story, DETAIL, FAKE)
    every(story, HOURS, DETAIL, FAKE)
    renew(story, "mei", "mei")
    async with watching(story) as app:
        await story.live(2 * HOURS, 10 * MINUTES)
        first = app._standings.probe_of("tiktok/account/mei")
        story.world.faults["mei"] = "cookie-428"
        await story.live(3 * HOURS, 10 * MINUTES)
        story.world.faults[first[0].rpartition("/")[2]] = "not-found"
        await story.live(3 * HOURS, 10 * MINUTES)
        assert app._standings.is_gone(first[0])
        del story.world.faults["mei"]
        begin = story.clock.now()
        await story.live(7 * HOURS, 10 * MINUTES)
        assert known(story, "cookie_ok") == {("mei",): 1.0}
    assert 3 <= len(asked(story, DETAIL, begin)) <= 8


@pytest.mark.parametrize("renewed", [True, False])
async def test_a_cookie_that_was_refused_is_tried_once_at_a_start(tell, managers, renewed):
    story = await tell(MEI, scenarios={"mei": "calm"})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        story.world.faults["mei"] = "cookie-expired"
        await story.live(1 * DAYS + 70 * MINUTES, 10 * MINUTES)
    if renewed:
        story.world.faults.clear()
        renew(story, "mei", "new")
    begin = story.clock.now()
    async with watching(story):
        await story.live(2 * MINUTES, MINUTES)
        assert len(asked(story, HEALTH, begin)) == 1
        assert known(story, "cookie_ok") == {("mei",): float(renewed)}
    assert managers.titles() == [f"▲ HIGH: Mei: {EXPIRED}"] + [f"✔ RESOLVED: Mei: {EXPIRED}"] * renewed


# --- 401 ----------------------------------------------------------------------------------------------------------


async def test_a_401_to_one_creators_cookie_is_told_once_to_its_owner_and_stops_nobody_else(tell, managers, operators):
    story = await tell(f"{MEI}, {ANA}")
    for name in ("mei", "ana"):
        renew(story, name, name)
    async with watching(story):
        await story.live(2 * HOURS, 10 * MINUTES)
        begin = story.clock.now()
        story.world.faults["mei"] = "cookie-401"
        await story.live(24 * HOURS, 10 * MINUTES)
        assert firing(story) == ["cookie-expired"]
        of_ana = [at for at, whom in asked(story, HEALTH, begin) if whom == "ana"]
        of_mei = [at for at, whom in asked(story, HEALTH, begin) if whom == "mei"]
    assert managers.titles() == [f"▲ HIGH: Mei: {EXPIRED}"]
    assert operators.got == []
    assert len(of_ana) >= 11, "every two hours"
    assert len(of_mei) <= 9


@pytest.mark.parametrize("restarts", [0, 5])
@pytest.mark.parametrize("many", [1, 2, 12])
async def test_a_key_that_is_refused_is_told_once_and_never_as_a_cookie(tell, managers, operators, many, restarts):
    story = await tell(", ".join(account(f"c{number}", str(500 + number), "wu") for number in range(many)))
    for number in range(many):
        renew(story, f"c{number}", f"c{number}")
    async with watching(story):
        await story.live(2 * HOURS, 10 * MINUTES)
    story.simulator._site.tokens = frozenset({"another"})
    for _ in range(restarts + 1):
        async with watching(story):
            await story.live(6 * HOURS / (restarts + 1), MINUTES)
            assert known(story, "key_accepted") == {("tikhub",): 0.0}
    assert [REFUSES in title for title in operators.titles()] == [True]
    story.simulator._site.tokens = None
    async with watching(story):
        await story.live(3 * HOURS, MINUTES)
        assert known(story, "cookie_ok") == {(f"c{number}",): 1.0 for number in range(many)}
        assert firing(story) == []
    assert managers.got == []
    assert len(operators.got) == 2


@pytest.mark.parametrize("shows", ["another account", "a call without a cookie"])
async def test_where_the_key_is_not_asked_about_the_second_that_is_refused_shows_it(tell, managers, operators, shows):
    story = await tell(f"{MEI}, {ANA}" if shows == "another account" else MEI, rules=TOLD)
    collect(story, HEALTH) if shows == "another account" else collect(story, HEALTH, FANS)
    for name in ("mei", "ana"):
        renew(story, name, name)
    async with watching(story):
        await story.live(2 * HOURS, 10 * MINUTES)
        story.simulator._site.tokens = frozenset({"another"})
        story.clock.advance(5 * HOURS)  # and now all is due at once
        await story.live(5 * HOURS, MINUTES)
        assert turns(story, WORD) == []
    assert operators.titles() == ["▲ WARNING: TikHub refuses the key"]
    assert managers.got == []


async def test_a_key_that_is_refused_is_told_within_minutes(tell, operators):
    story = await tell(f"{MEI}, {ANA}")
    for name in ("mei", "ana"):
        renew(story, name, name)
    async with watching(story):
        await story.live(2 * HOURS, 10 * MINUTES)
        story.simulator._site.tokens = frozenset({"another"})
        refused = len(story.simulator.answered)
        await until(story, lambda: len(story.simulator.answered) > refused, 2 * HOURS)
        await story.live(2 * MINUTES, MINUTES)
        assert [REFUSES in title for title in operators.titles()] == [True]


@pytest.mark.parametrize("step", [1, 10])
@pytest.mark.parametrize("restart", [False, True])
async def test_all_cookies_that_end_in_one_minute_are_not_the_key(tell, managers, operators, step, restart):
    story = await tell(f"{MEI}, {ANA}")
    for name in ("mei", "ana"):
        renew(story, name, name)
    async with watching(story):
        await story.live(2 * HOURS, 10 * MINUTES)
        story.world.faults |= dict.fromkeys(("mei", "ana"), "cookie-401")
        if not restart:
            await story.live(6 * HOURS, step * MINUTES)
    if restart:
        story.clock.advance(3 * HOURS)  # and now all is due at once
        async with watching(story):
            await story.live(6 * HOURS, step * MINUTES)
    assert sorted(managers.titles()) == [f"▲ HIGH: {name}: {EXPIRED}" for name in ("Ana", "Mei")]
    assert operators.got == []
