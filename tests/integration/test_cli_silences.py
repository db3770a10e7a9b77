"""`silence`, `silences`, `ack` and `audit` as a user runs them, beside a database that a daemon writes."""

from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from rules.outcomes import Outcome
from rules.values import Alert, Firing, Subject, Target
from storage.silences import How, Speaker, Wish
from storage.store import Store
from tests.running import creatorwatch
from tests.stored import NOW, UNNAMED

MEI, LEO = (Target(f"tiktok/account/{id_}", Subject.ACCOUNT, id_, "tiktok") for id_ in ("mei", "leo"))
RULES = """\
  - name: points
    on: account
    levels:
      watch: { when: violation_score >= 12 }
      act: { when: violation_score >= 15, severity: critical }
    to: [owner]
"""
BOTH, ONE = 'rule == "points"', 'rule == "points" and account == "mei"'


@pytest.fixture
def folder(tmp_path):
    """Where a daemon has two alerts that are on: 1 of Mei at `watch`, 2 of Leo at `act`."""
    (tmp_path / "rules.yaml").write_text(UNNAMED.format(rules=RULES))
    with closing(Store.open(tmp_path / "creatorwatch.db")) as store:
        store.sync_targets([MEI, LEO], NOW)
        levels = {MEI: 1, LEO: 2}
        on = [Alert("points", each.key, (), Firing(level, NOW, NOW, level)) for each, level in levels.items()]
        store.commit_judgement([Outcome(alert, (), ()) for alert in on], NOW)
    return tmp_path


def run(folder, *arguments):
    """(exit code, what is printed, what is complained of in one line)."""
    done = creatorwatch(folder, *arguments)
    return done.returncode, done.stdout, " ".join(done.stderr.replace("│", " ").split())


def said(folder):
    return json.loads(run(folder, "silences", "--json")[1])


def trail(folder):
    return [(each["by"], each["what"], each["how"]) for each in json.loads(run(folder, "audit", "--json")[1])]


def test_a_silence_shows_what_it_holds_and_is_listed_with_who_and_why(folder):
    code, out, err = run(folder, "silence", ONE, "--for", "4h", "--why", "a launch", "--by", "lin")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        rf"silence 1, until \d{{4}}-.. UTC: {ONE}\n  1  points watch \(warning\): Mei\n".replace("..", ".*"), out
    )
    (silence,) = said(folder)["silences"]
    begins, ends = (datetime.fromisoformat(silence.pop(key)) for key in ("begins", "ends"))
    assert ends - begins == timedelta(hours=4)
    assert silence == {
        "id": 1,
        "match": ONE,
        "until_resolved": False,
        "by": "lin",
        "why": "a launch",
        "alerts": [1],
        "stale": False,
        "fault": "",
    }
    assert re.search(r"(?m)^ +1 +\d{4}-\d\d-\d\d \d\d:\d\d UTC +1 +lin +a launch +rule == ", run(folder, "silences")[1])


def test_a_silence_of_what_is_yet_to_come_says_that_nothing_is_on(folder):
    code, out, _ = run(folder, "silence", 'rule == "others"', "--for", "30d", "--why", "x")
    assert (code, out.splitlines()[1]) == (0, "nothing that it matches is on now")


def test_a_silence_that_asks_for_what_there_is_not_is_made_and_what_was_meant_is_said(folder):
    code, out, err = run(folder, "silence", 'rule == "pionts" and account == "mei"', "--for", "4h", "--why", "x")
    assert (code, out.splitlines()[1:]) == (0, ["nothing that it matches is on now"])
    assert err == "creatorwatch: it asks for the rule `pionts`, which there is not, did you mean `points`?"


def test_a_silence_until_resolved_waits_for_what_is_on_and_for_30_days_at_most(folder):
    assert run(folder, "silence", BOTH, "--until-resolved", "--why", "x")[0] == 0
    (silence,) = said(folder)["silences"]
    begins, ends = (datetime.fromisoformat(silence[key]) for key in ("begins", "ends"))
    assert (silence["until_resolved"], silence["alerts"], ends - begins) == (True, [1, 2], timedelta(days=30))
    assert "resolved, or " in run(folder, "silences")[1]
    assert run(folder, "silence", 'rule == "no"', "--until-resolved", "--why", "x") == (
        1,
        "",
        "creatorwatch: nothing that it matches is on, so there is no end to wait for: --for 4h holds what is to come",
    )


def test_a_silence_may_end_at_a_time_on_the_clock_of_the_file_or_of_a_zone_of_its_own(folder):
    day = NOW.date() + timedelta(days=2)
    text = (folder / "rules.yaml").read_text()
    (folder / "rules.yaml").write_text(f"zone: Asia/Shanghai\n{text}")
    for until in (f"{day}T09:00", f"{day}T09:00+01:00"):
        assert run(folder, "silence", ONE, "--until", until, "--why", "x")[0] == 0
    ends = [datetime.fromisoformat(silence["ends"]).astimezone(UTC) for silence in said(folder)["silences"]]
    assert [(each.day, each.hour) for each in ends] == [(day.day, 1), (day.day, 8)]


def test_a_silence_that_can_be_read_no_more_is_listed_with_why_and_can_be_ended(folder):
    with closing(Store.open(folder / "creatorwatch.db")) as store:
        store.spoken.silence(Wish('gone == "x"', NOW + timedelta(days=20), "a move"), Speaker("lin", NOW, How.CLI))
    code, out, err = run(folder, "silences")
    assert (code, err) == (0, "")
    assert re.search(r"(?m)^ +1 +.* UTC +0 +lin +a move +gone == ", out)
    assert "silence 1 holds nothing, as it cannot be read any more: an alert has no `gone`" in out
    assert json.loads(run(folder, "explain", "mei", "--json")[1])
    (silence,) = said(folder)["silences"]
    assert (silence["alerts"], silence["fault"][:22]) == ([], "an alert has no `gone`")
    assert run(folder, "silence", "--end", "1")[0] == 0
    assert said(folder)["silences"] == []


def test_a_silence_can_be_ended_and_is_listed_no_more_but_in_the_trail(folder):
    run(folder, "silence", ONE, "--for", "4h", "--why", "x", "--by", "lin")
    assert run(folder, "silence", "--end", "1", "--by", "wu")[0] == 0
    assert said(folder)["silences"] == []
    assert run(folder, "silences")[1] == "nothing is silenced, and nothing acknowledged\n"
    assert trail(folder) == [("wu", "ended", "cli"), ("lin", "silenced", "cli")]
    assert run(folder, "silence", "--end", "1")[0::2] == (
        1,
        "creatorwatch: no silence 1 is in force; `creatorwatch silences` lists them",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rul == 'points'", "--for", "4h"], "column 1: an alert has no `rul`, did you mean `rule`?"),
        (["rule == 'a' and severity > 'hgh'", "--for", "4h"], "column 28: no `severity` is called 'hgh', did you mean"),
        (["--for", "4h"], "MATCH"),
        ([ONE], "say one of --for 4h, --until TIME and --until-resolved"),
        ([ONE, "--for", "4h", "--until-resolved"], "say one of"),
        ([ONE, "--for", "four hours"], "expected a duration such as 4h"),
        ([ONE, "--for", "31d"], "after 30 days at the latest"),
        ([ONE, "--for", "0s"], "ends in the future"),
        ([ONE, "--until", "2020-01-01T00:00"], "ends in the future"),
        ([ONE, "--until", "tomorrow"], "expected a time such as"),
        ([ONE, "--for", "4h", "--why", ""], "--why"),
        ([ONE, "--for", "4h", "--why", "two\nlines"], "in one line"),
        ([ONE, "--for", "4h", "--by", " "], "--by"),
        ([ONE, "--end", "1"], "takes nothing else"),
        (["--end", "9" * 20], "less than or equal to"),
        ([f'{ONE}\nor rule == "x"', "--for", "4h"], "expected one line, without control characters"),
        (['rule == "\x1b[31mred"', "--for", "4h"], "expected one line, without control characters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_silence_that_cannot_be_is_exit_code_2_with_what_was_meant_and_nothing_is_said(folder, arguments, words):
    why = [] if {"--why", "--end"} & set(arguments) else ["--why", "x"]
    code, out, err = run(folder, "silence", *arguments, *why)
    assert (code, out) == (2, "")
    assert words in err
    with closing(Store.open(folder / "creatorwatch.db", readonly=True)) as store:
        assert store.spoken.number() == 0


@pytest.mark.parametrize("alert", ["2", "2.31", "2.31-4.35"])
def test_an_alert_is_acknowledged_by_the_id_that_lists_and_messages_have(folder, alert):
    code, out, err = run(folder, "ack", alert, "--by", "lin")
    about = "points act (critical): leo"
    assert (code, out, err) == (0, f"alert 2, {about}, is known to lin: no reminders, no escalation\n", "")
    (known,) = said(folder)["acks"]
    assert (known["alert"], known["level"], known["by"]) == (2, 2, "lin")
    assert re.search(rf"(?m)^ +2 +{re.escape(about)} +lin ", run(folder, "silences")[1])
    assert trail(folder) == [("lin", "acknowledged", "cli")]


def test_who_says_something_is_the_user_unless_they_say_otherwise(folder):
    run(folder, "ack", "1")
    assert re.fullmatch(r"\w+", said(folder)["acks"][0]["by"])


def test_what_is_not_on_cannot_be_acknowledged(folder):
    assert run(folder, "ack", "3") == (
        1,
        "",
        "creatorwatch: no alert 3 is on; `creatorwatch alerts` lists those that are",
    )
    code, _, err = run(folder, "ack", "points")
    assert (code, "expected an id such as 12" in err) == (2, True)


def test_the_trail_begins_when_it_is_asked_to_and_tells_the_newest_first(folder):
    run(folder, "ack", "1", "--by", "lin")
    run(folder, "silence", ONE, "--for", "4h", "--why", "a launch", "--by", "wu")
    lines = [line.split() for line in run(folder, "audit")[1].splitlines() if " UTC " in line]
    assert [(line[3], line[4], line[-1]) for line in lines] == [
        ("wu", "silenced", "cli"),
        ("lin", "acknowledged", "cli"),
    ]
    assert run(folder, "audit", "--since", "0s")[1] == "nobody said anything\n"
    assert run(folder, "audit", "--since", "2999-01-01")[0] == 2


@pytest.mark.parametrize(
    "command",
    [["silence", ONE, "--for", "4h", "--why", "x"], ["silences"], ["ack", "1"], ["audit"]],
    ids=lambda c: c[0],
)
def test_without_a_database_nothing_is_said_and_none_is_made(command, tmp_path):
    (tmp_path / "rules.yaml").write_text(UNNAMED.format(rules=RULES))
    code, _, err = run(tmp_path, *command)
    assert (code, "there is no database yet" in err) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]
