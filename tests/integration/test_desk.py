"""A configuration at work on a store, without a daemon around it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from daemon.cookies import CookieState, Validity
from daemon.desk import Desk
from storage.codec import to_ms
from tests.stored import HEALTH, HOUR, MEI, NOW, VIOLATIONS, Past

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
