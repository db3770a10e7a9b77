"""One cause is one message: what mutes what follows from it, many videos as one, and a rule that breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.book import RuleBook
from tests.acceptance.blind import DAYS, HEALTH, HOURS, MINUTES, asked, firing, known, renew, watching
from tests.acceptance.blind import account as with_cookie
from tests.acceptance.test_living import EVER, MEI, NONE, SIX, every, rule, state
from tests.acceptance.test_spending import video_id

LIST, FAKE = "get_video_list_analytics", "detect_fake_views"
CLIPS = [video_id(40 * DAYS, number) for number in range(4)]
VIDEOS = ", ".join(f'{{platform: tiktok, id: "{clip}", account: mei, name: Clip {n}}}' for n, clip in enumerate(CLIPS))
ANY_VIEWS = '  - {name: viewed, on: video, when: "views > 0", on_first_sight: tell, to: [managers]}\n'
VIEWS = "video_detail_analytics"


def titles(inbox, since=0):
    return sorted(inbox.titles()[since:])


# --- who mutes whom -----------------------------------------------------------------------------------------------


async def test_while_an_alert_of_the_account_is_on_its_videos_are_held_and_told_when_it_is_over(tell, managers):
    rules = rule("violation_score >= 6", ", inhibits: [viewed]") + ANY_VIEWS
    story = await tell(MEI, VIDEOS, scenarios={"mei": SIX}, step=EVER, rules=rules)
    every(story, 1 * HOURS, HEALTH)
    every(story, 3 * HOURS, VIEWS)
    async with story.daemon():
        await story.live(2 * HOURS)
        assert managers.titles() == ["▲ WARNING: Mei: points"]
        assert sorted(firing(story)) == ["points", *["viewed"] * 4]
        state(story, NONE, "mei")
        await story.live(2 * HOURS)
    assert managers.titles()[1] == "✔ RESOLVED: Mei: points"
    assert managers.titles()[2:] == ["Open alerts: 4 still on"]
    told = managers.got[2]["message"]
    assert [told.count(f"WARNING: Clip {n}: viewed") for n in range(4)] == [1] * 4


async def test_a_mute_outlives_a_restart(tell, managers):
    rules = rule("violation_score >= 6", ", inhibits: [viewed]") + ANY_VIEWS
    story = await tell(MEI, VIDEOS, scenarios={"mei": SIX}, step=EVER, rules=rules)
    story.world.faults[VIEWS] = "http-500"
    async with story.daemon():
        await story.live(2 * HOURS)
    story.world.faults.clear()
    async with story.daemon():
        await story.live(4 * HOURS)
    assert managers.titles() == ["▲ WARNING: Mei: points"]
    assert sorted(firing(story)) == ["points", *["viewed"] * 4]


@pytest.mark.parametrize(("inhibits", "told"), [("['*']", ["expired"]), ("[]", ["expired", "points"])])
async def test_a_cookie_that_expired_mutes_what_cannot_be_known_without_it(tell, managers, inhibits, told):
    expired = rule("cookie_ok == 0", f", inhibits: {inhibits}", name="expired").replace("account", "cookie")
    story = await tell(
        with_cookie("mei", "107955", "wu"),
        scenarios={"mei": NONE},
        step=EVER,
        rules=rule("violation_score >= 6", ", unknown: fire, for: 3h") + expired,
    )
    every(story, 1 * HOURS, HEALTH)
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(3 * HOURS, 10 * MINUTES)
        story.world.faults["mei"] = "cookie-expired"
        await story.live(9 * HOURS, 10 * MINUTES)
        assert managers.titles() == [f"▲ WARNING: Mei: {name}" for name in told]
        before = len(managers.got)
        story.world.faults.clear()
        await story.live(6 * HOURS, 10 * MINUTES)
    assert titles(managers, before) == [f"✔ RESOLVED: Mei: {name}" for name in told]


async def test_a_provider_that_is_down_mutes_every_target_that_it_tells_of(tell, managers, operators):
    down = '  - {name: down, on: provider, when: "provider_up == 0", inhibits: ["*"], to: [operators], for: 30m}\n'
    blind = rule("violation_score >= 6", ", unknown: fire, for: 3h")
    own = '  - {name: unviewed, on: video, when: "views < 0", unknown: fire, for: 3h, to: [managers]}\n'
    story = await tell(MEI, VIDEOS, scenarios={"mei": NONE}, step=EVER, rules=down + blind + own)
    every(story, 1 * HOURS, HEALTH, VIEWS)
    async with story.daemon():
        await story.live(3 * HOURS)
        story.world.faults["*"] = "http-500"
        await story.live(9 * HOURS)
        assert (managers.got, titles(operators)) == ([], ["▲ WARNING: KeyAPI: down", "▲ WARNING: TikHub: down"])
        assert sorted(set(firing(story))) == ["down", "points", "unviewed"]
        story.world.faults.clear()
        await story.live(6 * HOURS)
    assert story.alerts() == []


# --- many videos are one alert ------------------------------------------------------------------------------------


async def viral(tell, more):
    """An account with 42 videos, which a list tells of; time runs so fast that so many are new."""
    mei = MEI[:-1] + ", discover: {newer_than: 30d, at_most: 42}}"
    when = "shop_listed_video_views >= 1000000"
    rules = f'  - {{name: viral, on: video, when: "{when}", on_first_sight: tell, to: [managers], {more}}}\n'
    story = await tell(mei, scenarios={"mei": "calm"}, rules=rules, speed=6.0)
    every(story, 6 * HOURS, LIST)
    return story


async def calm_before_17_go_viral(story):
    await story.live(2 * DAYS)
    newest = sorted(video for video, *_ in known(story, "shop_listed_video_views"))[-17:]
    story.world.scenarios.update(dict.fromkeys(newest, "viral-video"))


async def test_what_a_list_tells_of_many_videos_is_confirmed_by_asking_for_the_list_once_more(tell, managers):
    story = await viral(tell, "severity: critical, confirm: true")
    async with story.daemon():
        await calm_before_17_go_viral(story)
        while not story.alerts():
            before = len(asked(story, LIST))
            await story.live(10 * MINUTES, 10 * MINUTES)
        a_list = len(asked(story, LIST)) - before
        assert managers.got == []
        await story.live(10 * MINUTES, MINUTES)
        assert len(managers.got) == 17
        assert len(asked(story, LIST)) == before + 2 * a_list
        await story.live(5 * HOURS, 10 * MINUTES)
        assert len(asked(story, LIST)) == before + 2 * a_list


async def test_seventeen_of_42_videos_are_one_message_and_not_seventeen(tell, managers):
    story = await viral(tell, "promote: {at_least: 3, share: 30%}")
    async with story.daemon():
        await calm_before_17_go_viral(story)
        assert managers.got == []
        await story.live(1 * DAYS)
        assert known(story, "videos_firing") == {("mei", "viral"): 17.0}
        assert firing(story).count("viral") == 17
    assert managers.titles() == ["▲ WARNING: 17 of 42 videos of Mei: viral"]


# --- a rule that breaks -------------------------------------------------------------------------------------------


async def test_a_rule_that_breaks_is_told_to_the_operators_and_counted_and_its_neighbours_go_on(
    tell, managers, operators
):
    broken = (
        '  - {name: broken, on: daemon, when: "rule_healthy == 0", to: [operators], summary: "{rule} is broken",'
        " on_first_sight: tell}\n"
    )
    story = await tell(MEI, scenarios={"mei": SIX}, step=EVER, rules=rule("violation_score >= 6") + broken)
    every(story, 1 * HOURS, HEALTH)
    good, health = story.config.book.rules
    mended: list[bool] = []

    def run(view, at_s):
        if not mended:
            raise ZeroDivisionError
        return good.levels[0].when.run(view, at_s)

    level = replace(good.levels[0], when=replace(good.levels[0].when, run=run))
    bad = replace(good, name="bad", levels=(level,))
    story.config = replace(story.config, book=RuleBook([bad, good, health]))
    async with story.daemon():
        await story.live(2 * HOURS)
        assert managers.titles() == ["▲ WARNING: Mei: points"]
        assert operators.titles() == ["▲ WARNING: bad is broken"]
        assert b'creatorwatch_rule_failures_total{rule="bad"} ' in story.app.metrics.render("")[0]
        mended.append(True)
        await story.live(2 * HOURS)
    assert operators.titles()[1:] == ["✔ RESOLVED: bad is broken"]
    assert managers.titles()[1:] == ["▲ WARNING: Mei: bad"]
