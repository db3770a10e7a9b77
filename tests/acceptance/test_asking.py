"""When the providers are asked: only what is read, as often as it is new, and as the plan foretold."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon.forecast import Line, forecast, lines_of
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Provider
from tests.acceptance.conftest import START
from tests.acceptance.test_spending import (
    DANCE,
    DAYS,
    DIAGNOSIS,
    FAKE,
    FANS,
    FORTY,
    HEALTH,
    HOURS,
    MEI,
    MINUTES,
    POINTS,
    RECORDS,
    STATS,
    VIDEO,
    XIAO,
    follow,
    gaps,
    turns,
    video_id,
)

BOUGHT = "  - {name: bought, on: video, when: fake_score > 60, clear: fake_score < 50, for_polls: 2}"
SLUMP = "  - {name: slump, on: account, when: count(author_rank < 10%) >= 2}"


def in_shanghai(times):
    return [f"{at.astimezone(ZoneInfo('Asia/Shanghai')):%d %H:%M}" for at in times]


# --- only what is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "collect", "asked"),
    [(POINTS, "", False), (POINTS, FAKE, True), (POINTS, "fake_score", True), (BOUGHT, "", True)],
    ids=["unread", "collected", "collected by metric", "read"],
)
async def test_bought_views_are_looked_for_only_if_a_rule_or_the_collection_wants_them(tell, rules, collect, asked):
    story = await tell(MEI, VIDEO, rules=rules)
    story.config = replace(story.config, collect=frozenset({collect}))
    async with story.daemon():
        await story.live(2 * DAYS, every=2 * HOURS)
    assert bool(turns(story, FAKE)) is asked
    assert bool(turns(story, HEALTH)) is (rules == POINTS)


OWN = Path(__file__).parents[2] / "deploy" / "grafana" / "creatorwatch.json"


@pytest.mark.parametrize("shown", [True, False])
async def test_the_dashboard_of_the_house_is_fed_if_the_configuration_names_it(tell, shown):
    more = f"dashboards: [{json.dumps(str(OWN))}]" if shown else ""
    story = await tell(f"{MEI}, {XIAO}", VIDEO, rules=POINTS, more=more)
    async with story.daemon():
        await story.live(2 * DAYS, every=2 * HOURS)
        page = story.app.metrics.render("")[0].decode()
    assert {name for name in (FAKE, FANS, DIAGNOSIS, HEALTH) if turns(story, name)} == (
        {FAKE, FANS, DIAGNOSIS, HEALTH} if shown else {HEALTH}
    )
    named = set(re.findall(r"creatorwatch_(?:account|video)_\w+", OWN.read_text()))
    assert len(named) == 4
    fed = {name for name in named if f"{name}{{" in page}
    assert fed == (named if shown else {"creatorwatch_account_violation_score"})


# --- as often as it is new --------------------------------------------------------------------------------------------


async def test_a_diagnosis_is_asked_for_once_a_day_just_after_it_is_new(tell):
    story = await tell(XIAO, rules=SLUMP)
    async with story.daemon():
        await follow(story, 4 * DAYS)
    first, *others = [at.split() for at in in_shanghai(turns(story, DIAGNOSIS))]
    assert first == ["02", "09:01"]
    assert [day for day, _ in others] == ["02", "03", "04", "05"]
    assert all("12:10" <= clock <= "12:31" for _, clock in others)


async def test_a_late_diagnosis_is_asked_for_again_until_it_comes_and_not_once_more(tell):
    story = await tell(XIAO, scenarios={"xiao": "late-diagnosis"}, rules=SLUMP)
    async with story.daemon():
        await follow(story, 2 * DAYS)
    asked = [at.split() for at in in_shanghai(turns(story, DIAGNOSIS))][1:]
    assert [day for day, _ in asked] == ["02"] * 5 + ["03"] * 5
    for own in (asked[:5], asked[5:]):
        bounds = [("12:10", "12:31"), ("12:40", "13:01"), ("13:30", "13:51"), ("15:00", "15:21"), ("18:00", "18:21")]
        assert all(low <= clock <= high for (_, clock), (low, high) in zip(own, bounds, strict=True))


async def test_an_alert_that_a_diagnosis_begins_is_no_reason_to_ask_for_it_again_on_that_day(tell):
    story = await tell(XIAO, scenarios={"xiao": "rank-slump"}, rules=SLUMP)
    story.clock.advance(28 * DAYS)  # the slump begins at noon
    async with story.daemon():
        await follow(story, 2 * DAYS)
        [alert] = story.alerts()
    asked = turns(story, DIAGNOSIS)
    assert [at[:2] for at in in_shanghai(asked)] == ["30", "30", "31"]
    assert alert.opened == asked[1]


@pytest.mark.parametrize(
    ("part", "minutes"),
    [("calm", 120), ("violation-ladder", 60), ("chr-healthy", 120)],
    ids=["calm", "6 points", "CHR"],
)
async def test_health_is_asked_for_every_2_h_and_every_hour_half_way_to_a_threshold(tell, part, minutes):
    story = await tell(MEI, scenarios={"mei": part}, rules=POINTS, step=30 * DAYS)
    async with story.daemon():
        await follow(story, 1 * DAYS)
    assert all(abs(gap / MINUTES - minutes) <= 2 for gap in gaps(turns(story, HEALTH))[1:])


async def test_health_is_asked_for_every_30_minutes_near_a_threshold(tell):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"}, rules=POINTS, step=3 * HOURS)
    async with story.daemon():
        await follow(story, 12 * HOURS)
    near = [at for at in turns(story, HEALTH) if at - START >= 5 * HOURS]
    assert all(abs(gap / MINUTES - 30) <= 2 for gap in gaps(near))


async def test_bought_views_are_looked_for_at_one_three_and_seven_days(tell):
    story = await tell(MEI, VIDEO, rules=BOUGHT)
    async with story.daemon():
        await story.live(20 * DAYS)
    ages = [(at - START) / HOURS + 1 for at in turns(story, FAKE)]
    assert [round(age / 24) for age in ages] == [1, 3, 7]
    assert all(age % 24 <= 2 for age in ages)


async def test_bought_views_are_looked_at_every_6_h_while_they_are_suspected(tell):
    story = await tell(MEI, VIDEO, {DANCE: "fake-wave"}, rules=BOUGHT, step=2 * DAYS)
    async with story.daemon():
        await story.live(7 * DAYS)
        ripe = len(turns(story, FAKE))
        await story.live(5 * DAYS)
        assert story.alerts() == []
    suspected = turns(story, FAKE)[ripe - 1 :]
    assert ripe == 3
    assert len(suspected) > 8
    assert set(gaps(suspected)) == {6 * HOURS}
    assert story.clock.now() - suspected[-1] > DAYS, "it ends with the suspicion"


async def test_one_call_names_ten_videos_whoever_made_them(tell):
    videos = [f'{{platform: tiktok, id: "{video_id(20 * DAYS, n)}", account: a{n % 5}}}' for n in range(50)]
    story = await tell(", ".join(FORTY[:5]), ", ".join(videos), rules=BOUGHT)
    async with story.daemon():
        await story.live(12 * DAYS)
    named = [call.identities.count(",") + 1 for call in story.simulator.answered if call.path == ENDPOINTS[STATS].path]
    assert named[:5] == [10] * 5
    assert sum(named) / len(named) > 7, "and so they do when each has its own turn"


def test_twenty_thousand_videos_do_not_line_up():
    endpoint = replace(ENDPOINTS[STATS], batch=1)
    videos = (
        Line(f"tiktok/video/{n}", endpoint, endpoint.cadence, START - n * 40 * DAYS / 20_000, (), "")
        for n in range(20_000)
    )
    day = forecast(videos, (), START).providers[Provider.KEYAPI]
    a_minute = float(day.day.calls) / 1440
    assert 8 < a_minute < 16
    assert day.peak_per_s * 60 < 3 * a_minute


async def test_a_cookie_that_is_refused_once_makes_no_other_call_be_repeated(tell):
    story = await tell(MEI)
    async with story.daemon():
        await follow(story, 10 * HOURS)
        story.world.faults[HEALTH] = "cookie-expired"
        before = len(turns(story, HEALTH))
        while len(turns(story, HEALTH)) == before:
            await follow(story, MINUTES)
        story.world.clear()
        await follow(story, 12 * HOURS)
    assert min(gaps(turns(story, HEALTH))) < 5 * MINUTES, "the second look"
    assert min(gaps(turns(story, RECORDS))[1:]) > 5.9 * HOURS
    assert min(gaps(turns(story, FANS))[1:]) > 2.9 * HOURS


# --- foretold ---------------------------------------------------------------------------------------------------------


async def test_the_calls_of_a_day_are_those_that_the_plan_foretold(tell):
    people = [f'{{platform: douyin, id: d{n}, sec_uid: "MS4wLjABAAAA{n}", cookie: "${{COOKIE}}"}}' for n in range(5)]
    videos = [f'{{platform: tiktok, id: "{video_id(n * DAYS / 5, n)}", account: a{n % 15}}}' for n in range(200)]
    story = await tell(", ".join(FORTY[:15] + people), ", ".join(videos))
    async with story.daemon():
        await story.live(3 * DAYS, every=30 * MINUTES)
        at, before = story.clock.now(), Counter(story.simulator.calls)
        told = forecast(lines_of(story.config, story.config.providers, at), story.config.book.rules, at)
        await story.live(DAYS, every=5 * MINUTES)
    calls = story.simulator.calls - before
    assert sum(calls.values()) == pytest.approx(sum(float(cost.calls) for cost in told.endpoints.values()), rel=0.05)
    for name, cost in told.endpoints.items():
        assert calls[ENDPOINTS[name].path] == pytest.approx(float(cost.calls), rel=0.15, abs=2), name
