"""What a changed configuration comes to: which parts are within reach, what is said of it, who holds a database."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import Config, load
from daemon.lock import Holder, hold, holder, sign
from daemon.preview import Preview, count, only_by_restart, within_reach
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.recent import Recent
from rules.outcomes import Outcome, Transition
from rules.values import NO_LABELS, Alert, Change, Ok

AT = datetime(2026, 3, 2, tzinfo=UTC)
FILE = """
database: a.db
providers: {tikhub: {token: "${TIKHUB}"}}
accounts: [{platform: tiktok, id: leo, handle: leo}]
channels: {console: {url: "console://"}}
rules:
  - {name: fans, on: account, when: follower_count > 1, summary: fans}
  - {name: quiet, on: account, when: follower_count > 1, summary: fans, shadow: true}
"""


@pytest.fixture
def written(tmp_path):
    """Writes the file with one text in the place of another, and reads it."""

    def write(old: str = "", new: str = "") -> Config:
        path = tmp_path / "rules.yaml"
        path.write_text(FILE.replace(old, new) if old else FILE, encoding="utf-8")
        config = load(path, {"TIKHUB": "x", "OTHER": "x"}, METRICS, ENDPOINTS)
        assert isinstance(config, Config), config
        return config

    return write


# --- what is within reach -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("a.db", "b.db", ["database"]),
        ("database: a.db", "database: a.db\nlisten: 127.0.0.1:1", ["listen"]),
        ("${TIKHUB}", "${OTHER}", ["providers"]),
        ('"${TIKHUB}"', '"${TIKHUB}", in_flight: 3', ["providers"]),
        (
            '{tikhub: {token: "${TIKHUB}"}}',
            '{tikhub: {token: "${TIKHUB}"}, keyapi: {token: "${OTHER}"}}',
            ["providers"],
        ),
        ('"${TIKHUB}"', '"${TIKHUB}", rate_per_s: 3, canary: false', []),
        ("id: leo", "id: lea", []),
        ("follower_count > 1", "follower_count > 2", []),
    ],
)
def test_the_database_the_address_and_the_access_to_providers_stay_and_are_named(old, new, parts, written):
    now, then = written(), written(old, new)
    taken = within_reach(now, then)
    assert only_by_restart(now, then) == parts
    assert only_by_restart(now, taken) == []
    assert (taken.targets, taken.book) == (then.targets, then.book)


def test_a_pace_and_a_canary_are_within_reach(written):
    taken = within_reach(written(), written('"${TIKHUB}"', '"${OTHER}", rate_per_s: 3, canary: false'))
    access = taken.providers[Provider.TIKHUB]
    assert (access.token, access.rate_per_s, access.canary) == ("${TIKHUB}", 3, None)


def test_a_digest_is_of_what_all_the_files_hold(written, tmp_path):
    roster, seen = tmp_path / "people.csv", []
    for name, handle in (("ann", "ann"), ("ben", "ann"), ("ben", "ben"), ("ann", "ann")):
        roster.write_text(f"platform,id,handle\ntiktok,{name},{handle}\n", encoding="utf-8")
        seen.append(written("rules:", "roster: [people.csv]\nrules:").digest)
    assert len(set(seen)) == 3
    assert seen[0] == seen[3]


# --- what is said of it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "more_usd", "words"),
    [
        (None, None, "opens 63, closes 12"),
        ("25.1", None, "opens 63, closes 12, $25.10/day"),
        ("25.1", "0.4", "opens 63, closes 12, +$0.40/day ($25.10)"),
        ("25.1", "-0.4", "opens 63, closes 12, -$0.40/day ($25.10)"),
        ("25.1", "-0.001", "opens 63, closes 12, +$0.00/day ($25.10)"),
    ],
)
def test_a_preview_says_alerts_and_money(usd, more_usd, words):
    assert str(Preview(63, 12, usd and Decimal(usd), more_usd and Decimal(more_usd))) == words


def outcome(target: str, *changes: Change, rule: str = "fans", level: int = 1) -> Outcome:
    steps = [Transition(change, AT, level, 0, "", ()) for change in changes]
    return Outcome(Alert(rule, target, NO_LABELS, Ok()), steps, ())


def test_an_alert_counts_once_and_one_in_shadow_or_that_never_fired_not_at_all(written):
    outcomes = [
        outcome("a", Change.A_PENDING, level=0),
        outcome("a", Change.B_FIRED, level=0),
        outcome("b", Change.B_FIRED, Change.H_FLAPPING, level=0),
        outcome("c", Change.G_RESOLVED),
        outcome("d", Change.X_GONE),
        outcome("e", Change.X_GONE, level=0),
        outcome("f", Change.D_DISMISSED, level=0),
        outcome("g", Change.E_CLIMBED),
        outcome("h", Change.B_FIRED, rule="quiet"),
        outcome("i", Change.X_GONE, rule="left"),
    ]
    assert count(outcomes, written().book) == Preview(opens=2, closes=3)


# --- what a rule means --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("summary: fans}", "summary: many}", True),
        ("summary: fans}", "summary: fans, to: [console]}", True),
        ("> 1", "> 2", False),
        ("> 1, summary: fans}", "> 1, summary: fans, for: 1h}", False),
        ("> 1, summary: fans}", "> 1, summary: fans, stale_after: 1h}", False),
    ],
)
def test_a_rule_means_the_same_if_only_what_is_told_is_other(old, new, same, written):
    assert (written().book.rules[0].meaning == written(old, new).book.rules[0].meaning) is same


def test_a_rule_means_something_else_where_a_name_in_it_does(written):
    text = FILE.replace("> 1", "> limit")
    one, two = (written(FILE, f"define: {{limit: {number}}}\n{text}").book.rules[0] for number in (1, 2))
    assert one.meaning != two.meaning


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_rule_means_the_same_in_every_process(seed, written, tmp_path):
    meant = written().book.rules[0].meaning
    script = (
        "import sys, pathlib; from daemon.config import load; from daemon.providers import ENDPOINTS, METRICS;"
        "print(load(pathlib.Path(sys.argv[1]), {}, METRICS, ENDPOINTS).book.rules[0].meaning)"
    )
    asked = [sys.executable, "-c", script, str(tmp_path / "rules.yaml")]
    found = subprocess.run(asked, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}, check=True)
    assert found.stdout.strip() == meant


# --- windows that must hold more ----------------------------------------------------------------------------------

POLLS = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.integers(0, 9))),
    max_size=20,
)
NEEDS = st.dictionaries(st.sampled_from(["follower_count", "like_count"]), st.sampled_from([0.0, 5_000.0, 20_000.0]))
CREATOR = "fetch_creator_info_and_milestones"


def filled(needs, rows) -> Recent:
    recent = Recent(needs)
    for line in range(2):
        recent.watch(line, f"tiktok/account/{line}", CREATOR, 3600.0)
    for row in rows:
        recent.see(*row)
    return recent


def windows(recent: Recent):
    return {
        (target, metric, labels): (list(window.times_s), repr(list(window.values)), window.blind)
        for target in ("tiktok/account/0", "tiktok/account/1")
        for metric, by_labels in recent.view(target).items()
        for labels, window in by_labels.items()
    }


@given(POLLS, NEEDS, NEEDS, st.booleans())
def test_windows_that_are_needed_deeper_are_what_they_had_always_been(polls, before, after, blind):
    rows = [
        (line, 1_000.0 * turn, (("follower_count", ()), ("like_count", ())), (fans, videos))
        for turn, (line, fans, videos) in enumerate(polls, 1)
    ]
    deeper = {metric: max(depth_s, before.get(metric, 0.0)) for metric, depth_s in (before | after).items()}
    recent, always = filled(before, rows), filled(deeper, rows)
    if blind:
        recent.miss(0)
        always.miss(0)
    recent.need(deeper, lambda: sorted(rows, key=lambda row: row[:2]))
    assert windows(recent) == windows(always)
    assert recent.watches[0].blind == always.watches[0].blind


@pytest.mark.parametrize(
    "needs",
    [
        {"follower_count": 5_000.0, "like_count": 0.0},
        {"follower_count": 0.0},
        {"follower_count": 5_000.0, "cookie_ok": 0.0},  # what the daemon says itself
        {"follower_count": 5_000.0, "author_rank": 9.0},  # what nobody is asked for
    ],
)
def test_what_is_stored_is_not_read_again_where_enough_was_kept(needs):
    filled({"follower_count": 5_000.0, "like_count": 0.0}, []).need(needs, lambda: pytest.fail("it was read"))


# --- who holds a database -----------------------------------------------------------------------------------------


def test_who_holds_a_database_is_known_until_it_is_let_go(tmp_path):
    database = tmp_path / "a.db"
    first = Holder(os.getpid(), tmp_path / "rules.yaml", "first", "first", AT, did="it is in force")
    refused = replace(first, read="other", at=AT.replace(hour=1), did="", problems="1:1: wrong\n2:2: too")
    assert holder(database) is None
    with hold(database) as lock:
        assert holder(database) is None
        for each in (first, refused):
            sign(lock, each)
            assert holder(database) == each
        with pytest.raises(OSError, match="another creatorwatch is at work"):
            hold(database)
        assert holder(database) == refused
    assert holder(database) is None
