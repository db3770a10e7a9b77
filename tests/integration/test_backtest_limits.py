"""How far back a replay begins, what it knows then, and what it leaves out."""

from __future__ import annotations

import pytest

from daemon.backtest import warm_up
from daemon.show_backtest import facts, report
from rules.values import Subject, Target
from rules.wording import say_time
from tests.stored import HEALTH, HOUR, MEI, NOW, POINTS, UNNAMED, Past, times

DAY = 24 * HOUR
RISEN = "  - {{ name: risen, on: account, when: 'increase(violation_score, {}) >= 6', on_first_sight: tell, {} }}\n"
TIKHUB = Target("provider/tikhub", Subject.PROVIDER, "TikHub", "")
BROKE = "  - { name: broke, on: provider, when: balance_usd < 1, on_first_sight: tell }\n"


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


def rising(past, days, late=lambda _hour: 0.0):
    """A point every hour since so many days ago, looked at every two hours, so much later."""
    past.plan((MEI, HEALTH))
    past.points(MEI, *((hour + 2 - late(hour), 1000.0 - hour) for hour in range(24 * days, 0, -2)))


def of_file(past, rules, days):
    (found,) = facts(past.backtest(past.config(rules), days=days))["files"]
    return found


# --- how far back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "interval_h", "begins"),
    [
        ("flapping: false", 2, 4 * DAY + DAY),
        ("flapping: false", 36, 4 * DAY + 2 * 36 * HOUR),
        ("flapping: false, for: 4d", 2, 4 * DAY + 4 * DAY + DAY),
        ("for: 2d, keep_firing: 3d", 2, 4 * DAY + 2 * DAY + 3 * DAY + DAY),
        ("for: 2d, keep_firing: 1d, flapping: { times: 3, within: 5d }", 2, 4 * DAY + 2 * DAY + 5 * DAY + DAY),
        ("flapping: false, for_polls: 5", 12, 4 * DAY + 6 * 12 * HOUR),
        ("flapping: false, min_history: 20d", 2, 20 * DAY + DAY),
    ],
)
def test_a_replay_begins_before_windows_and_then_lives_and_then_looks(past, life, interval_h, begins):
    _, config = past.config(RISEN.format("4d", life))
    assert warm_up(config.book, interval_h * HOUR) == begins


def test_a_replay_begins_before_the_deepest_that_one_rule_needs_and_not_before_the_sum_of_all(past):
    _, config = past.config(RISEN.format("6d", "flapping: false") + POINTS.replace(" }", ", for: 5d }"))
    assert warm_up(config.book, HOUR) == 7 * DAY


def test_a_replay_begins_before_the_windows_of_targets_with_other_numbers(past):
    numbers = "define: { span: 1d }\noverrides: { accounts: { mei: { span: 9d } } }\n"
    _, config = past.config(RISEN.format("span", "flapping: false") + numbers)
    assert warm_up(config.book, HOUR) == 10 * DAY


def test_an_alert_that_was_on_for_days_is_no_new_one_though_it_had_to_wait_after_its_window_was_full(past):
    rising(past, 16)
    found = of_file(past, RISEN.format("4d", "for: 4d"), days=5)["rules"]["risen"]
    assert (found["alerts"], found["letters"], found["on_at_the_end"]) == (0, 0, 1)


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.5), (0.5, 0.1), (0.1, 1.9), (1.9, 0.1), (1.0, 1.5), (1.5, 1.0)])
def test_an_alert_that_was_on_for_days_is_no_new_one_whenever_polls_come_in_their_interval(past, before, after):
    rising(past, 10, lambda hour: before if hour > 150 else after)
    found = of_file(past, RISEN.format("4d", "severity: info"), days=4)["rules"]["risen"]
    assert (found["alerts"], found["on_at_the_end"]) == (0, 1)


def test_the_age_of_a_number_that_was_not_known_since_before_the_replay_is_known(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (250, 3.0), *((hours, None) for hours in range(248, 0, -2)))
    old = "  - { name: old, on: account, when: age(violation_score) > 24h, on_first_sight: tell }\n"
    (told,) = times(past.backtest(past.config(old), days=30))
    assert told == (MEI.key, 225.5, None)
    assert of_file(past, old, days=2)["rules"]["old"]["on_at_the_end"] == 1


# --- what is left out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", ["", "define: { limit: 5 }\noverrides: { accounts: { mei: { limit: 1 } } }\n"])
def test_a_rule_on_a_number_and_on_what_the_daemon_says_itself_is_named_and_neither_tells_nor_mutes(past, numbers):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    limit = "limit" if numbers else "1"
    mixed = f"  - {{ name: mixed, on: account, when: visible == 0 or violation_score > {limit}, inhibits: ['*'] }}\n"
    found = of_file(past, POINTS + mixed + numbers, days=30)
    assert found["not_replayed"] == ["mixed"]
    assert (found["rules"]["mixed"]["alerts"], found["rules"]["points"]["letters"]) == (0, 1)


def test_a_rule_that_is_not_replayed_is_promoted_to_nothing_and_both_are_named(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 9.0))
    unseen = "  - { name: unseen, on: video, when: video_visible == 0, promote: { at_least: 3 } }\n"
    assert of_file(past, POINTS + unseen, days=30)["not_replayed"] == ["unseen", "unseen-of-account"]


@pytest.mark.parametrize(
    ("count", "is_named"),
    [
        ('videos_firing{rule="unseen"} >= 2', True),
        ("sum(videos_firing) >= 2", True),
        ('any(videos_firing{rule!="seen"} >= 2)', True),
        ('videos_firing{rule="seen"} >= 2', False),
    ],
)
def test_a_rule_on_counts_of_a_rule_that_is_not_replayed_is_named_too(past, count, is_named):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 9.0))
    unseen = "  - { name: unseen, on: video, when: video_visible == 0, promote: { at_least: 3 } }\n"
    seen = "  - { name: seen, on: video, when: tiktok_video_views > 100, promote: { at_least: 3 } }\n"
    many = f"  - {{ name: many, on: account, when: '{count}' }}\n"
    named = ["unseen", "unseen-of-account", *(["many"] if is_named else [])]
    assert of_file(past, unseen + seen + many, days=30)["not_replayed"] == named


def test_what_was_polled_of_a_provider_is_judged_where_the_file_names_none(past):
    past.plan((MEI, HEALTH), (TIKHUB, "get_user_info"))
    past.see(TIKHUB, "get_user_info", 12, balance_usd=0.5)
    found = past.backtest(past.config(BROKE, text=UNNAMED))
    assert times(found) == [(TIKHUB.key, 12, None)]
    assert facts(found)["files"][0]["not_judged"] == []


# --- shadows ------------------------------------------------------------------------------------------------------


def test_an_alert_in_shadow_neither_opens_nor_closes_and_the_comparison_marks_it(past, capsys):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    quiet = POINTS.replace("points", "quiet").replace(" }", ", shadow: true }")
    new, old = past.config(POINTS + quiet, "new.yaml"), past.config(POINTS, "old.yaml")
    opened, closed = past.backtest(new, old), past.backtest(old, new)
    report(opened)
    said = capsys.readouterr().out
    assert "quiet (shadow in " in said
    assert f"now: {new[0]} opens 0 and closes 0 alerts" in said
    counted = [facts(each)["difference"]["quiet"] for each in (opened, closed)]
    assert [(each["opens"], each["closes"], each["only_first"]) for each in counted] == [(0, 0, 1), (0, 0, 0)]


def test_an_alert_that_leaves_the_shadow_opens(past):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    loud, quiet = past.config(), past.config(POINTS.replace(" }", ", shadow: true }"), "quiet.yaml")
    counted = facts(past.backtest(loud, quiet))["difference"]["points"]
    assert (counted["both"], counted["opens"], counted["closes"]) == (1, 1, 0)


# --- what is said of that -----------------------------------------------------------------------------------------


def test_that_nothing_is_stored_of_a_part_of_the_time_is_said_and_only_accounts_are_counted_as_such(past, capsys):
    past.plan((MEI, HEALTH), (TIKHUB, "get_user_info"))
    past.see(TIKHUB, "get_user_info", 12, balance_usd=5.0)
    past.points(MEI, (10, 9.0))
    for days, says in ((30, True), (0.45, False)):
        found = past.backtest(past.config(POINTS + BROKE), days=days)
        report(found)
        said = capsys.readouterr().out
        assert (f"of the time before {say_time(NOW - 12 * HOUR)} nothing is stored" in said) is says
        assert "1 accounts, 2 polls" in said
        assert facts(found)["first_poll"] == (NOW - 12 * HOUR).isoformat()


def test_a_file_that_is_compared_with_itself_opens_and_closes_nothing_and_is_named_once(past, capsys):
    past.plan((MEI, HEALTH))
    past.points(MEI, (10, 3.0), (8, 9.0))
    same = past.config(POINTS + "  - { name: unseen, on: account, when: visible == 0 }\n")
    report(past.backtest(same, same))
    said = capsys.readouterr().out
    assert "opens 0 and closes 0 alerts" in said
    assert said.count("not replayed") == 1
