"""Since when each rule is in force, across restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "a.db")
    yield store
    store.close()


def test_a_rule_is_in_force_since_it_was_named_first(store):
    store.begin_rules(["points", "fans"], T0)
    store.begin_rules(["points", "fans", "new"], T0 + DAY)
    store.begin_rules(["points", "new"], T0 + 2 * DAY)
    assert store.rules() == {"points": T0, "new": T0 + DAY}


def test_a_rule_that_left_and_comes_back_begins_anew(store):
    store.begin_rules(["points"], T0)
    store.begin_rules([], T0 + DAY)
    assert store.rules() == {}
    store.begin_rules(["points"], T0 + 2 * DAY)
    assert store.rules() == {"points": T0 + 2 * DAY}


def test_a_rule_that_judged_what_was_seen_before_it_came_is_in_force_since_then(store):
    store.begin_rules(["points", "fans"], T0)
    store.antedate_rules({"points": T0 - DAY, "fans": T0 + DAY, "gone": T0})
    assert store.rules() == {"points": T0 - DAY, "fans": T0}
