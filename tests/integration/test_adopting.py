"""A configuration that a desk takes over, or fails to: what is known besides numbers stays, or is forgotten in time."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from daemon.cookies import CookieState, Validity
from daemon.desk import Desk
from daemon.ended import Ended
from daemon.preview import count, preview
from daemon.providers.answer import Reason
from storage.records import POLLED, Attempt, Polled
from storage.store import Store
from tests.stored import FILE, HEALTH, HOUR, MEI, NOW, VIOLATIONS, Past

MINUTE = timedelta(minutes=1)
RULES = """\
  - { name: points, on: account, when: violation_score >= 9 }
  - { name: records, on: account, when: violations_active > 0 }
  - { name: unseen, on: account, when: visible == 0, on_first_sight: tell }
"""
MONEY = "  - { name: money, on: provider, when: budget_used >= 0.5, on_first_sight: tell }\n"
STALE = "  - { name: stale, on: daemon, when: config_ok == 0, on_first_sight: tell }\n"
WITHOUT_MEI = "".join(line for line in FILE.splitlines(keepends=True) if "id: mei" not in line)
LIMITED = FILE.replace("channels:", "budget: {{ tikhub: {{ day: 10 }} }}\nchannels:")


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


def started(past, config, at=NOW) -> Desk:
    desk = Desk(config, past.store, config.providers, lambda _: None)
    desk.plan(at)
    desk.remember(at)
    return desk


def ends(past, desk, endpoint, reason, at=NOW) -> None:
    """A poll of Mei ends so."""
    claims = past.store.claim(endpoint, at, at + HOUR, "me", 100, ahead=9 * 24 * HOUR)
    [claim] = [each for each in claims if each.target == MEI.key]
    values = {("violations_active", ()): 0.0} if reason is None else None
    polled = Polled(claim.schedule_id, at, POLLED if reason is None else reason.value, at, values)
    desk.judge.settle([Ended(MEI.key, endpoint, polled)], [], "me", at)
    past.store.take_over(["console", "managers"], at)


def fired(desk, target=MEI.key) -> list[str]:
    return [alert.rule for alert in desk.judge.docket.alerts(target) if alert.level]


def steps(outcomes) -> list[str]:
    return [step.change.name for outcome in outcomes for step in outcome.transitions]


@contextmanager
def full(past):
    """Meanwhile no alert can be written."""
    with closing(sqlite3.connect(past.path, isolation_level=None)) as other:
        other.execute("CREATE TRIGGER full BEFORE UPDATE ON alert BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        yield
        other.execute("DROP TRIGGER full")


def fail(past, desk) -> None:
    """Mei leaves the file, and that cannot be taken up."""
    with full(past), pytest.raises(Exception, match="the disk is full"):
        desk.adopt(past.config(RULES, "other.yaml", WITHOUT_MEI)[1], NOW)


# --- what fails ---------------------------------------------------------------------------------------------------


def test_who_cannot_be_seen_is_known_after_a_reload_that_failed(past):
    desk = started(past, past.config(RULES)[1])
    ends(past, desk, HEALTH, Reason.NOT_FOUND)
    ends(past, desk, VIOLATIONS, None)
    assert fired(desk) == ["unseen"]
    fail(past, desk)
    ends(past, desk, VIOLATIONS, None, NOW + HOUR)
    desk.judge.watch_time(NOW + HOUR)
    assert fired(desk) == ["unseen"]


def test_what_is_known_of_cookies_and_of_news_survives_a_reload_that_failed(past):
    desk = started(past, past.config(RULES)[1])
    ends(past, desk, HEALTH, Reason.NOT_FOUND)
    refused = CookieState(Validity.SUSPECT, NOW, 1, NOW + HOUR)
    desk.standings.cookies[MEI.key] = refused
    desk.standings.acquitted = {(MEI.key, VIOLATIONS)}
    desk.judge._learned = {MEI.key}
    watch = desk.recent.watches[desk.recent.line(MEI.key, HEALTH)]
    desk.recent.suspend(desk.recent.line(MEI.key, HEALTH), suspended=True)
    fail(past, desk)
    assert (desk.standings.cookies, desk.standings.acquitted) == ({MEI.key: refused}, {(MEI.key, VIOLATIONS)})
    assert desk.judge.learned(NOW) == {MEI.key}
    assert desk.recent.watches[desk.recent.line(MEI.key, HEALTH)] is watch
    assert watch.suspended


# --- what succeeds ------------------------------------------------------------------------------------------------


def test_who_leaves_and_comes_back_is_not_judged_by_what_was_said_before(past):
    config = past.config(RULES)[1]
    desk = started(past, config)
    ends(past, desk, HEALTH, Reason.NOT_FOUND)
    assert fired(desk) == ["unseen"]
    assert steps(desk.adopt(past.config(RULES, "other.yaml", WITHOUT_MEI)[1], NOW + MINUTE)) == ["X_GONE"]
    assert steps(desk.adopt(config, NOW + 2 * MINUTE)) == []
    assert fired(desk) == []


# --- what the daemon says of itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["", "budget: {{ tikhub: {{ day: 1000 }} }}\n"])
def test_a_reload_does_with_a_limit_what_its_preview_says(limit, past):
    desk = started(past, past.config(MONEY, text=LIMITED)[1])
    past.store.open_calls([Attempt("tikhub", HEALTH, 1, Decimal(9))], NOW)
    assert steps(desk.judge.resume(NOW)) == ["B_FIRED"]
    other = past.config(MONEY, "other.yaml", FILE.replace("channels:", f"{limit}channels:"))[1]
    with closing(Store.sketch(past.path)) as sketch:
        said = preview(other, sketch, NOW + MINUTE)
    assert (said.opens, said.closes) == (0, 1)
    assert count(desk.adopt(other, NOW + MINUTE), other.book) == said


def test_a_file_that_is_taken_up_ends_what_is_told_of_the_one_that_was_not(past):
    config = past.config(RULES + STALE)[1]
    desk = started(past, config)
    desk.states.itself.config("a mistake")
    assert steps(desk.judge.watch_time(NOW)) == ["B_FIRED"]
    with closing(Store.sketch(past.path)) as sketch:
        said = preview(config, sketch, NOW + MINUTE)
    assert count(desk.adopt(config, NOW + MINUTE), config.book) == said
    assert said.closes == 1


def test_a_restart_neither_ends_nor_begins_an_alert_on_what_is_spent(past):
    config = past.config(MONEY, text=LIMITED)[1]
    past.store.open_calls([Attempt("tikhub", HEALTH, 1, Decimal(9))], NOW)
    assert steps(started(past, config).judge.resume(NOW)) == ["B_FIRED"]
    again = started(past, config, NOW + MINUTE)
    assert steps([*again.judge.resume(NOW + MINUTE), *again.judge.watch_time(NOW + MINUTE)]) == []
