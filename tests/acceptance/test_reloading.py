"""A changed file, taken up by the daemon that runs: nothing is lost, nothing is paid or told twice."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from daemon import logs
from daemon.budget import Limits
from daemon.config import Config, load
from daemon.preview import Preview, count, preview
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.reload import Reloader
from storage.records import Status
from storage.store import Store
from tests.acceptance.test_watching import CREATOR, LEO, MEI, calls, firing, rule, total

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT_ONCE = ", on_first_sight: tell"
POINTS = rule("points", "account", "violation_score >= 6", more=AT_ONCE)
FANS = rule("fans", "account", "follower_count > 1", more=AT_ONCE)
MIA = "{platform: tiktok, id: mia, name: Mia, handle: mia, owner: wu}"
LADDERS = {"mei": "violation-ladder"}


@dataclass
class Reloading:
    """A daemon, and the file that it keeps to."""

    story: object
    app: object
    reloader: Reloader
    said: list[str]

    @property
    def path(self) -> Path:
        return self.story.config.files[0]

    def edit(self, old: str, new: str) -> None:
        """Save the file with other words."""
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")

    async def look(self, times: int = 2) -> None:
        for _ in range(times):
            await self.reloader.look(self.story.clock.now())

    async def change(self, old: str, new: str) -> None:
        """Save the file, and let the daemon see it."""
        self.edit(old, new)
        await self.look()

    def read(self) -> Config:
        config = load(self.path, {}, METRICS, ENDPOINTS)
        assert isinstance(config, Config), config
        return config


@asynccontextmanager
async def at_work(story, providers: frozenset[Provider] = frozenset()) -> AsyncIterator[Reloading]:
    async with story.daemon() as app:
        said: list[str] = []
        reloader = Reloader(app, story.config, {}, providers, lambda config: config, said.append, story.clock)
        yield Reloading(story, app, reloader, said)


def stored(story, query: str) -> list[tuple]:
    with closing(sqlite3.connect(story.config.database)) as database:
        return database.execute(query).fetchall()


def until(found):
    """The first true answer of ``found`` within a minute, else the last."""
    deadline_s = time.monotonic() + 60
    while not (answer := found()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return answer


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def page(app) -> str:
    return app.metrics.render("")[0].decode()


# --- when it is read ----------------------------------------------------------------------------------------------


async def test_a_changed_file_is_in_force_once_it_stays_as_it_is_for_one_more_look(tell, managers):
    story = await tell(LEO, rules=POINTS)
    async with at_work(story) as daemon:
        daemon.edit("rules:\n", f"rules:\n{FANS}")
        await daemon.look(1)
        assert daemon.said == []
        daemon.edit("Leo", "Leonie")
        await daemon.look(1)
        assert daemon.said == []
        await daemon.look(1)
        assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]
        await story.live(2 * HOUR)
        await daemon.look(3)
    assert managers.titles() == ["▲ WARNING: Leonie: fans"]
    assert len(daemon.said) == 1


async def test_a_roster_is_looked_at_like_the_file_that_names_it(tell):
    story = await tell(LEO, rules=FANS)
    roster = story.config.base / "people.csv"
    roster.write_text("platform,id,handle\ntiktok,ann,ann\n", encoding="utf-8")
    async with at_work(story) as daemon:
        await daemon.change("videos: []", "roster: [people.csv]")
        roster.write_text("platform,id,handle\ntiktok,ann,ann\ntiktok,ben,ben\n", encoding="utf-8")
        await daemon.look()
        await story.live(2 * HOUR)
    assert firing(story, "fans") == {f"tiktok/account/{name}" for name in ("leo", "ann", "ben")}


async def test_a_file_that_was_asked_to_be_read_is_read_unchanged(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        daemon.reloader.ask()
        await daemon.look()
    assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]


# --- what is refused ----------------------------------------------------------------------------------------------


async def test_a_file_with_mistakes_changes_nothing_and_each_is_said_once(tell, managers):
    story = await tell(LEO, rules=FANS)
    log = io.StringIO()
    async with at_work(story) as daemon:
        logs.configure("ERROR", False, str, log)
        await daemon.change("rules:\n", "rulez: 1\nowner: 2\nrules:\n")
        for _ in range(10):
            await story.live(HOUR)
            await daemon.look()
        assert daemon.said == []
        assert 'creatorwatch_config_reloads_total{outcome="refused"} 1.0' in page(daemon.app)
    assert managers.titles() == ["▲ WARNING: Leo: fans"]
    assert [line.partition("unknown key ")[2][:7] for line in log.getvalue().splitlines()] == ["`rulez`", "`owner`"]


async def test_a_rule_on_the_daemon_tells_of_a_refused_file_and_of_its_mending(tell, operators):
    broken = rule("refused", "daemon", "config_ok == 0", "operators", ", records: config" + AT_ONCE)
    story = await tell(LEO, rules=FANS + broken)
    async with at_work(story) as daemon:
        await story.live(HOUR)
        await daemon.change("rules:\n", "rulez: 1\nrules:\n")
        await story.live(HOUR)
        assert [title.partition(":")[0] for title in operators.titles()] == ["▲ WARNING"]
        assert "unknown key `rulez`" in operators.got[0]["message"]
        await daemon.change("rulez: 1\n", "")
        await story.live(HOUR)
    assert [title.partition(":")[0] for title in operators.titles()] == ["▲ WARNING", "✔ RESOLVED"]


async def test_what_was_missing_besides_the_file_is_found_within_a_minute(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await daemon.change("videos: []", "roster: [people.csv]")
        (story.config.base / "people.csv").write_text("platform,id,handle\ntiktok,ann,ann\n", encoding="utf-8")
        await daemon.look()
        assert daemon.said == []
        story.clock.advance(timedelta(minutes=1))
        await daemon.look(1)
    assert daemon.said == ["rules.yaml is in force: opens 0, closes 0"]


async def test_a_file_that_would_pass_its_budget_is_refused(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story, frozenset(Provider)) as daemon:
        await daemon.change("owners:", "budget: {tikhub: {day: 0.001}}\nowners:")
        assert daemon.said == []
        await daemon.change("day: 0.001", "day: 1000")
        assert [words.rpartition(" ")[0] for words in daemon.said] == [
            "rules.yaml is in force: opens 0, closes 0, +$0.00/day"
        ]
        assert daemon.app._standings.purse.limits(Provider.TIKHUB) == Limits(Decimal(1000), None, 0.8)


async def test_what_only_a_restart_takes_up_is_left_and_said(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        daemon.edit("database: ", "listen: 127.0.0.1:9999\ndatabase: x")
        await daemon.change('keyapi: {token: "${NONE}"', 'keyapi: {token: "${OTHER}"')
        await story.live(2 * HOUR)
    first, note = daemon.said
    assert first == "rules.yaml is in force: opens 0, closes 0"
    assert note == "note: only a restart takes up what changed in database, listen, providers"
    assert firing(story, "fans") == {"tiktok/account/leo"}


# --- rules --------------------------------------------------------------------------------------------------------


async def test_a_rule_that_stays_keeps_its_alert_and_nothing_is_told_twice(tell, managers):
    story = await tell(MEI, rules=POINTS, scenarios=LADDERS)
    async with at_work(story) as daemon:
        await story.live(30 * HOUR)
        before, told = [row.id for row in story.alerts()], list(managers.titles())
        await daemon.change("rules:\n", f"rules:\n{FANS}")
        await story.live(HOUR)
    assert [row.id for row in story.alerts() if row.rule == "points"] == before != []
    assert [title for title in managers.titles() if "points" in title] == told


async def test_the_alert_of_a_rule_that_is_removed_ends_and_who_was_told_is_told_why(tell, managers):
    story = await tell(MEI, rules=POINTS + FANS, scenarios=LADDERS)
    async with at_work(story) as daemon:
        await story.live(30 * HOUR)
        assert firing(story, "points") == {"tiktok/account/mei"}
        await daemon.change(POINTS, "")
        await story.live(timedelta(minutes=1), timedelta(minutes=1))
    assert daemon.said == ["rules.yaml is in force: opens 0, closes 1"]
    ended = managers.got[-1]
    assert ended["title"].startswith("✔ RESOLVED")
    assert "it is no longer watched" in ended["message"]
    assert firing(story, "points") == set()


async def test_an_account_that_is_removed_is_asked_no_more_and_its_alerts_end(tell, managers):
    story = await tell(f"{LEO}, {MIA}", rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * HOUR)
        await daemon.change(f"{LEO}, {MIA}", MIA)
        asked = len([who for _, who in story.simulator.requests if who == "leo"])
        await story.live(2 * DAY)
    assert len([who for _, who in story.simulator.requests if who == "leo"]) == asked > 0
    assert sum(title.startswith("✔ RESOLVED: Leo: fans") for title in managers.titles()) == 1
    assert firing(story, "fans") == {"tiktok/account/mia"}


async def test_a_changed_rule_keeps_its_alert_and_judges_anew_what_was_seen(tell, managers):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * HOUR)
        asked, [alert] = total(story), story.alerts()
        await daemon.change("follower_count > 1", "follower_count > 2")
        assert [row.id for row in story.alerts()] == [alert.id]
        await daemon.change("follower_count > 2", "follower_count > 1000000000")
        assert story.alerts() == []
        await daemon.change("follower_count > 1000000000", "follower_count > 3")
        await story.live(timedelta(minutes=1), timedelta(minutes=1))
        assert total(story) == asked
    assert daemon.said[1:] == [f"rules.yaml is in force: {each}" for each in ("opens 0, closes 1", "opens 1, closes 0")]
    assert [title[0] for title in managers.titles()] == ["▲", "■"], "it ended and began again: that is one message"


async def test_a_ladder_that_became_shorter_ends_what_stood_above_it(tell, managers):
    ladder = (
        "  - {name: points, on: account, summary: points, to: [managers], on_first_sight: tell,\n"
        "     levels: {warning: violation_score >= 6, high: violation_score >= 9}}\n"
    )
    story = await tell(MEI, rules=ladder, scenarios=LADDERS)
    async with at_work(story) as daemon:
        await story.live(30 * HOUR)
        assert [row.level for row in story.alerts()] == [2]
        await daemon.change(", high: violation_score >= 9", "")
        await story.live(2 * HOUR)
    assert [row.level for row in story.alerts()] == [1]
    assert managers.titles()[-1].startswith("▼ WARNING:")


async def test_a_rule_that_looks_further_back_is_judged_at_once_by_what_is_stored(tell, managers):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(4 * DAY, 3 * HOUR)
        asked = total(story)
        known = rule("history", "account", "count(follower_count, 3d) >= 5", more=AT_ONCE)
        await daemon.change("rules:\n", f"rules:\n{known}")
        await story.live(timedelta(minutes=1), timedelta(minutes=1))
        assert total(story) == asked
    assert "▲ WARNING: Leo: history" in managers.titles()


async def test_while_a_provider_is_down_a_deeper_rule_holds_what_is_not_known(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * DAY, 3 * HOUR)
        story.world.faults["*"] = "http-500"
        await story.live(DAY, 3 * HOUR)
        await daemon.change("rules:\n", f"rules:\n{rule('deep', 'account', 'count(follower_count, 3d) >= 1')}")
        line = daemon.app._recent.line("tiktok/account/leo", CREATOR)
        assert daemon.app._recent.watches[line].blind
    assert firing(story, "deep") == set()


# --- calls --------------------------------------------------------------------------------------------------------


async def test_a_new_account_is_asked_and_nobody_else_earlier_than_without_it(tell):
    asked = {}
    for name, added in (("without", LEO), ("with", f"{LEO}, {MIA}")):
        story = await tell(LEO, rules=FANS)
        async with at_work(story) as daemon:
            await story.live(5 * HOUR)
            await daemon.change(f"accounts: [{LEO}]", f"accounts: [{added}]")
            await story.live(2 * DAY)
        asked[name] = story.simulator.requests
        story.config.database.unlink()
    assert [each for each in asked["with"] if "leo" in each[1]] == [
        each for each in asked["without"] if "leo" in each[1]
    ]
    assert any("mia" in who for _, who in asked["with"])


async def test_an_answer_that_is_under_way_is_kept_and_judged_by_the_new_rules(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * DAY, 3 * HOUR)
        asked = calls(story, CREATOR)
        seen = rule("seen", "account", "count(follower_count, 10m) >= 1")
        daemon.edit("rules:\n", f"rules:\n{seen}")
        config = daemon.read()
        story.clock.advance(daemon.app._store.next_due(story.clock.now()) - story.clock.now())
        story.world.faults["*"], story.world.slow_s = "slow", 1.0
        await daemon.app.watch.poll(story.clock.now())
        await daemon.app.adopt(config, story.clock)
        assert firing(story, "seen") == set()
        await daemon.app.watch.settle()
        assert calls(story, CREATOR) == asked + 1
    assert firing(story, "seen") == {"tiktok/account/leo"}
    assert stored(story, "SELECT DISTINCT outcome FROM ledger") == [("ok",)]


async def test_an_interval_is_the_new_one_from_the_next_turn_on(tell):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(12 * HOUR)
        await daemon.change(f"  {CREATOR}: {{rate_per_s: 1000}}", f"  {CREATOR}: {{rate_per_s: 1000, interval: 1h}}")
        before = calls(story, CREATOR)
        await story.live(12 * HOUR)
    assert 11 <= calls(story, CREATOR) - before <= 13


# --- channels and people ------------------------------------------------------------------------------------------


async def test_another_owner_is_told_from_then_on(tell, managers, operators):
    owned = rule("fans", "account", "follower_count > 1", "owner", AT_ONCE)
    story = await tell(LEO, rules=owned.replace("> 1", "> 1000000000"))
    async with at_work(story) as daemon:
        await story.live(2 * HOUR)
        daemon.edit("lin: [operators]", "lin: [managers]")
        await daemon.change("> 1000000000", "> 1")
        await story.live(HOUR)
    assert (managers.titles(), operators.titles()) == (["▲ WARNING: Leo: fans (delayed 1 h)"], [])


async def test_letters_to_a_channel_that_is_removed_are_given_up_and_owed_again_when_it_is_back(tell, managers):
    both = rule("fans", "account", "follower_count > 1", "managers, operators", AT_ONCE)
    story = await tell(LEO, rules=both)
    async with at_work(story) as daemon:
        managers.status = 503
        await story.live(2 * HOUR)
        text = daemon.path.read_text(encoding="utf-8")
        daemon.edit("owners: {lin: [operators], wu: [managers]}", "owners: {lin: [operators]}")
        daemon.edit("to: [managers, operators]", "to: [operators]")
        await daemon.change(f'  managers: {{url: "{managers.url}", charts: False}}\n', "")
        assert stored(story, "SELECT status FROM outbox WHERE channel = 'managers'") == [(Status.DEAD.value,)]
        managers.status = 200
        daemon.path.write_text(text, encoding="utf-8")
        await daemon.look()
        await story.live(HOUR)
    assert managers.news() == ["▲ WARNING: Leo: fans"]


async def test_a_channel_that_is_sending_when_it_is_removed_ends_what_it_began(tell, managers):
    story = await tell(LEO, rules=FANS)
    async with at_work(story) as daemon:
        await story.live(timedelta(minutes=1), timedelta(minutes=1))
        managers.answering.clear()
        story.clock.advance(2 * HOUR)
        await daemon.app.watch.poll(story.clock.now())
        await daemon.app.watch.settle()
        daemon.app.watch.deliver(story.clock.now())
        assert await asyncio.to_thread(until, lambda: managers.got)
        daemon.edit("wu: [managers]", "wu: [operators]")
        daemon.edit("to: [managers]", "to: [operators]")
        await daemon.change(f'  managers: {{url: "{managers.url}", charts: False}}\n', "")
        managers.answering.set()
        await daemon.app._deliverer.settle()
        await story.live(HOUR)
        assert await asyncio.to_thread(until, lambda: "channel-managers_0" not in threads())
    assert managers.titles() == ["▲ WARNING: Leo: fans"]


# --- what was said before -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "comes"),
    [
        (FANS, "", Preview(0, 2)),
        ("follower_count > 1", "follower_count > 1000000000", Preview(0, 2)),
        ("rules:\n", "rules:\n" + rule("more", "account", "follower_count > 2", more=", for: 2d"), Preview(2, 0)),
        ("rules:\n", "rules:\n" + rule("more", "account", "follower_count > 2", more=", shadow: true"), Preview(0, 0)),
        ("rules:\n", "rules:\n" + rule("deep", "account", "count(follower_count, 20h) > 1"), Preview(2, 0)),
        (f"{LEO}, {MIA}", MIA, Preview(0, 1)),
    ],
)
async def test_what_a_file_would_change_is_known_before_and_is_what_then_happens(old, new, comes, tell):
    story = await tell(f"{LEO}, {MIA}", rules=FANS)
    async with at_work(story) as daemon:
        await story.live(2 * DAY, 3 * HOUR)
        daemon.edit(old, new)
        config, at = daemon.read(), story.clock.now()
        before = [stored(story, f"SELECT * FROM {name}") for name in ("alert", "schedule", "target", "rule")]
        with closing(Store.sketch(config.database)) as sketch:
            said = preview(config, sketch, at)
        assert [stored(story, f"SELECT * FROM {name}") for name in ("alert", "schedule", "target", "rule")] == before
        assert said == comes == count(await daemon.app.adopt(config, story.clock), config.book)


# --- over and over ------------------------------------------------------------------------------------------------


async def test_fifty_reloads_leak_no_task_no_thread_and_no_open_file(tell, managers):
    story = await tell(LEO, rules=FANS)

    def held() -> tuple[int, int, int]:
        return len(asyncio.all_tasks()), threading.active_count(), len([*Path("/proc/self/fd").iterdir()])

    async with at_work(story) as daemon:
        await story.live(2 * HOUR)
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.02) for _ in range(64)))  # all threads of the pool exist
        for turn in range(50):
            before = "" if turn == 0 else f"?turn={turn - 1}"
            await daemon.change(f'"{managers.url}{before}"', f'"{managers.url}?turn={turn}"')
            await story.live(timedelta(minutes=1), timedelta(minutes=1))
            if turn == 5:
                begun = held()
        ended = held()
    assert len(daemon.said) == 50
    assert [now - then <= 2 for now, then in zip(ended, begun, strict=True)] == [True] * 3
    assert managers.titles() == ["▲ WARNING: Leo: fans"]


async def test_a_daemon_that_could_not_write_takes_the_file_up_later(tell):
    story = await tell(LEO, rules=POINTS)
    async with at_work(story) as daemon:
        with closing(sqlite3.connect(story.config.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await daemon.change("rules:\n", f"rules:\n{FANS}")
            other.execute("ROLLBACK")
        assert daemon.said == []
        assert 'creatorwatch_config_reloads_total{outcome="failed"} 1.0' in page(daemon.app)
        await story.live(2 * HOUR)
        await daemon.look(1)
        await story.live(2 * HOUR)
    assert daemon.said != []
    assert firing(story, "fans") == {"tiktok/account/leo"}
