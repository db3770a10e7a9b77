"""A changed file is taken up whole or not at all, whatever fails, and whatever is saved or polled meanwhile."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from daemon.config import load
from daemon.lock import holder
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.reload import Reloader
from tests.acceptance.test_reloading import AT_ONCE, DAY, FANS, HOUR, MIA, at_work, page, stored
from tests.acceptance.test_watching import LEO, firing, rule

MINUTE = timedelta(minutes=1)
DEEP = rule("deep", "account", "count(follower_count, 20h) > 1", more=AT_ONCE)
ANN, BEN = "tiktok,ann,ann\n", "tiktok,ben,ben\n"


@contextmanager
def failing(story, writing: str) -> Iterator[None]:
    """Meanwhile the database cannot do this."""
    with closing(sqlite3.connect(story.config.database, isolation_level=None)) as other:
        other.execute(f"CREATE TRIGGER full BEFORE {writing} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        yield
        other.execute("DROP TRIGGER full")


def seen(daemon) -> dict[tuple[str, str], float]:
    """When each line was seen last, as far as the windows know."""
    watches = daemon.app._recent.watches.values()
    return {(watch.target, watch.endpoint.name): watch.seen_s * 1000 for watch in watches if watch.seen_s}


def polled(story) -> dict[tuple[str, str], float]:
    """When each line of the plan was seen last, as it is stored."""
    lines = "SELECT key, endpoint, MAX(at_ms) FROM sample JOIN schedule ON schedule.id = schedule_id "
    of = "JOIN target ON target.id = target_id WHERE due_ms IS NOT NULL GROUP BY key, endpoint"
    return {(key, endpoint): at_ms for key, endpoint, at_ms in stored(story, lines + of)}


# --- what is polled meanwhile -------------------------------------------------------------------------------------


async def test_what_is_polled_while_the_file_is_read_stays_in_windows_that_deepen_and_all_is_judged_now(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * DAY, 3 * HOUR)
        begun = story.clock.now()
        daemon.edit("rules:\n", f"rules:\n{DEEP}")
        daemon.reloader.ask()
        await story.live(DAY, 3 * HOUR)
        await daemon.reloader.look(begun)
        assert daemon.said == ["rules.yaml is in force: opens 1, closes 0"]
        assert seen(daemon) == polled(story)
    [(fired_ms,)] = stored(story, "SELECT opened_ms FROM alert WHERE rule = 'deep'")
    assert fired_ms == story.clock.now().timestamp() * 1000


# --- what is saved meanwhile --------------------------------------------------------------------------------------


async def test_what_is_saved_while_the_daemon_starts_is_taken_up_and_the_lock_names_what_was_read(tell):
    story = await tell(LEO, rules=FANS)
    path, read = story.config.files[0], story.config.digest
    path.write_text(path.read_text(encoding="utf-8").replace("count > 1", "count > 1000000000"), encoding="utf-8")
    async with at_work(story) as daemon:
        daemon.reloader.sign(story.clock.now())
        assert holder(story.config.database).digest == read
        await daemon.look()
        assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]
        assert holder(story.config.database).digest == daemon.read().digest != read
        assert f'creatorwatch_config_info{{hash="{daemon.read().digest}"}}' in page(daemon.app)
        await story.live(2 * HOUR)
    assert firing(story, "fans") == set()


async def test_a_new_roster_that_grows_while_it_is_taken_up_is_read_again(tell):
    story = await tell(LEO, rules=FANS)
    roster = story.config.base / "people.csv"
    roster.write_text(f"platform,id,handle\n{ANN}", encoding="utf-8")
    said: list[str] = []

    def upload(config):
        """What is read is adapted, and only then taken up."""
        roster.write_text(f"platform,id,handle\n{ANN}{BEN}", encoding="utf-8")
        return config

    async with at_work(story) as daemon:
        reloader = Reloader(daemon.app, story.config, {}, frozenset(), upload, said.append, story.clock)
        daemon.edit("videos: []", "roster: [people.csv]")
        for _ in range(4):
            await reloader.look(story.clock.now())
        assert len(said) == 2
        await story.live(2 * HOUR)
    assert firing(story, "fans") == {f"tiktok/account/{name}" for name in ("leo", "ann", "ben")}


async def test_an_address_that_changes_in_env_file_is_told_from_then_on(tell, managers, operators):
    story = await tell(LEO, rules=FANS)
    variables = story.config.base / "own.env"
    variables.write_text(f"HOOK={managers.url}\n", encoding="utf-8")
    path = story.config.files[0]
    text = path.read_text(encoding="utf-8").replace(f'"{managers.url}"', '"${HOOK}"')
    path.write_text(text.replace("database:", "env_file: own.env\ndatabase:"), encoding="utf-8")
    story.config = load(path, {}, METRICS, ENDPOINTS)
    async with at_work(story) as daemon:
        variables.write_text(f"HOOK={operators.url}\n", encoding="utf-8")
        await daemon.look()
        await story.live(2 * HOUR)
    assert (managers.titles(), operators.titles()) == ([], ["▲ WARNING: Leo: fans"])


async def test_a_link_that_leads_to_a_file_of_the_same_age_and_size_is_a_change(tell):
    story = await tell(LEO, rules=FANS)
    path = story.config.files[0]
    text = path.read_text(encoding="utf-8")
    for name, limit in (("one", "count > 1"), ("two", "count > 2")):
        release = path.with_name(name)
        release.write_text(text.replace("count > 1", limit), encoding="utf-8")
        os.utime(release, (1e9, 1e9))
    path.unlink()
    path.symlink_to("one")
    story.config = load(path, {}, METRICS, ENDPOINTS)
    async with at_work(story) as daemon:
        path.with_name("link").symlink_to("two")
        path.with_name("link").replace(path)
        await daemon.look()
    assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]


# --- what fails ---------------------------------------------------------------------------------------------------

FEW = rule("few", "account", "like_count > 3", more=AT_ONCE)
ZOE = "{platform: tiktok, id: zoe, name: Zoe, handle: zoe, owner: lin}"


def change(daemon, url: str) -> None:
    """Save a file in which everything is other: who is watched, by which rules, who is told."""
    for old, new in (
        (MIA, ZOE),
        (FANS + FEW, FANS.replace("> 1", "> 1000000000") + DEEP),
        ("to: [managers]", "to: [operators]"),
        ("wu: [managers]", "wu: [operators]"),
        (f'  managers: {{url: "{url}", charts: False}}\n', ""),
    ):
        daemon.edit(old, new)


def state(daemon) -> list[object]:
    """What is watched, asked, judged and alerted on, in the memory and in the store."""
    recent, docket = daemon.app._recent, daemon.app._judge.docket
    return [
        {target: [rule.name for rule in docket.rules(target)] for target in docket.targets},
        {target: sorted(map(str, docket.alerts(target))) for target in docket.targets},
        {line: (watch.target, watch.endpoint.name, watch.seen_s) for line, watch in recent.watches.items()},
        {
            (target, metric): f"{window.values[-1]} at {window.times_s[-1]} for {window.fresh_for_s} {window.blind}"
            for target in docket.targets
            for metric, windows in recent.view(target).items()
            for window in windows.values()
        },
        *(
            stored(daemon.story, f"SELECT * FROM {table}")
            for table in ("target", "schedule", "rule", "alert", "outbox")
        ),
    ]


@pytest.mark.parametrize(
    "writing",
    [
        "INSERT ON target",
        "UPDATE ON target",
        "INSERT ON schedule",
        "UPDATE ON schedule",
        "UPDATE ON outbox",
        "INSERT ON rule",
        "DELETE ON rule",
        "INSERT ON alert",
        "UPDATE ON alert",
        "INSERT ON transition",
    ],
)
async def test_a_reload_that_fails_anywhere_leaves_all_as_it_was_and_comes_to_the_same_later(writing, tell, managers):
    story = await tell(f"{LEO}, {MIA}", rules=FANS + FEW)
    managers.status = 503
    async with at_work(story) as daemon:
        await story.live(18 * HOUR, 3 * HOUR)
        before = state(daemon)
        change(daemon, managers.url)
        with failing(story, writing):
            await daemon.look()
        assert daemon.said == []
        assert state(daemon) == before
        await story.live(DAY, 3 * HOUR)
        assert seen(daemon) == polled(story)
        assert firing(story, "fans") == {"tiktok/account/leo", "tiktok/account/mia"}
        await daemon.look(1)
        assert daemon.said == ["rules.yaml is in force: opens 1, closes 4"]
        await story.live(DAY, 3 * HOUR)
        assert seen(daemon) == polled(story)
    assert [firing(story, name) for name in ("fans", "few")] == [set(), set()]
    assert firing(story, "deep") == {"tiktok/account/leo", "tiktok/account/zoe"}


DEEPER = rule("deeper", "account", "count(follower_count, 9d) > 1000", more=AT_ONCE)
OFTEN = rule("often", "account", "count(follower_count, 20h) >= 3", more=AT_ONCE)


async def test_windows_that_cannot_be_read_deeper_stay_as_they_were(tell, managers):
    story = await tell(f"{LEO}, {MIA}", rules=OFTEN)
    async with at_work(story) as daemon:
        await story.live(3 * DAY, 3 * HOUR)
        before, titles = state(daemon), managers.titles()
        assert len(titles) == 2
        with closing(sqlite3.connect(story.config.database, isolation_level=None)) as other:
            oldest = "SELECT schedule_id, MIN(at_ms) FROM sample GROUP BY schedule_id HAVING COUNT(*) > 1"
            other.execute(f"UPDATE sample SET numbers = x'01' WHERE (schedule_id, at_ms) IN ({oldest})")
        daemon.edit("rules:\n", f"rules:\n{DEEPER}")
        await daemon.look()
        assert daemon.said == []
        assert state(daemon) == before
        await story.live(3 * HOUR, 3 * HOUR)
    assert managers.titles() == titles


# --- how fast is asked --------------------------------------------------------------------------------------------


def ready(daemon) -> int:
    """How many calls of a provider may start an hour from now."""
    later = daemon.story.clock.now() + HOUR
    return daemon.app._paces[Provider.TIKHUB].ready(later.timestamp())


async def test_a_file_that_failed_and_is_put_back_leaves_no_trace_in_the_pace(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        daemon.edit("rules:\n", f"rules:\n{DEEP}")
        with failing(story, "INSERT ON rule"):
            await daemon.change('", rate_per_s: 1000}', '", rate_per_s: 9}')
        assert daemon.said == []
        daemon.edit(f"rules:\n{DEEP}", "rules:\n")
        await daemon.change('", rate_per_s: 9}', '", rate_per_s: 1000}')
        assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]
        assert ready(daemon) == 1000


@pytest.mark.parametrize("rate", [5, 999])
async def test_who_asks_for_another_rate_ends_no_pause(rate, tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        until = story.clock.now() + 2 * HOUR
        daemon.app._paces[Provider.TIKHUB].pause(until.timestamp())
        await daemon.change('", rate_per_s: 1000}', f'", rate_per_s: {rate}}}')
        assert ready(daemon) == 0
        story.clock.advance(2 * HOUR)
        assert ready(daemon) == rate
