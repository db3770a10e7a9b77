"""A process killed at any statement of a transaction leaves all of it or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STORY = '''
import os, shutil, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlalchemy import event
from rules.values import (
    Alert, Change, Firing, Message, News, Outcome, Owed, Record, Severity, Subject, Target, Transition
)
from storage.records import Planned, Polled
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = range(20)
folder = Path(sys.argv[1])


def seed():
    store = Store.open(folder / "seed.db")
    store.sync_targets([Target(str(n), Subject.ACCOUNT, "n", "tiktok") for n in NUMBERS], T0)
    store.plan([Planned(str(n), "user", timedelta(minutes=1), T0) for n in NUMBERS], T0)
    store.claim("user", T0, T0 + timedelta(minutes=1), "me", 100)
    store.close()


def polled(n):
    record = Record("violation", str(n), {"a": "b"})
    return Polled(n + 1, T0, "ok", T0 + timedelta(minutes=1), {("fans", ()): 1.0}, b"{}", (record,))


def outcome(n):
    alert = Alert("rule", str(n), (), Firing(1, T0, T0, 1))
    letter = Owed("chat", 1, Message("t", "b", Severity.INFO, News.FIRED))
    return Outcome(alert, [Transition(Change.B_FIRED, T0, 0, 1, "why")], [letter])


def live(path, deadly):
    """Live through both commits; die before statement number ``deadly``, or before the commit after the last."""
    store = Store.open(path)
    count = 0

    def die(*_):
        nonlocal count
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store._engine, "before_cursor_execute", die)
    event.listen(store._engine, "commit", die)
    committed = store.commit_polls([polled(n) for n in NUMBERS], "me")
    store.commit_judgement([outcome(n) for n in NUMBERS], T0, committed.number)


seed()
for deadly in range(1, 100):
    path = folder / f"{deadly:02}.db"
    shutil.copy(folder / "seed.db", path)
    child = os.fork()
    if child == 0:
        live(path, deadly)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
'''

TABLES = ("sample", "snapshot", "fact", "alert", "transition", "outbox")


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory):
    """The database of each process, by the number of the statement that it did not live to make."""
    folder = tmp_path_factory.mktemp("crash")
    story = folder / "story.py"
    story.write_text(STORY)
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, story, folder], check=True, timeout=60, env=environment)
    return sorted(folder.glob("[0-9]*.db"))


def count(path, query):
    connection = sqlite3.connect(path)
    [(number,)] = connection.execute(query).fetchall()
    connection.close()
    return number


def test_the_story_dies_at_every_statement_and_ends_alive(left_behind):
    rows = [sum(count(path, f"select count(*) from {table}") for table in TABLES) for path in left_behind]
    assert len(rows) > 10
    assert sorted(set(rows)) == [0, 3 * 20, 6 * 20]
    assert rows == sorted(rows)


def test_no_database_is_damaged(left_behind):
    assert {count(path, "pragma integrity_check") for path in left_behind} == {"ok"}


def test_a_poll_is_there_with_its_numbers_or_not_at_all(left_behind):
    half = (
        "select count(*) from schedule left join sample on sample.schedule_id = schedule.id"
        " where polled_ms is not at_ms or (polled_ms is null) = (owner is null)"
    )
    assert {count(path, half) for path in left_behind} == {0}


def test_an_alert_is_there_with_its_step_and_its_letter_or_not_at_all(left_behind):
    whole = {tuple(count(path, f"select count(*) from {t}") for t in TABLES[3:]) for path in left_behind}
    assert whole == {(0, 0, 0), (20, 20, 20)}


def test_polls_are_judged_exactly_when_their_alerts_are_stored(left_behind):
    for path in left_behind:
        unjudged = count(path, "select count(*) from schedule where commit_number > (select judged from progress)")
        assert unjudged == count(path, "select count(*) from sample") - count(path, "select count(*) from alert")
