"""What calls cost: all of it is written down, no more than a budget allows, and nothing is paid for twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from daemon.cadence import Every, Near
from daemon.clock import SystemClock
from daemon.config import Override
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Provider
from daemon.simulator.server import Simulator
from daemon.simulator.world import FAULTS, World
from rules.book import RuleBook
from storage.store import Store
from tests.acceptance.conftest import START
from tests.acceptance.test_crash import Daemon, until

MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

HEALTH, FAKE, DIAGNOSIS, STATS, RECORDS, FANS, SOURCES, PROFILE = (
    "get_account_health_status",
    "detect_fake_views",
    "fetch_author_diagnosis",
    "video_detail_analytics",
    "get_account_violation_list",
    "fetch_creator_info_and_milestones",
    "fetch_item_play_source",
    "douyin_handler_user_profile",
)
POINTS = "  - {name: points, on: account, when: violation_score >= 9}"


def video_id(age: timedelta, number: int = 0) -> str:
    """The id of a video that is so old at the start: an id says when it was published."""
    return str((int((START - age).timestamp()) << 32) + number)


MEI = '{platform: tiktok, id: mei, name: Mei, uid: "107955", handle: mei, owner: lin, cookie: "${COOKIE}"}'
XIAO = '{platform: douyin, id: xiao, name: Xiao, cookie: "${COOKIE}"}'
DANCE = video_id(1 * HOURS)
VIDEO = f'{{platform: tiktok, id: "{DANCE}", account: mei, name: Dance}}'
FORTY = [f'{{platform: tiktok, id: a{n}, uid: "{1000 + n}", cookie: "${{COOKIE}}"}}' for n in range(40)]


async def follow(story, span):
    """Let time pass as the daemon would: it looks once a minute, and here only in the minutes when something is due."""
    end = story.clock.now() + span
    while (at := story.clock.now()) < end:
        due = story.app._store.next_due(at) or end
        story.clock.advance(min(max(due, at + MINUTES), end) - at)
        await story.app.watch.step(story.clock.now())


def turns(story, endpoint):
    """When an endpoint was asked, the first time first."""
    return [call.at for call in story.simulator.answered if call.path == ENDPOINTS[endpoint].path]


def gaps(times):
    return [later - earlier for earlier, later in pairwise(times)]


def written(story, provider=Provider.TIKHUB):
    """The calls and the USD that the ledger has of a provider."""
    with contextlib.closing(Store.open(story.config.database, readonly=True)) as store:
        rows = [row for row in store.spending(START) if row.provider == provider]
    return sum(row.calls for row in rows), sum((row.usd for row in rows), Decimal(0))


# --- what is written down ---------------------------------------------------------------------------------------------


def make_hasty(story, timeout_s):
    """Let no call take longer."""
    providers = {name: replace(access, timeout_s=timeout_s) for name, access in story.config.providers.items()}
    story.config = replace(story.config, providers=providers)


@pytest.mark.parametrize("fault", ["none", *FAULTS])
async def test_the_ledger_has_every_call_and_is_the_bill(tell, fault):
    story = await tell(f"{MEI}, {XIAO}", VIDEO, {"mei": "long-history"}, slow_s=0.02)
    if fault == "timeout":
        make_hasty(story, 0.5)
    async with story.daemon():
        await story.live(3 * HOURS)
        if fault != "none":
            story.world.faults["*"] = fault
        await story.live(7 * HOURS)
    story.check_bill(given_up=fault == "timeout")
    assert story.simulator.spent_usd > 0


@pytest.mark.parametrize("seed", range(2))
async def test_the_ledger_is_never_less_than_the_bill_whatever_happens_to_whom(tell, seed):
    chance = random.Random(seed)
    story = await tell(", ".join([MEI, XIAO, *FORTY[:3]]), VIDEO, {"mei": "long-history"}, slow_s=0.02)
    make_hasty(story, 0.2)
    names = ["*", "mei", "107955", "xiao", "a0", DANCE, HEALTH, RECORDS, FANS]
    for _ in range(3):
        async with story.daemon():
            for _ in range(8):
                story.world.faults[chance.choice(names)] = chance.choice([*FAULTS])
                await story.live(HOURS, every=30 * MINUTES)
                story.check_bill(given_up=True)
                story.world.faults.pop(chance.choice(names), None)


async def test_a_call_of_which_nobody_knows_the_end_counts_with_all_it_may_cost(tell):
    story = await tell(MEI, scenarios={"mei": "long-history"})
    async with story.daemon() as app:
        story.clock.advance(HOURS)
        for call in app.watch._poller.claim(story.clock.now(), dict.fromkeys(Provider, 9)):
            await app.watch._poller.poll(call, story.clock.now())  # and here the process dies
    story.check_bill()
    assert story.simulator.calls[ENDPOINTS[RECORDS].path] == 3, "a page is a call"


# --- what may be spent ------------------------------------------------------------------------------------------------


def bills(story, usd=Decimal(0)):
    """TikHub's every call, with what all until then have cost."""
    for call in story.simulator.answered:
        if call.path.startswith("/api/"):
            usd += call.cost_usd
            yield call, usd


def by_day(story):
    paid = [call for call in story.simulator.answered if call.cost_usd and call.path.startswith("/api/")]
    return Counter(call.at.day for call in paid)


async def test_no_call_is_made_above_the_budget_of_a_day_and_the_next_day_it_goes_on(tell, managers, operators):
    accounts = ", ".join(FORTY[:20]).replace("a0,", "violation-ladder,")
    story = await tell(accounts, more="budget: {tikhub: {day: 0.1}}")
    async with story.daemon():
        await story.live(22 * HOURS, every=20 * MINUTES)
        assert by_day(story) == {2: 100}
        await story.live(30 * HOURS, every=20 * MINUTES)
        assert {row.rule for row in story.alerts()} == {"violation-points", "budget"}
    assert by_day(story) == {2: 100, 3: 100, 4: 100}
    assert [title for title in managers.titles() if not title.startswith("▲")] == [], "alerts hold"
    one_day = [
        "▲ INFO: TikHub: the budget is half",
        "▲ WARNING: TikHub: the budget is spared",
        "▲ HIGH: TikHub: the budget is kept",
        "▲ CRITICAL: TikHub: the budget is used-up",
        "✔ RESOLVED: TikHub: the budget is used-up",
    ]
    told = [title for title in operators.titles() if "budget" in title]
    assert told[:5] == one_day
    assert [title for title in told if "used-up" in title][:4] == one_day[3:] * 2
    assert all(one_day.count(title) for title in told)


async def test_the_last_of_a_budget_is_kept_for_what_is_vital(tell):
    plain = [each.replace(', cookie: "${COOKIE}"', "") for each in FORTY[3:]]
    story = await tell(", ".join(FORTY[:3] + plain), more="budget: {tikhub: {day: 0.1}}")
    every_2_h = dict.fromkeys((HEALTH, FANS, RECORDS), Override(2 * HOURS, 1000.0))
    story.config = replace(story.config, overrides={**story.config.overrides, **every_2_h})
    async with story.daemon():
        await story.live(22 * HOURS, every=10 * MINUTES)
    paid = [(call.path, usd) for call, usd in bills(story) if call.cost_usd]
    others = [usd for path, usd in paid if path == ENDPOINTS[FANS].path]
    assert others[-1] == Decimal("0.095"), "three quarters of the way between soft and hard limit"
    assert Decimal("0.097") <= paid[-1][1] <= Decimal("0.1")


async def test_old_videos_are_spared_first_then_videos_then_accounts_and_violations_last(tell):
    people = [f'{{platform: douyin, id: d{n}, sec_uid: "MS4wLjABAAAA{n}", cookie: "${{COOKIE}}"}}' for n in range(10)]
    shops = [f'{{platform: tiktok, id: a{n}, cookie: "${{COOKIE}}"}}' for n in range(10)]
    ids = {age: [video_id(age * DAYS, n) for n in range(10)] for age in (20, 0)}
    videos = [
        f'{{platform: douyin, id: "{each}", account: d{n}}}' for own in ids.values() for n, each in enumerate(own)
    ]
    story = await tell(
        ", ".join(people + shops), ", ".join(videos), rules=POINTS, more="budget: {tikhub: {month: 2.4, soft: 10%}}"
    )
    overrides = dict.fromkeys(story.config.overrides, Override(2 * HOURS, 1000.0))
    story.config = replace(story.config, overrides=overrides, collect=frozenset({SOURCES, PROFILE}))
    days = []
    async with story.daemon():
        for _ in range(6):
            done = len(story.simulator.answered)
            await story.live(DAYS, every=20 * MINUTES)
            new = list(story.simulator.answered)[done:]
            days.append(
                [sum(call.identities == each for call in new for each in own) for own in ids.values()]
                + [sum(call.path == ENDPOINTS[name].path for call in new) for name in (PROFILE, HEALTH)]
            )
    first = [next(day for day, counts in enumerate(days) if counts[rank] < 90) for rank in range(3)]
    assert first == sorted(set(first)), "each kind is spared from a later day on"
    assert all(day == sorted(day) for day in days[1:5])
    assert all(day[3] >= 115 for day in days)
    assert days[0] == [pytest.approx(120, abs=6)] * 4


async def test_operators_are_told_when_the_balance_ends_a_week_before_it_does(tell, operators):
    people = [f'{{platform: tiktok, id: p{n}, uid: "{1000 + n}"}}' for n in range(30)]
    story = await tell(", ".join(people))
    story.simulator._site.spent_usd = before = Decimal("48.3")
    async with story.daemon():
        await story.live(10 * DAYS, every=2 * HOURS)
    ended = next(call.at for call, usd in bills(story, before) if usd >= 50)
    week, day = [title for title in operators.titles() if "balance" in title]
    assert week.startswith("▲ WARNING: TikHub: the balance ends on 2026-03-1")
    assert day.startswith("▲ CRITICAL: TikHub: the balance ends on ")
    told = datetime.strptime(day.rpartition(" on ")[2], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    assert abs(told - ended) < 6 * HOURS


# --- never twice ------------------------------------------------------------------------------------------------------


def check_that_nothing_is_repeated(story):
    """Between two calls lies half an interval at least: where the turns of a new grid begin."""
    cadences = {each.path: each.cadence for each in ENDPOINTS.values() if each.provider is Provider.TIKHUB}
    times = {}
    for call in story.simulator.answered:
        if isinstance(cadences.get(call.path), Every | Near):
            times.setdefault((call.path, call.identities), []).append(call.at)
    assert len(times) == 5
    for (path, who), own in times.items():
        assert len(own) > 3, (path, who)
        assert min(gaps(own)) >= cadences[path].usual / 2 - MINUTES, (path, who)


@pytest.mark.parametrize("seed", range(3))
async def test_a_process_that_dies_between_any_claim_and_any_answer_repeats_no_paid_call(tell, seed):
    chance = random.Random(seed)
    story = await tell(f"{MEI}, {XIAO}", VIDEO)
    for _ in range(40):
        async with story.daemon() as app:
            await story.live(chance.choice([0, 20, 40, 200]) * MINUTES, every=20 * MINUTES)
            story.clock.advance(chance.choice([1, 20, 60]) * MINUTES)
            calls = app.watch._poller.claim(story.clock.now(), dict.fromkeys(Provider, 9))
            for call in calls[: chance.randint(0, len(calls))]:
                await app.watch._poller.poll(call, story.clock.now())
        story.clock.advance(chance.choice([0, 1, 10]) * MINUTES)
    check_that_nothing_is_repeated(story)
    assert written(story)[1] >= story.simulator.spent_usd


async def test_what_leaves_the_plan_and_comes_back_is_not_asked_about_again_before_its_turn(tell):
    chance = random.Random(3)
    story = await tell(f"{MEI}, {XIAO}", VIDEO)
    usual = story.config
    fewer = RuleBook(rule for rule in usual.book.rules if rule.name != "fan-spike")
    other = replace(usual, book=fewer, targets=usual.targets[:1])
    for turn in range(60):
        story.config = other if turn % 2 else usual
        async with story.daemon():
            await story.live(chance.choice([10, 30, 100]) * MINUTES, every=10 * MINUTES)
        story.clock.advance(chance.choice([0, 1, 50]) * MINUTES)
    check_that_nothing_is_repeated(story)
    assert min(gaps(turns(story, DIAGNOSIS))) > 20 * HOURS


KILLED = """
database: {database}
listen: 127.0.0.1:0
providers: {{tikhub: {{token: "${{TIKHUB_TOKEN}}", base_url: "{base_url}", rate_per_s: 1000, canary: false}}}}
endpoints:
  get_account_health_status: {{interval: 6s, rate_per_s: 1000}}
  get_account_violation_list: {{interval: 6s, rate_per_s: 1000}}
accounts: [{accounts}]
channels: {{console: {{url: "console://"}}}}
rules:
  - {{name: points, on: account, when: violation_score >= 9}}
  - {{name: records, on: account, when: violations_active >= 9}}
"""


async def test_kill_9_at_any_moment_repeats_no_paid_call_and_the_ledger_is_not_less_than_the_bill(tmp_path):
    chance, clock = random.Random(7), SystemClock()
    names = [f"long-history-{number}" for number in range(6)]
    for name in names:
        (tmp_path / name).write_text(f"sim-cookie:{name}", encoding="utf-8")
    accounts = ", ".join(f'{{platform: tiktok, id: {name}, cookie: "${{file:{name}}}"}}' for name in names)
    simulator = Simulator(World(started=clock.now(), slow_s=0.4, faults={"*": "slow"}), clock.now)
    database, config = tmp_path / "watch.db", tmp_path / "rules.yaml"
    base_url = await simulator.start()
    config.write_text(KILLED.format(database=database, base_url=base_url, accounts=accounts), encoding="utf-8")
    daemon = Daemon(config)
    try:
        for _ in range(5):
            asked = sum(simulator.calls.values())
            await daemon.start()
            await until(lambda asked=asked: sum(simulator.calls.values()) > asked)
            await asyncio.sleep(chance.uniform(0, 2))
            await daemon.kill()
    finally:
        await simulator.stop()
    with contextlib.closing(Store.open(database, readonly=True)) as store:
        assert store.spent("tikhub", START) >= simulator.spent_usd > 0
    for name in names:
        own = sorted(
            call.at for call in simulator.answered if (call.path, call.identities) == (ENDPOINTS[HEALTH].path, name)
        )
        assert min(gaps(own), default=DAYS) >= timedelta(seconds=2.9)


# --- a key that is refused --------------------------------------------------------------------------------------------


def asked(story):
    """The calls about accounts."""
    return sum(story.simulator.calls[ENDPOINTS[name].path] for name in (HEALTH, RECORDS, FANS))


@pytest.mark.parametrize("refusal", ["balance-402", "balance-403", "401"])
async def test_a_provider_that_refuses_the_key_is_asked_by_one_line_every_15_minutes_until_it_accepts_it(tell, refusal):
    story = await tell(", ".join(FORTY))
    async with story.daemon():
        await story.live(4 * HOURS, every=10 * MINUTES)
        if refusal == "401":
            story.simulator._site.tokens = frozenset({"another"})
        else:
            story.world.faults["*"] = refusal
        await story.live(HOURS, every=MINUTES)
        before = asked(story)
        await story.live(3 * HOURS, every=MINUTES)
        assert asked(story) - before == 12
        story.world.clear()
        story.simulator._site.tokens = None
        await story.live(16 * MINUTES, every=MINUTES)
        assert asked(story) - before > 60, "and then all that waited is asked"


async def test_a_key_that_may_not_use_one_route_goes_on_with_the_others(tell):
    story = await tell(", ".join(FORTY))
    async with story.daemon():
        story.world.faults[HEALTH] = "scope-403"
        await story.live(2 * HOURS, every=MINUTES)
        refused, fans = len(turns(story, HEALTH)), len(turns(story, FANS))
        await story.live(3 * HOURS, every=MINUTES)
    assert len(turns(story, HEALTH)) - refused == 12
    assert len(turns(story, FANS)) - fans == 40
