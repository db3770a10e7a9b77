"""Why a target has the alerts that it has, and no others: now, and at any time before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.explain import explained, known_now, known_then, names
from daemon.show_explain import explanation
from rules.outcomes import Outcome, Owed, Transition
from rules.values import NO_LABELS, Alert, Change, Firing, Rising, Severity, Subject, Target
from storage.records import SENT, Delivery, Quarantine
from storage.silences import How, Speaker, Wish
from storage.store import Store
from tests.stored import FILE, HEALTH, HOUR, LEO, MEI, NOW, POINTS, UNNAMED, Past
from tests.told import a_story

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)
RULE = "  - {{ name: points, on: account, when: violation_score >= 9, {} }}\n"


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


@pytest.fixture
def explain(past, capsys):
    """What is printed of the points of a target, so many hours ago (None: now)."""

    def say(rules=POINTS, target="Mei", hours=None, text=FILE):
        _, config = past.config(rules, text=text)
        store, at = Store.sketch(past.path), NOW - (hours or 0) * HOUR
        meant = names(config, store, NOW)[target]
        known = known_now(config, store, at) if hours is None else known_then(config, store, meant, at)
        explanation(meant, at, list(explained(meant, config, known, store)))
        store.close()
        return capsys.readouterr().out

    return say


def outcome(state, *letters, change=Change.B_FIRED, at=NOW, told=None):
    alert = Alert("points", MEI.key, NO_LABELS, state, told or {})
    return Outcome(alert, [Transition(change, at, 0, alert.level, "the condition holds")], letters)


def letter(title):
    return Owed("managers", 1, a_story(title, severity=Severity.WARNING))


def test_each_number_is_told_with_its_age_and_each_part_of_a_condition_with_what_it_came_to(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (5, 3.0), (3, 6.0), (1, 9.0))
    said = explain(RULE.format("clear: violation_score < 6 or violation_score == 7"))
    assert "violation_score = 9 (polled" in said
    assert "1 h ago)" in said
    assert "warning: violation_score >= 9  ->  true" in said
    assert "clear: violation_score < 6 or violation_score == 7  ->  false" in said
    assert "  violation_score < 6  ->  false" in said
    assert "tells: console, managers" in said


def test_a_detector_tells_what_it_expected(past, explain):
    past.plan((MEI, "fetch_creator_info_and_milestones"), interval=3 * HOUR)
    for hours in range(400, 0, -4):
        past.see(MEI, "fetch_creator_info_and_milestones", hours, follower_count=100_000.0 - 50 * hours - hours % 7)
    said = explain("  - { name: spike, on: account, when: 'spike(follower_count, 14d) >= 4' }\n")
    assert "follower_count: expected 1" in said
    assert ", saw 197 (score" in said


@pytest.mark.parametrize(
    ("polls", "rule", "why"),
    [
        ([], "severity: info", "violation_score: unknown: it was not seen yet"),
        ([(3, 9.0), (2, "timeout")], "severity: info", "unknown: its newest poll failed (timeout) at"),
        ([(3, "timeout"), (2, "timeout")], "severity: info", "its newest poll failed (timeout) at"),
        ([(3, 9.0), (1, None)], "severity: info", "unknown: it was asked for, and is not known"),
        ([(9, 9.0)], "severity: info", "unknown: too old: older than three of its intervals (6 h)"),
        ([(4, 9.0)], "stale_after: 3h", "unknown: older than `stale_after` (3 h)"),
        ([(4, 9.0)], "min_history: 2d", "unknown: its past is shorter than `min_history` (2 d)"),
    ],
)
def test_why_a_number_is_unknown_is_told(past, explain, polls, rule, why):
    past.plan((MEI, HEALTH))
    for hours, came in polls:
        if isinstance(came, str):
            past.fail(MEI, HEALTH, hours, came)
        else:
            past.points(MEI, (hours, came))
    assert why in explain(RULE.format(rule))


def test_a_number_that_is_not_believed_is_told_with_the_reason(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (1, 9.0))
    past.store.quarantine([Quarantine(HEALTH, "violation_score", NOW - HOUR, "another scale")])
    assert "unknown: not believed: another scale" in explain()


def test_what_keeps_an_alert_from_being_told_is_told(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (3, 9.0), (1, 9.0))
    assert "held: in shadow: told to nobody" in explain(RULE.format("shadow: true"))
    past.judge(1, outcome(Rising(1, NOW - 3 * HOUR, NOW - 3 * HOUR, NOW - 3 * HOUR), change=Change.A_PENDING))
    said = explain(RULE.format("for: 12h, for_polls: 9"))
    assert "points: pending, warning, since" in said
    assert "and must be so for 12 h and in 9 polls (1 so far)" in said


ROUTES = """
routes:
  - { name: grave, match: severity == "critical", to: [console] }
  - { name: tier-a, to: [owner], digest: "0 9 * * *", remind: [1h], escalate_after: 2h, escalate_to: [console] }
"""
LADDER = (
    "  - { name: points, on: account, on_first_sight: tell, levels: { high: violation_score >= 9, "
    "critical: violation_score >= 20 } }\n"
)


def routed(text=FILE):
    return text.replace("rules:\n", ROUTES.replace("{ ", "{{ ").replace(" }", " }}") + "rules:\n")


def test_who_hears_of_an_alert_is_told_with_the_route_and_when_at_each_level_or_where_it_stands(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (1, 3.0))
    said = explain(LADDER, text=routed())
    assert "  tells of high: managers (by tier-a, in a digest, " in said
    assert "    while it is on, by tier-a: told to console after 2 h" in said
    assert "  tells of critical: console (by grave)" in said
    past.points(MEI, (0.5, 9.0))
    past.judge(0.5, outcome(Firing(1, NOW - HOUR, NOW - HOUR, 1)))
    on = explain(LADDER, text=routed())
    assert "  tells: managers (by tier-a" in on
    assert "by grave" not in on


def test_of_the_past_who_heard_of_an_alert_is_told_by_the_routes_of_that_time(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (9, 3.0), (8, 9.0), (6, 9.0))
    waits = explain(LADDER, hours=5, text=routed())
    assert "  tells: managers (by tier-a, in a digest, " in waits
    assert "console (by tier-a" not in waits, "nobody was told so far who could have done something"
    on = explain(LADDER, hours=5, text=routed().replace('digest: "0 9 * * *", ', ""))
    assert "  tells: managers (by tier-a), console (by tier-a)" in on, "it has escalated"


def test_what_people_said_of_an_alert_keeps_it_from_being_told(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (1, 9.0))
    (alert,) = past.judge(1, outcome(Firing(1, NOW - HOUR, NOW - HOUR, 1)))
    wu = Speaker("wu", NOW - HOUR, How.CLI)
    past.store.spoken.silence(Wish('rule == "points"', NOW + HOUR, "we know"), wu)
    past.store.spoken.acknowledge(alert.id, wu)
    said = explain()
    assert "held: silenced by wu: we know" in said
    assert "held: somebody said that they know" in said


def test_of_the_past_a_silence_counts_from_when_it_began_until_it_was_over(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (9, 3.0), (8, 9.0), (6, 9.0), (4, 9.0), (2, 9.0))
    past.judge(8, outcome(Firing(1, NOW - 8 * HOUR, NOW - 8 * HOUR, 1)))
    wish = Wish('rule == "points"', NOW + HOUR, "we know")
    silence = past.store.spoken.silence(wish, Speaker("wu", NOW - 6 * HOUR, How.CLI))
    past.store.spoken.end_silence(silence.id, Speaker("wu", NOW - 3 * HOUR, How.CLI))
    said = ["silenced by wu: we know" in explain(hours=hours) for hours in (7, 5, 2, None)]
    assert said == [False, True, False, False]


def test_of_the_past_an_acknowledgement_counts_from_when_it_was_said_until_it_lapsed(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (9, 3.0), (8, 9.0), (6, 9.0), (4, 9.0), (2, 9.0))
    (alert,) = past.judge(8, outcome(Firing(1, NOW - 8 * HOUR, NOW - 8 * HOUR, 1)))
    past.store.spoken.acknowledge(alert.id, Speaker("wu", NOW - 6 * HOUR, How.CLI))
    past.store.spoken.settle({}, {alert.id: "it has risen"}, Speaker("creatorwatch", NOW - 3 * HOUR, How.DAEMON))
    said = ["somebody said that they know" in explain(hours=hours) for hours in (7, 5, 2, None)]
    assert said == [False, True, False, False]


def test_an_alert_that_is_muted_names_the_one_that_mutes_it(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (1, 9.0))
    past.judge(1, outcome(Firing(1, NOW - HOUR, NOW - HOUR, 1)))
    muting = POINTS.replace("to: [owner]", "inhibits: [other]")
    other = "  - { name: other, on: account, when: violation_score > 1 }\n"
    said = explain(muting + other)
    assert "held: muted by points of Mei" in said


def test_who_was_told_what_and_when_is_told_and_of_the_past_only_what_was_so_then(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (8, 3.0), (6, 9.0), (2, 12.0))
    began = NOW - 6 * HOUR
    (alert,) = past.judge(6, outcome(Firing(1, began, began, 1), letter("nine points"), at=began))
    (sent,) = past.store.claim_letters("managers", NOW, NOW + HOUR, "me", 9)
    arrived = NOW - 6 * HOUR + timedelta(minutes=2)
    past.store.record_deliveries([Delivery(sent.id, alert.id, "managers", 1, arrived, SENT, 5)])
    said = explain()
    assert "points: FIRING, warning, since" in said
    assert "fired, level warning: the condition holds" in said
    assert "to managers: fired, sent" in said
    assert "violation_score = 12 " in said
    then = explain(hours=5)
    assert "violation_score = 9 (" in then
    assert "to managers: fired" in then
    before = explain(hours=7)
    assert "violation_score = 3 (" in before
    assert ("alert" not in before, "points: fine" in before) == (True, True)


def test_of_the_past_a_letter_is_as_it_was_then_and_not_as_it_became(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (6, 9.0), (4, 9.0), (2, 9.0))
    began = NOW - 6 * HOUR
    (alert,) = past.judge(6, outcome(Firing(1, began, began, 1), letter("nine points"), at=began))
    (sent,) = past.store.claim_letters("managers", NOW, NOW + HOUR, "me", 9)
    for hours, came in ((4, "timeout"), (1, SENT)):
        retry = NOW if came != SENT else None
        attempt = Delivery(sent.id, alert.id, "managers", 1, NOW - hours * HOUR, came, 5, retry)
        past.store.record_deliveries([attempt])
    said = [explain(hours=hours) for hours in (5, 3, 0.5)]
    letters = [next(line for line in each.splitlines() if "to managers" in line) for each in said]
    assert [each.split(": fired, ")[1].split()[0].rstrip(":") for each in letters] == ["waits", "timeout", "sent"]


def test_of_the_past_an_alert_that_had_to_wait_for_a_full_window_and_a_time_is_on(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, *((hours, 1000.0 - hours) for hours in range(400, 0, -2)))
    risen = "  - { name: risen, on: account, when: 'increase(violation_score, 4d) >= 6', for: 4d }\n"
    assert "risen: FIRING, warning, since" in explain(risen, hours=30)


def test_of_the_past_the_age_of_a_number_that_was_long_unknown_is_told(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (50, 3.0), *((hours, None) for hours in range(48, 0, -2)))
    old = "  - { name: old, on: account, when: age(violation_score) > 24h }\n"
    assert "age(violation_score) > 24h  ->  true" in explain(old)
    assert "age(violation_score) > 24h  ->  true" in explain(old, hours=1)


def test_of_the_past_a_rule_on_what_the_daemon_said_itself_tells_its_alerts_and_why_nothing_else(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (6, 3.0), (4, 9.0), (2, 9.0))
    past.judge(4, outcome(Firing(1, NOW - 4 * HOUR, NOW - 4 * HOUR, 1), at=NOW - 4 * HOUR))
    mixed = POINTS.replace("violation_score >= 9", "visible == 0 or violation_score >= 9")
    said = explain(mixed, hours=3)
    assert "points: is not replayed: what the daemon said of visible then is not stored" in said
    assert "fired, level warning: the condition holds" in said
    assert "points: FIRING" in explain(mixed)


def test_how_much_of_the_past_that_a_rule_reads_there_is_is_told(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (5, 3.0), (3, 3.0), (1, 9.0))
    risen = "  - {{ name: risen, on: account, when: 'increase(violation_score, {}) >= 6' }}\n"
    assert "3 looks in 4 h of 6 d)" in explain(risen.format("6d"))
    assert "3 looks in 4 h)" in explain(risen.format("3h"))


def test_of_the_time_before_the_first_poll_it_is_told_that_nothing_was_seen_yet(past, explain):
    past.plan((MEI, HEALTH))
    past.points(MEI, (5, 9.0))
    assert "violation_score: unknown: it was not seen yet" in explain(hours=24)


@pytest.mark.parametrize("hours", [None, 1])
def test_a_provider_that_the_file_does_not_name_is_explained_now_and_in_the_past(past, explain, hours):
    tikhub = Target("provider/tikhub", Subject.PROVIDER, "TikHub", "")
    past.plan((MEI, HEALTH), (tikhub, "get_user_info"))
    past.see(tikhub, "get_user_info", 2, balance_usd=0.5)
    broke = "  - { name: broke, on: provider, when: balance_usd < 1 }\n"
    assert "balance_usd < 1  ->  true" in explain(broke, target=tikhub.key, hours=hours, text=UNNAMED)


def test_a_rule_that_does_not_look_at_a_target_says_why(past, explain):
    past.plan((MEI, HEALTH), (LEO, HEALTH))
    past.points(MEI, (1, 9.0))
    said = explain(POINTS.replace("to: [owner]", "only: 'owner == \"lin\"'"), target="leo")
    assert 'points: does not look: `only: owner == "lin"` leaves this target out' in said


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(past):
    def ask(*arguments):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        command = [CREATORWATCH, "explain", *arguments]
        return subprocess.run(
            command, cwd=past.folder, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    past.config()
    past.plan((MEI, HEALTH))
    past.points(MEI, (5, 3.0), (3, 9.0))
    return ask


def test_the_command_knows_a_target_by_key_id_or_name_and_changes_nothing(past, cli):
    past.store.close()
    before = sha256(past.path.read_bytes()).hexdigest()
    said = [cli(name, "--rule", "points").stdout.splitlines()[2] for name in (MEI.key, "mei", "Mei")]
    assert said == ["points: warning is true, and the daemon has not followed that yet"] * 3
    assert sha256(past.path.read_bytes()).hexdigest() == before


def test_the_command_prints_json_also_of_the_past(cli):
    found = json.loads(cli("mei", "--at", "4h ago", "--json").stdout)
    (rule,) = found["rules"]
    assert (found["target"], rule["rule"], rule["says"]) == (MEI.key, "points", "fine")
    assert rule["series"][0]["value"] == 3.0
    assert rule["series"][0]["polled"] == (NOW - 5 * HOUR).isoformat()
    assert rule["conditions"][0]["parts"][0] == {"depth": 0, "text": "violation_score >= 9", "value": False}


def test_the_command_says_that_no_rule_or_not_this_one_is_on_such_a_target(cli):
    assert "no rule is on: provider" in cli("provider/tikhub").stdout
    said = cli("provider/tikhub", "--rule", "points").stdout
    assert "points: does not look: it is on: account, and this is: provider" in said


def test_the_command_says_what_was_probably_meant(cli):
    assert "`Mei`?" in cli("Mey").stderr
    wrong = [cli("mei", "--rule", "pionts"), cli("mei", "--at", "tomorrow"), cli("nobody-at-all")]
    assert [each.returncode for each in wrong] == [2, 2, 2]
    assert "did you mean" in wrong[0].stderr
    assert "points: does not look: this target is not asked for violation_score" in cli("leo", "--at", "1h").stdout
