"""What a changed file takes away from under an alert: a budget, a channel, the variables of a channel."""

from __future__ import annotations

import io
from datetime import timedelta

from daemon import logs
from tests.acceptance.test_reloading import AT_ONCE, FANS, HOUR, at_work, page
from tests.acceptance.test_watching import LEO, firing, rule

MINUTE = timedelta(minutes=1)
SPENT = rule("spent", "provider", "budget_used >= 0", more=AT_ONCE)
REFUSED = rule("refused", "daemon", "config_ok == 0", more=", records: config" + AT_ONCE)


async def test_an_alert_on_a_budget_ends_with_the_budget_and_who_was_told_is_told(tell, managers):
    story = await tell(LEO, rules=SPENT)
    async with at_work(story) as daemon:
        await daemon.change("owners:", "budget: {tikhub: {day: 1000, month: 9000}}\nowners:")
        await story.live(HOUR)
        assert firing(story, "spent") == {"provider/tikhub"}
        await daemon.change("day: 1000, ", "")
        await story.live(MINUTE, MINUTE)
        assert len(story.alerts()) == 1
        await daemon.change("budget: {tikhub: {month: 9000}}\n", "")
        await story.live(MINUTE, MINUTE)
    assert story.alerts() == []
    assert [title[0] for title in managers.titles()] == ["▲", "▲", "✔", "✔"]


async def test_a_channel_that_comes_back_is_told_what_is_on_and_not_what_ended_meanwhile(tell, managers):
    numbers = {"ends": 1, "stays": 2, "begins": 1_000_000_000}
    both = [
        rule(name, "account", f"follower_count > {number}", "managers, operators", AT_ONCE)
        for name, number in numbers.items()
    ]
    story = await tell(LEO, rules="".join(both))
    async with at_work(story) as daemon:
        await story.live(2 * HOUR)
        daemon.edit("wu: [managers]", "wu: [operators]")
        daemon.edit("to: [managers, operators]", "to: [operators]")
        await daemon.change(f'  managers: {{url: "{managers.url}", charts: False}}\n', "")
        daemon.edit("follower_count > 1000000000", "follower_count > 3")
        await daemon.change("follower_count > 1'", "follower_count > 1000000000'")
        await story.live(HOUR)
        daemon.edit("channels:\n", f'channels:\n  managers: {{url: "{managers.url}", charts: False}}\n')
        await daemon.change("to: [operators]", "to: [managers, operators]")
        await story.live(HOUR)
    assert managers.news() == [f"▲ WARNING: Leo: {name}" for name in ("ends", "stays", "begins")]


async def test_a_channel_that_only_a_restart_could_open_is_said_in_words_and_blocks_no_later_file(tell, managers):
    story = await tell(LEO, rules=FANS + REFUSED)
    (story.config.base / "new.env").write_text(f"HOOK={managers.url}\n", encoding="utf-8")
    log = io.StringIO()
    async with at_work(story) as daemon:
        logs.configure("ERROR", False, str, log)
        daemon.edit("database:", "env_file: new.env\ndatabase:")
        await daemon.change("channels:\n", 'channels:\n  extra: {url: "${HOOK}"}\n')
        for _ in range(3):
            await story.live(MINUTE, MINUTE)
            await daemon.look(1)
        assert daemon.said == []
        assert page(daemon.app).count('reloads_total{outcome="failed"} 1.0') == 1
        problem = "channel extra: the environment variable HOOK is not set in the environment in force: a changed"
        assert [problem in each["message"] for each in managers.got if "refused" in each["title"]] == [True]
        await daemon.change('  extra: {url: "${HOOK}"}\n', "")
        assert daemon.said[1] == "note: only a restart takes up what changed in env_file"
    assert log.getvalue().count(problem) == 1
