"""What a start and a preview make of what is stored: the same as the daemon that saw it come."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import chain

import pytest

from daemon.desk import Desk
from daemon.ended import Ended
from daemon.preview import count, preview
from rules.windows import lowest
from storage.codec import to_ms
from storage.records import POLLED, Polled
from storage.store import Store
from tests.stored import FILE, HEALTH, HOUR, MEI, NOW, POINTS, Past

EVERY = FILE + "endpoints: {{ get_account_health_status: {{ interval: %s }} }}\n"
HELD = "  - { name: held, on: account, when: 'min(violation_score, 24h) >= 0', unknown: clear, on_first_sight: tell }\n"
LOW, HIGH = 1.0, 23.0
"""Points at which an account is asked about every two hours, and every half of one."""


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    yield found
    found.store.close()


def desk_of(past, rules, text=FILE) -> Desk:
    _, config = past.config(rules, text=text)
    return Desk(config, past.store, config.providers, lambda _: None)


def begun(past, rules, text=FILE) -> Desk:
    desk = desk_of(past, rules, text)
    desk.plan(NOW - 90 * HOUR)
    desk.remember(NOW - 90 * HOUR)
    return desk


def poll(past, desk, hours, points, interval) -> None:
    """The account is asked so many hours ago, and the daemon takes that in."""
    at = NOW - hours * HOUR
    with closing(sqlite3.connect(past.path)) as database:
        database.execute("UPDATE schedule SET due_ms = ?", [to_ms(at)])
        database.commit()
    for claim in desk.store.claim(HEALTH, at, at + HOUR, "me", 100):
        polled = Polled(claim.schedule_id, at, POLLED, at, {("violation_score", ()): points}, interval=interval)
        if claim.target == MEI.key:
            desk.judge.settle([Ended(MEI.key, HEALTH, polled)], [], "me", at)


def is_held(desk) -> bool:
    return [alert.rule for alert in desk.judge.docket.alerts(MEI.key) if alert.rule == "held"] == ["held"]


def test_a_preview_of_a_shorter_interval_opens_what_the_reload_then_opens(past):
    desk = begun(past, POINTS, EVERY % "8h")
    for hours in range(81, 0, -8):
        poll(past, desk, hours, LOW, 8 * HOUR)
    _, new = past.config(POINTS + HELD, "new.yaml", EVERY % "1h")
    with closing(Store.sketch(past.path)) as sketch:
        told = preview(new, sketch, NOW)
    assert (told.opens, told.closes) == (1, 0)
    did = count(desk.adopt(new, NOW), new.book)
    assert (did.opens, did.closes) == (1, 0)


@pytest.mark.parametrize(
    ("calm", "near", "known"),
    [
        (range(40, 15, -2), (range(28, 0, -1),), True),
        (range(60, 27, -2), (range(54, 11, -1), range(2, 0, -1)), False),
    ],
    ids=["asked seldom while it was calm", "not asked for five hours though near a threshold"],
)
def test_a_start_knows_of_an_account_near_a_threshold_what_the_daemon_knew_that_saw_it_come(past, calm, near, known):
    """``calm`` and ``near`` are when it was asked: hours ago, and half hours ago."""
    desk = begun(past, HELD)
    for hours in calm:
        poll(past, desk, hours, LOW, 2 * HOUR)
    for half_hours in chain(*near):
        poll(past, desk, half_hours / 2, HIGH, HOUR / 2)
    assert is_held(desk) is known
    again = desk_of(past, HELD)
    again.remember(NOW)
    windows = [each.recent.view(MEI.key)["violation_score"][()] for each in (desk, again)]
    assert windows[0].pause_for_s == windows[1].pause_for_s
    assert [lowest(window, 24 * 3600.0, NOW.timestamp() - 1800) is not None for window in windows] == [known, known]
