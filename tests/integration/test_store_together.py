"""Several writings as one: all of them or none."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from rules.values import Subject, Target
from storage.records import Planned, StoreUnusableError
from storage.store import Store

AT = datetime(2026, 3, 2, tzinfo=UTC)
LEO = Target("tiktok/account/leo", Subject.ACCOUNT, "leo", "tiktok")
LINE = Planned(LEO.key, "profile", timedelta(hours=1), AT, "hourly")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "watch.db"


@pytest.fixture
def store(path):
    found = Store.open(path)
    yield found
    found.close()


def watched(path) -> int:
    """How many targets another process sees."""
    with closing(sqlite3.connect(path)) as other:
        return other.execute("SELECT COUNT(*) FROM target").fetchone()[0]


def test_nobody_else_sees_what_is_written_together_before_all_of_it_is(store, path):
    with store.together():
        store.sync_targets([LEO], AT)
        store.begin_rules(["points"], AT)
        assert store.rules() == {"points": AT}
        assert watched(path) == 0
    assert watched(path) == 1


def break_off(store) -> None:
    with store.together():
        store.sync_targets([LEO], AT)
        store.begin_rules(["points"], AT)
        raise ZeroDivisionError


def test_what_is_written_together_is_undone_together_and_the_next_stands_for_itself(store, path):
    with pytest.raises(ZeroDivisionError):
        break_off(store)
    assert watched(path) == 0
    assert store.rules() == {}
    store.sync_targets([LEO], AT)
    assert watched(path) == 1


@contextmanager
def held(path):
    """Meanwhile another process writes, and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_nobody_is_kept_waiting_before_something_is_written_nor_where_nothing_changes(store, path):
    store.sync_targets([LEO], AT)
    store.plan([LINE], AT)
    store.begin_rules(["points"], AT)
    with store.together(), held(path):
        assert [line.endpoint for line in store.remembered()] == ["profile"]
        store.sync_targets([LEO], AT)
        store.plan([LINE], AT)
        store.begin_rules(["points"], AT)
        store.give_up_letters(["console"])


def test_who_cannot_write_says_why_in_words(store, path):
    with held(path), pytest.raises(StoreUnusableError, match="another process has been writing"):
        store.begin_rules(["points"], AT)


def test_a_command_waits_longer_than_a_daemon(path):
    with closing(Store.open(path, patient=True)) as patient, held(path) as other:
        let_go = threading.Timer(6, other.rollback)  # the daemon gives up after five seconds
        let_go.start()
        patient.begin_rules(["points"], AT)
        let_go.join()
        assert patient.rules() == {"points": AT}
