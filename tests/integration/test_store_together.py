"""Several writings as one: all of them or none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from rules.values import Subject, Target
from storage.store import Store

AT = datetime(2026, 3, 2, tzinfo=UTC)
LEO = Target("tiktok/account/leo", Subject.ACCOUNT, "leo", "tiktok")


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
        assert store.begin_rules(["points"], AT) == {}
        assert store.begin_rules(["points"], AT) == {"points": AT}
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
    assert store.begin_rules(["points"], AT) == {}
    store.sync_targets([LEO], AT)
    assert watched(path) == 1
