"""A process killed at any statement of a transaction leaves all of it or nothing."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.records import TakenOver
from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[2]

STORY = '''
import os, shutil, signal, sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from sqlalchemy import event
from rules.outcomes import Outcome, Owed, Transition
from rules.values import Alert, Change, Firing, News, Record, Severity, Subject, Target
from storage.records import (
    Attempt, FoundVideo, Identity, Listing, Noted, Planned, Polled, Settled, Sight
)
from storage.store import Store
from tests.told import a_story

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
    letter = Owed("chat", 1, a_story("t", "b", severity=Severity.INFO))
    return Outcome(alert, [Transition(Change.B_FIRED, T0, 0, 1, "why")], [letter])


def noted():
    return Noted(
        found=[Listing(str(n), "tiktok", (FoundVideo(str(n)),), T0) for n in NUMBERS],
        ids={str(n): Identity("1", "", "", T0) for n in NUMBERS},
        sights=[Sight(f"tiktok/video/{n}", "public", 0, T0) for n in NUMBERS],
    )


def live(path, deadly):
    """Live through all commits; die before statement number ``deadly``, or before the commit after the last."""
    store = Store.open(path)
    count = 0

    def die(*_):
        nonlocal count
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store._transactions.engine, "before_cursor_execute", die)
    event.listen(store._transactions.engine, "commit", die)
    calls = store.open_calls([Attempt("tikhub", "user", 1, Decimal("0.02"), (n + 1,)) for n in NUMBERS], T0)
    settled = [Settled(call, 1, Decimal("0.01"), "ok") for call in calls]
    committed = store.commit_polls([polled(n) for n in NUMBERS], "me", settled, noted())
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

CALLED = ("ledger",)
POLLED = ("sample", "snapshot", "fact", "discovery", "identity", "sight")
JUDGED = ("alert", "transition", "outbox")


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


def rows(path, tables):
    """How many rows each of these tables has."""
    return tuple(count(path, f"select count(*) from {table}") for table in tables)


def test_the_story_dies_at_every_statement_and_ends_alive(left_behind):
    stages = [rows(path, CALLED + POLLED + JUDGED) for path in left_behind]
    assert len(stages) > 20
    assert sorted(set(stages)) == [(20,) * done + (0,) * (10 - done) for done in (0, 1, 7, 10)]
    assert stages == sorted(stages)


def test_no_database_is_damaged(left_behind):
    assert {count(path, "pragma integrity_check") for path in left_behind} == {"ok"}


def test_a_poll_is_there_with_its_numbers_or_not_at_all(left_behind):
    half = (
        "select count(*) from schedule left join sample on sample.schedule_id = schedule.id"
        " where polled_ms is not at_ms or (polled_ms is null) = (owner is null)"
    )
    assert {count(path, half) for path in left_behind} == {0}


def test_an_alert_is_there_with_its_step_and_its_letter_or_not_at_all(left_behind):
    assert {rows(path, JUDGED) for path in left_behind} == {(0, 0, 0), (20, 20, 20)}


def test_polls_are_judged_exactly_when_their_alerts_are_stored(left_behind):
    for path in left_behind:
        unjudged = count(path, "select count(*) from schedule where commit_number > (select judged from progress)")
        assert unjudged == count(path, "select count(*) from sample") - count(path, "select count(*) from alert")


def test_a_call_is_open_exactly_while_its_line_says_that_it_may_have_been_sent(left_behind):
    for path in left_behind:
        calls = count(path, "select count(*) from ledger where outcome is null")
        marked = count(path, "select count(*) from schedule join ledger l on l.id = call_id where l.outcome is null")
        assert calls == marked == count(path, "select count(*) from schedule where call_id is not null")


def test_the_ledger_holds_the_most_a_call_may_cost_until_its_answer_is_stored(left_behind):
    for path in left_behind:
        spent = count(path, "select coalesce(sum(cost_microusd), 0) from ledger")
        called, polled = rows(path, ("ledger", "sample"))
        assert spent == called * 20_000 - polled * 10_000


def test_a_restart_repeats_every_call_that_was_not_sent_and_none_that_may_have_been(left_behind, tmp_path):
    for path in left_behind:
        again = Store.open(shutil.copy(path, tmp_path))
        called, polled = rows(path, ("ledger", "sample"))
        assert again.take_over([], T0) == TakenOver(unsent=20 - called, maybe_sent=called - polled)
        assert len(again.claim("user", T0, T0 + MINUTE, "next", 100)) == 20 - called
        assert len(again.claim("user", T0 + MINUTE, T0 + 2 * MINUTE, "next", 100)) == 20
        again.close()
