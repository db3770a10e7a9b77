"""Rules on the numbers that are stored: what would have fired, who would have been told, and nothing else happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.show_backtest import facts
from rules.values import News
from tests.stored import FILE, HEALTH, HOUR, LEO, MEI, NOW, POINTS, VIOLATIONS, Past, times

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


def incidents(report, number=0):
    return report.ran[number].tally.incidents


def test_what_would_have_fired_is_told_with_when_it_began_and_ended_and_to_whom(past):
    past.plan((MEI, HEALTH), (LEO, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0), (6, 9.0), (4, 3.0))
    past.points(LEO, (9, 3.0), (7, 12.0))
    report = past.backtest(past.config())
    assert times(report) == [(MEI.key, 8, 4), (LEO.key, 7, None)]
    told = [(each.channel, each.owner, (NOW - each.at) / HOUR) for each in report.ran[0].tally.told]
    everybody = ("console", "managers")
    assert told == [("managers", "lin", 8), *((name, "", 7) for name in everybody), ("managers", "lin", 4)]
    assert (report.accounts, report.polls) == (2, 6)


def test_a_backtest_changes_nothing_in_the_database(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    past.store.close()
    before = sha256(past.path.read_bytes()).hexdigest()
    assert incidents(past.backtest(past.config()))
    assert sha256(past.path.read_bytes()).hexdigest() == before


def test_what_began_before_the_time_that_counts_is_no_new_alert(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (60, 3.0), (51, 9.0), (40, 9.0), (20, 9.0))
    report = past.backtest(past.config(), days=2)
    assert times(report) == [(MEI.key, 51, None)]
    assert facts(report)["files"][0]["rules"]["points"] | {"levels": {}} == {
        "alerts": 0,
        "targets": 0,
        "levels": {},
        "letters": 0,
        "on_at_the_end": 1,
        "shadow": False,
    }


def test_windows_are_full_when_the_time_that_counts_begins(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (60, 3.0), (30, 3.0), (23, 9.0))
    risen = "  - { name: risen, on: account, when: 'increase(violation_score, 10h) >= 6', on_first_sight: tell }\n"
    assert times(past.backtest(past.config(risen), days=1)) == [(MEI.key, 23, None)]


def test_time_alone_is_looked_at_every_full_hour_between_polls(past):
    past.plan((MEI, VIOLATIONS), interval=6 * HOUR)
    closes = (NOW + 0.2 * HOUR).timestamp()
    past.see(MEI, VIOLATIONS, 15, (("record", "r1"),), appeal_deadline=closes)
    past.see(MEI, VIOLATIONS, 13, (("record", "r1"),), appeal_deadline=closes)
    soon = "  - { name: soon, on: account, when: until(appeal_deadline) < 9h, on_first_sight: tell }\n"
    assert times(past.backtest(past.config(soon))) == [(MEI.key, 8.5, None)]


def test_numbers_that_grew_too_old_are_unknown_as_after_failed_polls(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (20, 3.0), (18, 3.0), (4, 3.0))
    blind = "  - { name: blind, on: account, when: violation_score > 100, unknown: fire, on_first_sight: tell }\n"
    assert times(past.backtest(past.config(blind))) == [(MEI.key, 11.5, 4)]


def test_two_rule_books_differ_in_what_only_one_of_them_sees_and_in_what_is_on_now(past):
    past.plan((MEI, HEALTH), (LEO, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0), (6, 3.0), (4, 6.0))
    past.points(LEO, (10, 3.0), (8, 12.0))
    lower = past.config(POINTS.replace("9", "6"), "new.yaml")
    report = past.backtest(lower, past.config())
    assert facts(report)["difference"]["points"] == {
        "first": 3,
        "second": 2,
        "both": 2,
        "only_first": 1,
        "only_second": 0,
        "opens": 1,
        "closes": 0,
    }


def test_a_rule_on_what_the_daemon_says_itself_is_named_as_not_replayed(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 9.0))
    states = "  - { name: unseen, on: account, when: visible == 0 }\n"
    states += "  - { name: fans, on: account, when: follower_count > 1 }\n"
    (found,) = facts(past.backtest(past.config(POINTS + states)))["files"]
    assert (found["not_replayed"], found["not_judged"]) == (["unseen"], ["fans"])


def test_several_processes_come_to_the_same(past):
    past.plan((MEI, HEALTH), (LEO, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    past.points(LEO, (9, 3.0), (7, 12.0))
    config = past.config()
    assert facts(past.backtest(config, processes=2)) == facts(past.backtest(config))


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(past):
    def ask(*arguments):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        command = [CREATORWATCH, "backtest", *arguments]
        return subprocess.run(
            command, cwd=past.folder, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    past.config()
    return ask


def test_the_command_prints_who_would_have_been_told_and_how_often_and_no_bar_in_a_pipe(past, cli):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0), (6, 3.0))
    ended = cli("rules.yaml", "--since", "2d")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert ["points", "warning", "1", "1", "2", "0"] in rows
    assert ["managers", "2", "2"] in rows or ["managers", "2", "1"] in rows
    assert ["lin", "1", "2"] in rows
    assert "1 accounts, 3 polls" in ended.stdout


def test_the_command_compares_two_files(past, cli):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 6.0))
    past.config(POINTS.replace("9", "6"), "new.yaml")
    ended = cli("new.yaml", "--against", "rules.yaml")
    assert ended.returncode == 0, ended.stderr
    assert "now: new.yaml opens 1 and closes 0 alerts, against rules.yaml" in ended.stdout


def test_the_command_prints_json(past, cli):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    (found,) = json.loads(cli("--json", "--since", (NOW - 2 * 24 * HOUR).isoformat()).stdout)["files"]
    assert [each["level"] for each in found["alerts"]] == ["warning"]
    assert found["rules"]["points"]["on_at_the_end"] == 1


def test_the_command_says_what_is_missing_or_wrong(past, cli):
    past.plan((MEI, HEALTH))
    nothing = cli()
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "nothing that the rules of rules.yaml read was stored since 30d" in nothing.stderr
    assert cli("--since", "last week").returncode == 2
    assert "is yet to come" in cli("--since", (NOW + 2 * HOUR).isoformat()).stderr
    past.store.close()
    past.path.unlink()
    assert (cli().returncode, "there is no database yet" in cli().stderr) == (1, True)


def test_that_a_line_is_asked_oftener_now_makes_nothing_unknown_that_was_seen_as_usual(past):
    past.plan((MEI, HEALTH), interval=HOUR / 2)
    past.points(MEI, *((hours, 3.0) for hours in range(30, 0, -2)))
    low = POINTS.replace("violation_score >= 9", "'min(violation_score, 12h) >= 3'")
    assert times(past.backtest(past.config(low))) == [(MEI.key, 18, None)]


@pytest.mark.parametrize(("points", "unseen_h"), [(3.0, 6), (6.0, 3), (9.0, 1.5)])
def test_numbers_grow_too_old_after_three_intervals_that_the_line_had_then_without_an_alert(past, points, unseen_h):
    past.plan((MEI, HEALTH), interval=HOUR / 2)
    past.points(MEI, (19, points), (18, points), (2, points), (1, points))
    blind = "  - { name: blind, on: account, when: violation_score > 100, unknown: fire, on_first_sight: tell }\n"
    ((target, began, ended),) = times(past.backtest(past.config(blind)))
    assert (target, ended) == (MEI.key, 2)
    assert 0 < 18 - unseen_h - began <= 1


def test_money_that_is_spared_now_makes_nothing_unknown_that_was_seen_as_seldom(past):
    past.plan((MEI, HEALTH), interval=8 * HOUR)
    past.points(MEI, *((hours, 8.0) for hours in range(48, 0, -8)))
    low = POINTS.replace("violation_score >= 9", "'min(violation_score, 24h) >= 8'")
    assert times(past.backtest(past.config(low))) == [(MEI.key, 24, None)]


# --- who would have been told --------------------------------------------------------------------------------------

ROUTED = """
delegations:
  - owner: lin
    to: wu
    from: {away}
    until: {away}
routes:
  - name: daily
    to: [owner]
    digest: "0 0 * * *"
    remind: [2h]
    escalate_after: 5h
    escalate_to: [console]
"""
TWO = "  - { name: points, on: account, when: violation_score >= 9, on_first_sight: tell }\n"


def routed(past, away="2001-01-01"):
    text = FILE.replace("owners: {{ lin: [managers] }}", "owners: {{ lin: [managers], wu: [deputy] }}")
    text = text.replace("channels: {{", 'channels: {{ deputy: {{ url: "console://" }},')
    return past.config(TWO, text=text.replace("rules:\n", ROUTED.format(away=away) + "rules:\n"))


def test_a_digest_is_one_message_a_day_however_many_letters_and_reminders_and_escalation_count(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (80, 3.0), *((hours, 9.0) for hours in range(78, 60, -2)), (60, 3.0))
    (found,) = facts(past.backtest(routed(past)))["files"]
    kept = past.backtest(routed(past)).ran[0].tally
    assert [each.story.news for each in kept.told if each.channel == "managers"] == [
        News.FIRED,
        News.REMINDED,
        News.RESOLVED,
    ]
    assert [each.story.news for each in kept.told if each.channel == "console"] == [News.FIRED, News.RESOLVED]
    days = {(each.due.date(), each.channel) for each in kept.told}
    assert sum(found["channels"][channel]["messages"] for channel in ("managers", "console")) == len(days)
    assert found["people"]["lin"] == found["channels"]["managers"]
    assert found["people"]["wu"] == {"messages": 0, "busiest_day": 0}


def test_who_stands_in_is_told_instead(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (80, 3.0), (78, 9.0))
    away = f"{NOW - 78 * HOUR:%Y-%m-%d}"
    tally = past.backtest(routed(past, away)).ran[0].tally
    assert [each.channel for each in tally.told][:1] == ["deputy"]
