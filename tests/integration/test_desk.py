"""A configuration at work on a store, without a daemon around it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from daemon.cookies import CookieState, Validity
from daemon.desk import Desk
from rules.outcomes import Outcome, Owed
from rules.values import Alert, Firing
from storage.codec import to_ms
from storage.silences import How, Speaker, Wish
from tests.stored import FILE, HEALTH, HOUR, MEI, NOW, VIOLATIONS, Past
from tests.told import a_story

SOON = NOW + timedelta(minutes=2)
RULES = """\
  - { name: points, on: account, when: violation_score >= 9 }
  - { name: records, on: account, when: violations_active > 0 }
"""
ONE_RULE = "  - { name: records, on: account, when: violations_active > 0 }\n"


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


def started(past) -> Desk:
    """A desk that has just begun, and all of whose lines are due in an hour."""
    _, config = past.config(RULES)
    desk = Desk(config, past.store, config.providers, lambda _: None)
    desk.plan(NOW)
    with closing(sqlite3.connect(past.path)) as database:
        database.execute("UPDATE schedule SET due_ms = ?", [to_ms(NOW + HOUR)])
        database.commit()
    desk.remember(NOW)
    return desk


def soon(past) -> set[tuple[str, str]]:
    """The lines that are due soon."""
    claims = [claim for name in (HEALTH, VIOLATIONS) for claim in past.store.claim(name, SOON, SOON, "me", 100)]
    return {(claim.target, claim.endpoint) for claim in claims}


def test_before_the_plan_is_followed_anew_nothing_is_due_soon(past):
    started(past)
    assert soon(past) == set()


@pytest.mark.parametrize(("rules", "probe"), [(RULES, HEALTH), (ONE_RULE, VIOLATIONS)])
def test_after_a_reload_a_refused_cookie_has_a_line_that_tries_it_in_time(rules, probe, past):
    desk = started(past)
    desk.standings.cookies[MEI.key] = CookieState(Validity.SUSPECT, NOW, 1, SOON)
    desk.adopt(past.config(rules)[1], NOW)
    assert soon(past) == {(MEI.key, probe)}


def test_when_the_plan_is_followed_a_refused_cookie_has_a_line_that_tries_it_in_time(past):
    desk = started(past)
    desk.standings.cookies[MEI.key] = CookieState(Validity.SUSPECT, NOW, 1, SOON)
    desk.renew(NOW)
    assert soon(past) == {(MEI.key, HEALTH)}


def test_after_a_reload_it_is_counted_on_how_often_rules_broke(past):
    desk = started(past)
    desk.judge.docket.failures["points"] = 3
    desk.adopt(past.config(ONE_RULE)[1], NOW)
    assert desk.judge.docket.failures == {"points": 3}


QUIET = """\
times: {{ always: {{ days: [mon-sun] }} }}
routes: [{{ to: [managers], quiet: always }}]
"""


def test_news_that_somebody_silences_just_before_a_reload_that_ends_quiet_hours_is_held_back_all_the_same(past):
    _, quiet = past.config(RULES, text=f"{QUIET}{FILE}")
    desk = Desk(quiet, past.store, quiet.providers, lambda _: None)
    desk.plan(NOW)
    letter = Owed("managers", 1, a_story(stand=1), "quiet always", due=NOW + 9 * HOUR)
    on = Alert("points", MEI.key, (), Firing(1, NOW, NOW, 1), {"managers": 1})
    past.judge(0, Outcome(on, (), [letter]))
    desk.remember(NOW)
    past.store.spoken.silence(Wish('rule == "points"', NOW + HOUR, ""), Speaker("lin", NOW, How.CLI))
    desk.adopt(past.config(RULES)[1], NOW)
    assert past.store.claim_letters("managers", SOON, SOON, "me", 9) == []
