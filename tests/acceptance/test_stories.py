"""The four rules of the mission, and blindness, from the provider's answer to the reader's message."""

from __future__ import annotations

import math
import sqlite3
import struct
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest

from daemon.app import App
from daemon.config import Override
from daemon.outside import simulated_outside
from daemon.providers.endpoint import Provider
from rules.book import RuleBook
from tests.acceptance.conftest import RULES, START

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)

MEI = '{platform: tiktok, id: mei, name: Mei, uid: "107955", handle: mei, owner: lin, cookie: "${COOKIE}"}'
LEO = '{platform: tiktok, id: leo, name: Leo, uid: "204", handle: leo}'
XIAO = '{platform: douyin, id: xiao, name: Xiao, cookie: "${COOKIE}"}'
DANCE = str(int((START - HOURS).timestamp()) << 32)  # an id says when it was published
VIDEO = f'{{platform: tiktok, id: "{DANCE}", account: mei, name: Dance}}'

LADDER = [
    "▲ WARNING: Mei has 9 violation points",
    "▲ HIGH: Mei has 12 violation points",
    "▲ HIGH: Mei has 15 violation points",
    "▲ HIGH: Mei has 18 violation points",
    "▲ CRITICAL: Mei has 21 violation points",
    "▲ CRITICAL: Mei has 24 violation points",
    "✔ RESOLVED: Mei has 0 violation points",
]


def about(inbox, words):
    return [title for title in inbox.titles() if words in title]


async def test_violation_points_climb_the_official_ladder_and_each_step_is_told_once(tell, managers, operators):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(5 * DAYS)
    assert about(managers, "violation points") == LADDER
    assert operators.got == []


async def test_each_step_says_who_what_it_means_what_comes_next_and_when_it_was_seen(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(26 * HOURS)
    told = next(message["message"] for message in managers.got if "12 violation" in message["title"])
    for line in (
        "Level: warned → off-24h",
        "violation_score: 9 → 12",
        "Means: e-commerce suspended for 24 hours",
        "Next: off-48h at violation_score >= 15, 3 to go",
        "Measured: 2026-03-03 ",
        "Who: Mei (tiktok/account/mei), owner lin",
        "https://www.tiktok.com/@mei",
        "reason: ",
        "id: ",
    ):
        assert line in told


async def test_a_fired_alert_holds_while_nothing_is_known_and_its_end_is_told_once(tell, managers, operators):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(3 * DAYS)
        before = len(managers.got)
        assert about(managers, "violation points") == LADDER[:before]
        story.world.faults["*"] = "http-500"
        await story.live(2 * DAYS)
        assert managers.got[before:] == []
        story.world.clear()
        await story.live(12 * HOURS)
    assert len(about(managers, "RESOLVED: Mei has")) == 1
    assert {title.partition(": ")[2] for title in operators.titles()} == {"TikHub does not answer"}
    assert [title[0] for title in operators.titles()] in (["▲", "✔"], ["▲", "▲", "✔"])


async def test_an_account_on_the_health_rating_is_never_called_banned(tell, managers):
    story = await tell(MEI, scenarios={"mei": "chr-healthy"})
    async with story.daemon():
        await story.live(2 * DAYS)
    assert managers.got == []


async def test_a_migration_from_points_to_the_rating_is_no_crossing(tell, managers):
    story = await tell(MEI, scenarios={"mei": "scheme-migration"})
    async with story.daemon():
        await story.live(6 * DAYS)
    assert managers.got == []


async def test_bought_views_fire_after_two_polls_hold_between_the_thresholds_and_clear_below(tell, managers):
    story = await tell(MEI, VIDEO, {DANCE: "fake-wave"}, step=2 * DAYS)
    async with story.daemon():
        await story.live(14 * DAYS, every=6 * HOURS)
    assert [title.partition(":")[0] for title in about(managers, "fake score")] == ["▲ HIGH", "✔ RESOLVED"]
    fired, resolved = about(managers, "fake score")
    assert float(fired.split()[-1]) > 60
    assert float(resolved.split()[-1]) < 50


async def test_a_lasting_drop_in_author_rank_fires_once_and_a_steady_month_does_not(tell, managers):
    story = await tell(XIAO, scenarios={"xiao": "rank-slump"})
    async with story.daemon():
        await story.live(29 * DAYS, every=6 * HOURS)
        assert managers.got == []
        await story.live(7 * DAYS, every=6 * HOURS)
    assert about(managers, "AuthorRank") == ["▲ WARNING: Xiao: AuthorRank has been at the bottom for three days"]


async def test_bought_fans_are_told_once_and_the_alert_ends_a_day_after_the_last_of_them(tell, managers):
    story = await tell(LEO, scenarios={"204": "bought-fans"})
    async with story.daemon():
        await story.live(15 * DAYS, every=3 * HOURS)
        assert managers.got == []
        await story.live(4 * DAYS, every=3 * HOURS)
    assert [title.partition(" jumped")[0] for title in managers.titles()] == [
        "▲ WARNING: Leo: fans",
        "✔ RESOLVED: Leo: fans",
    ]


@pytest.mark.parametrize(
    ("fault", "who"),
    [
        ("http-500", "TikHub does not answer"),
        ("balance-402", "TikHub refuses the key, or its balance is used up"),
        ("rate-limited", "TikHub does not answer"),
        ("cookie-expired", "Mei: the cookie has expired"),
    ],
)
async def test_no_answer_fires_no_business_rule_and_one_operator_alert(tell, managers, operators, fault, who):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(2 * HOURS)
        story.world.faults["*"] = fault
        await story.live(2 * DAYS)
        opened = story.alerts()
    assert managers.got == []
    assert len(opened) == 1
    assert operators.titles()[-1].endswith(who)


@pytest.mark.parametrize("path", ["get_account_health_status", "get_account_violation_list"])
async def test_one_endpoint_that_fails_for_long_is_told_once_although_the_others_answer(
    tell, managers, operators, path
):
    story = await tell(MEI, scenarios={"mei": "calm"})
    async with story.daemon():
        await story.live(2 * DAYS)
        story.world.faults[path] = "bad-json"
        await story.live(10 * DAYS)
    assert operators.titles() == ["▲ WARNING: Mei cannot be seen"]


async def test_a_private_account_loses_no_fans_and_one_operator_is_told(tell, managers, operators):
    story = await tell(LEO, scenarios={"204": "calm"})
    async with story.daemon():
        await story.live(15 * DAYS, every=3 * HOURS)
        story.world.scenarios["204"] = "private"
        await story.live(3 * DAYS, every=3 * HOURS)
    assert managers.got == []
    assert operators.titles() == ["▲ WARNING: Leo cannot be seen"]


class Case(NamedTuple):
    """A rule of the mission, and the part that makes it fire within a span."""

    rule: str
    account: str
    video: str
    name: str
    part: str
    span: timedelta
    every: timedelta


FOUR = [
    Case("violation-points", MEI, "", "mei", "violation-ladder", 26 * HOURS, 1 * HOURS),
    Case("fake-views", MEI, VIDEO, DANCE, "fake-wave", 3.75 * DAYS, 6 * HOURS),
    Case("author-rank-slump", XIAO, "", "xiao", "rank-slump", 36 * DAYS, 6 * HOURS),
    Case("fan-spike", LEO, "", "204", "bought-fans", 15.25 * DAYS, 3 * HOURS),
]


@pytest.mark.parametrize("case", FOUR, ids=[case.rule for case in FOUR])
async def test_each_rule_fires_holds_while_blind_clears_and_is_told_once_to_each_channel(
    tell, managers, operators, case
):
    both = RULES.replace("to: [managers]", "to: [managers, operators]")
    story = await tell(case.account, case.video, {case.name: case.part}, rules=both, step=DAYS)
    async with story.daemon():
        await story.live(case.span, case.every)
        assert case.rule in [row.rule for row in story.alerts() if row.level], "it fired"
        before = len(managers.got)
        story.world.faults["*"] = "http-500"
        await story.live(3 * DAYS, case.every)
        assert managers.got[before:] == [], "it holds while nothing is known"
        story.world.clear()
        story.world.scenarios[case.name] = "calm"
        await story.live(8 * DAYS, case.every)
        assert story.alerts() == [], "it cleared"
    own = [title for title in operators.titles() if "does not answer" not in title]
    assert own == managers.titles(), "both channels were told the same"
    assert len(set(own)) == len(own), "and nothing twice"
    assert own[0].startswith("▲")
    assert [title for title in own if title.startswith("✔")] == own[-1:]


MANY = ", ".join(f'{{platform: tiktok, id: "{7 * 10**18 + number}"}}' for number in range(25))
VIDEOS = "/v1/tiktok/video/detail/analytics"


async def test_videos_are_asked_about_ten_a_call(tell):
    story = await tell(videos=MANY)
    async with story.daemon():
        await story.live(1 * HOURS)
    assert story.simulator.calls[VIDEOS] == 3


@pytest.mark.parametrize("whose", ["endpoint", "provider"])
async def test_no_more_is_asked_at_once_than_the_rate_of_endpoint_and_provider_allows(tell, whose):
    story = await tell(videos=MANY)
    config = story.config
    if whose == "endpoint":
        slow = {**config.overrides, "video_detail_analytics": Override(None, 1.0)}
        story.config = replace(config, overrides=slow)
    else:
        access = replace(config.providers[Provider.KEYAPI], rate_per_s=1.0)
        story.config = replace(config, providers={**config.providers, Provider.KEYAPI: access})
    async with story.daemon():
        await story.live(2 * HOURS)
    assert story.simulator.calls[VIDEOS] == 2


async def test_a_restart_repeats_no_paid_call_and_no_message(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(30 * HOURS)
    calls, told = sum(story.simulator.calls.values()), list(managers.titles())
    async with story.daemon() as app:
        await app.watch.step(story.clock.now())
    assert sum(story.simulator.calls.values()) == calls
    assert managers.titles() == told


async def test_how_long_a_number_was_not_given_is_known_after_a_restart(tell):
    story = await tell(LEO, rules="  - {name: old, on: account, when: age(follower_count) > 24h}\n")
    async with story.daemon() as app:
        await story.live(1 * HOURS)
        known_s = app._recent.view("tiktok/account/leo")["follower_count"][()].known_s
    not_given = (
        "insert into sample select schedule_id, at_ms + 3600000 * looks, series_id, blank from"
        " (select *, max(at_ms) from sample group by schedule_id), (select value as looks from json_each('[1, 2, 3]')),"
        " (select ? as blank)"
    )
    with closing(sqlite3.connect(story.config.database)) as database, database:
        [(size,)] = set(database.execute("select length(numbers) from sample"))
        database.execute(not_given, (struct.pack("<d", math.nan) * (size // 8),))
    story.clock.advance(5 * HOURS)
    async with story.daemon() as app:
        window = app._recent.view("tiktok/account/leo")["follower_count"][()]
        assert (math.isnan(window.values[-1]), window.known_s) == (True, known_s)


async def test_polls_that_were_stored_but_not_judged_are_judged_at_the_next_start(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(10 * HOURS)
    story.clock.advance(4 * HOURS)
    at = story.clock.now()
    async with story.daemon() as app:  # as far as a process comes that dies between the two commits
        for call in app.watch._poller.claim(at, dict.fromkeys(Provider, 9)):
            ended = app.watch._poller.take_in(await app.watch._poller.poll(call, at))
            app._store.commit_polls([each.polled for each in ended], app._owner)
    assert managers.got == []
    async with story.daemon() as app:
        app.watch.deliver(at)
        await app.watch._deliverer.settle()
    assert managers.titles() == LADDER[:1]


async def test_a_channel_that_was_down_for_hours_is_told_what_is_true_when_it_is_back_and_why_so_late(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        managers.status = 503
        await story.live(30 * HOURS)
        assert managers.got == []
        managers.status = 200
        await story.live(6 * HOURS)
    assert about(managers, "violation points")[0] == f"{LADDER[1]} (delayed 18 h: JSON 503)"


async def test_a_letter_that_died_is_owed_again(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"}, step=30 * DAYS)
    async with story.daemon() as app:
        managers.status = 503
        await story.live(36 * DAYS, every=3 * HOURS)
        assert (await app.count(story.clock.now())).outbox_dead > 0
        managers.status = 200
        await story.live(1 * DAYS, every=3 * HOURS)
    assert about(managers, "violation points")[-1].startswith(LADDER[0])


async def test_a_key_that_is_missing_at_a_restart_holds_alerts_and_tells_no_end(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(30 * HOURS)
    told = list(managers.titles())
    outside = replace(simulated_outside(story.config, story.out, {}), providers=frozenset({Provider.KEYAPI}))
    app = App(story.config, outside, "test")
    await app.open(story.clock.now())
    await app.watch.step(story.clock.now())
    await app.close(5.0)
    assert managers.titles() == told
    assert [row.rule for row in story.alerts() if row.level] == ["violation-points"]


async def test_a_rule_that_breaks_stops_neither_its_neighbours_nor_the_next_start(tell, managers):
    def break_down(*_):
        raise ZeroDivisionError

    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    points = next(rule for rule in story.config.book.rules if rule.name == "violation-points")
    broken = replace(points.levels[0], when=replace(points.levels[0].when, run=break_down))
    rules = (replace(points, name="broken", levels=(broken,)), points)
    story.config = replace(story.config, book=RuleBook(rules))
    for _ in range(2):
        async with story.daemon():
            await story.live(14 * HOURS)
    assert managers.titles() == LADDER[:2]


async def test_a_rule_that_was_removed_ends_its_alerts_with_a_message(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(30 * HOURS)
    fewer = [rule for rule in story.config.book.rules if rule.name != "violation-points"]
    object.__setattr__(story.config, "book", RuleBook(tuple(fewer)))
    async with story.daemon() as app:
        await app.watch.step(story.clock.now())
    assert managers.titles()[-1].startswith("✔ RESOLVED: Mei has 12 violation points")


async def test_a_target_that_is_no_longer_watched_ends_its_alerts_with_a_message(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(30 * HOURS)
    object.__setattr__(story.config, "targets", ())
    async with story.daemon() as app:
        await app.watch.step(story.clock.now())
        assert story.alerts() == []
    assert managers.titles()[-1].startswith("✔ RESOLVED: Mei has 12 violation points")


async def test_a_ladder_that_became_shorter_than_its_alert_is_told_as_what_is_left_of_it(tell, managers):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    async with story.daemon():
        await story.live(50 * HOURS)
    points = next(rule for rule in story.config.book.rules if rule.name == "violation-points")
    shorter = replace(points, levels=points.levels[:1])
    object.__setattr__(story.config, "book", RuleBook((shorter,)))
    async with story.daemon() as app:
        await app.watch.step(story.clock.now())
        await story.live(3 * HOURS)
    assert managers.titles()[-1] == "▼ WARNING: Mei has 18 violation points"
    assert [row.level for row in story.alerts()] == [1]


async def test_records_whose_appeal_closes_are_told_by_record_and_end_when_struck(tell, managers):
    story = await tell(MEI, scenarios={"mei": "appeal-window"})
    async with story.daemon():
        await story.live(40 * DAYS, every=6 * HOURS)
    steps = [message["message"].partition("\n")[0] for message in managers.got if "appeal window" in message["title"]]
    assert steps[:3] == ["Level: none → week", "Level: week → three-days", "Level: three-days → last-day"]
    assert about(managers, "RESOLVED: Mei: the appeal window")
