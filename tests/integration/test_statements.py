"""What was said, where looks heed it: read when something was said, and never in the way of an alert."""

from __future__ import annotations

import io
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon import logs
from daemon.providers import METRICS
from daemon.replay import Replay
from daemon.statements import Statements, silence_of
from rules.building import build_book
from rules.models import RuleModel
from rules.outcomes import Outcome, Owed
from rules.silences import stale
from rules.values import Alert, Firing, Subject, Target
from storage.silences import How, Speaker, Wish
from storage.store import Store
from tests.told import a_story

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIN = Speaker("lin", NOON, How.CLI)
MEI = Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", account="tiktok/account/mei")
BOOK = build_book(
    [RuleModel(name="points", on="account", when="violation_score >= 9", on_first_sight="tell")], METRICS, ["ops"]
)
HEALTH = "get_account_health_status"


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path / "watch.db")) as store:
        store.sync_targets([MEI], NOON)
        yield store


@pytest.fixture
def docket(store):
    """One with alert 1 on, as it is stored."""
    replay = Replay(BOOK, {MEI.key: MEI}, ["ops"])
    replay.watch(MEI.key, HEALTH, 3600)
    replay.tick(NOON)
    on = Alert("points", MEI.key, (), Firing(1, NOON, NOON, 1))
    replay.docket.remember(store.commit_judgement([Outcome(on, (), ())], NOON))
    return replay.docket


def silence(store, condition='rule == "points"', awaits=frozenset()):
    return store.spoken.silence(Wish(condition, NOON + 480 * HOUR, "", awaits), LIN)


def test_what_another_process_says_is_heeded_at_the_next_look(store, docket, tmp_path):
    statements = Statements(store)
    statements.heed(docket, NOON)
    assert (docket.said.silences, docket.said.acks) == ((), {})
    with closing(Store.open(tmp_path / "watch.db")) as other:
        made = silence(other)
        other.spoken.acknowledge(1, LIN)
    statements.heed(docket, NOON)
    assert ([each.id for each in docket.said.silences], docket.said.acks) == ([made.id], {1: 1})


def test_a_silence_whose_condition_can_be_read_no_more_holds_nothing_and_the_log_says_so(store, docket):
    out = io.StringIO()
    logs.configure("WARNING", False, str, out)
    silence(store, 'gone_label == "x"')
    kept = silence(store)
    Statements(store).heed(docket, NOON)
    broken, whole = docket.said.silences
    cases = [BOOK.rules[0].case(MEI, (), 1)]
    assert (broken.fault[:28], list(map(broken.match.matches, cases))) == ("an alert has no `gone_label`", [False])
    assert (whole.id, whole.fault, list(map(whole.match.matches, cases))) == (kept.id, "", [True])
    assert '"silence": 1' in out.getvalue()
    assert "an alert has no `gone_label`" in out.getvalue()


def test_nothing_is_written_down_while_all_stays_as_it_is(store, docket):
    silence(store, awaits=frozenset({1}))
    store.spoken.acknowledge(1, LIN)
    statements, number = Statements(store), store.spoken.number()
    for hours in range(5):
        statements.heed(docket, NOON + hours * HOUR)
    assert store.spoken.number() == number


def test_what_a_silence_matches_is_noted_so_that_one_that_holds_nothing_is_found(store, docket):
    busy, idle = silence(store), silence(store, 'account == "leo"')
    Statements(store).heed(docket, NOON + 192 * HOUR)
    for known in (docket.said.silences, map(silence_of, store.spoken.silences(NOON + 192 * HOUR))):
        assert [each.id for each in stale(known, NOON + 192 * HOUR)] == [idle.id]
    assert {each.id for each in docket.said.silences} == {busy.id, idle.id}


@pytest.mark.parametrize(("written", "waits"), [(NOON - HOUR, 0), (NOON, 0), (NOON + HOUR, 1)])
def test_news_that_was_too_grave_for_a_silence_still_waits_for_the_morning_after_a_restart(
    store, docket, written, waits
):
    """It has descended since, and so is silenced by now."""
    silence(store)
    [alert] = docket.alerts(MEI.key)
    letter = Owed("ops", 1, a_story(stand=1), "quiet nights", due=NOON + 20 * HOUR)
    store.commit_judgement([Outcome(replace(alert, told={"ops": 1}), (), [letter])], written)
    docket.remember(store.live_alerts())
    Statements(store).heed(docket, NOON + 2 * HOUR)
    assert len(store.waiting(["quiet"])) == waits
    assert [each.told for each in docket.alerts(MEI.key)] == [{"ops": 1} if waits else {}]


def test_a_silence_that_runs_out_is_written_down_as_over_also_when_nobody_was_there(store, docket):
    made = silence(store)
    statements = Statements(store)
    statements.heed(docket, NOON)
    statements.heed(docket, made.ends - HOUR)
    assert store.spoken.trail(NOON + HOUR) == []
    Statements(store).heed(docket, made.ends + HOUR)
    statements.heed(docket, made.ends + HOUR)
    assert docket.said.silences == ()
    ends = [(each.who, each.about) for each in store.spoken.trail(NOON + HOUR)]
    assert ends == [("creatorwatch", "silence 1: its time is over")]
    then = [bool(store.spoken.silences_then(made.ends + minutes * HOUR / 60)) for minutes in (-1, 0, 30)]
    assert then == [True, False, False]


def test_what_is_said_after_a_reload_that_failed_is_heeded_though_it_takes_the_number_of_what_was_undone(
    store, docket, tmp_path
):
    store.spoken.acknowledge(1, LIN)
    statements = Statements(store)
    statements.heed(docket, NOON)
    docket.remember([])
    with suppress(ZeroDivisionError), ExitStack() as undo, store.together():
        statements.keep(undo)
        statements.heed(docket, NOON + HOUR)
        raise ZeroDivisionError
    assert store.spoken.number() == 1
    with closing(Store.open(tmp_path / "watch.db")) as other:
        made = silence(other)
    statements.heed(docket, NOON + HOUR)
    assert [each.id for each in docket.said.silences] == [made.id]


def test_what_was_said_of_an_alert_that_is_gone_is_over(store, docket):
    silence(store, awaits=frozenset({1}))
    store.spoken.acknowledge(1, LIN)
    docket.remember([])
    Statements(store).heed(docket, NOON + HOUR)
    assert (docket.said.silences, docket.said.acks) == ((), {})
    about = [each.about for each in store.spoken.trail(NOON + HOUR)]
    assert about == ["alert 1: it is over", "silence 1: all that it was to last for is over"]
