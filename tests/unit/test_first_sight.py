"""Which rules have not judged which targets yet, also after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.first_sight import FirstLooks
from daemon.providers import ENDPOINTS, METRICS
from daemon.recent import STATES, Recent
from rules.book import judgeable
from rules.building import build_book
from rules.models import RuleModel
from rules.values import Subject, Target

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEI = Target("tiktok/account/1", Subject.ACCOUNT, "Mei", "tiktok", account="tiktok/account/1")
HEALTH, INFO = "get_account_health_status", "fetch_creator_info_and_milestones"

BOOK = build_book(
    [
        RuleModel(name="points", on=Subject.ACCOUNT, when="violation_score >= 9"),
        RuleModel(name="both", on=Subject.ACCOUNT, when="violation_score >= 9 and follower_count > 0"),
        RuleModel(name="unseen", on=Subject.ACCOUNT, when="visible == 0"),
    ],
    METRICS,
    ["console"],
)


def rule(name):
    return next(each for each in BOOK.rules if each.name == name)


def table(*endpoints):
    yields = {name: {metric.name for metric in ENDPOINTS[name].metrics} for name in endpoints} | {"": STATES}
    judged = judgeable(BOOK.rules_for(MEI), frozenset().union(*yields.values()))
    return {name: tuple(rule for rule in judged if rule.needs.keys() & own) for name, own in yields.items()}


def looks(seen, begun):
    """Of an account that is asked by these endpoints and was seen then, under rules that began then."""
    recent = Recent(BOOK.needs())
    for line, (endpoint, at) in enumerate(seen.items()):
        recent.watch(line, MEI.key, endpoint, 3600)
        if at is not None:
            recent.see(line, at.timestamp(), [], [])
    first = FirstLooks(recent)
    first.recall(begun)
    first.follow(MEI.key, table(*seen), {})
    return first


def test_without_a_past_every_rule_is_new_to_every_target():
    assert looks({HEALTH: None, INFO: None}, {}).of(MEI.key) == {"points", "both", "unseen"}
    assert looks({}, {}).of("another") == set()


@pytest.mark.parametrize(
    ("seen", "new"),
    [
        ({HEALTH: NOW, INFO: NOW}, set()),
        ({HEALTH: NOW - HOUR, INFO: NOW - HOUR}, {"points", "both", "unseen"}),
        ({HEALTH: NOW, INFO: NOW - HOUR}, {"both"}),
        ({HEALTH: NOW, INFO: None}, {"both"}),
        ({HEALTH: None, INFO: NOW}, {"points", "both"}),
    ],
)
def test_a_rule_has_judged_a_target_of_which_all_that_it_reads_was_seen_since_the_rule_began(seen, new):
    assert looks(seen, dict.fromkeys(("points", "both", "unseen"), NOW)).of(MEI.key) == new


def test_a_rule_that_is_new_in_the_file_is_new_to_targets_that_were_seen_before():
    assert looks({HEALTH: NOW, INFO: NOW}, {"both": NOW, "unseen": NOW}).of(MEI.key) == {"points"}


def test_a_rule_on_our_own_states_is_an_old_one_where_nothing_is_asked():
    assert looks({}, {"unseen": NOW}).of(MEI.key) == set()
    assert looks({}, {}).of(MEI.key) == {"unseen"}


def test_a_rule_that_knew_an_answer_is_not_new_any_more_however_often_the_plan_is_followed():
    first = looks({HEALTH: NOW, INFO: NOW}, {})
    first.judged([(MEI.key, rule("points"), [HEALTH])])
    first.follow(MEI.key, table(HEALTH, INFO), table(HEALTH, INFO))
    assert first.of(MEI.key) == {"both", "unseen"}
    first.follow(MEI.key, table(HEALTH), table(HEALTH, INFO))
    assert first.of(MEI.key) == {"unseen"}
    first.follow(MEI.key, table(HEALTH, INFO), table(HEALTH))
    assert first.of(MEI.key) == {"both", "unseen"}


def test_a_target_that_left_and_comes_back_is_new_to_the_rules_that_have_not_judged_what_was_seen_of_it():
    first = looks({HEALTH: NOW}, {})
    first.judged([(MEI.key, rule("points"), [HEALTH])])
    first.leave([MEI.key])
    assert first.of(MEI.key) == set()
    first.follow(MEI.key, table(HEALTH), {})
    assert first.of(MEI.key) == {"unseen"}


# --- what was seen before a rule came, and judged by it -----------------------------------------------------------


def judged(*names):
    return [(MEI.key, rule(name), [HEALTH, INFO]) for name in names]


@pytest.mark.parametrize(
    ("name", "began"), [("points", NOW - 2 * HOUR), ("both", NOW - 5 * HOUR), ("unseen", NOW - 2 * HOUR)]
)
def test_a_rule_that_judged_what_was_seen_before_it_came_began_when_the_oldest_of_that_was_seen(name, began):
    first = looks({HEALTH: NOW - 2 * HOUR, INFO: NOW - 5 * HOUR}, {})
    assert first.begun(judged(name)) == {name: began.timestamp()}


def test_a_rule_that_judged_what_was_seen_since_it_came_began_when_it_came():
    first = looks({HEALTH: NOW, INFO: NOW}, {"points": NOW})
    assert first.begun(judged("points")) == {}


def test_a_beginning_is_told_until_it_is_taken_in():
    first = looks({HEALTH: NOW - HOUR, INFO: NOW}, {"points": NOW})
    assert first.begun(judged("points")) == first.begun(judged("points")) != {}
    first.judged(judged("points"))
    assert first.begun(judged("points")) == {}


def test_a_rule_on_our_own_states_that_judges_where_nothing_is_asked_began_when_it_came():
    first = looks({}, {"unseen": NOW})
    assert first.begun([(MEI.key, rule("unseen"), [])]) == {}
