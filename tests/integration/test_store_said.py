"""Silences, acknowledgements and their trail, in real SQLite files, and by two processes' worth of stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from rules.outcomes import Outcome, Owed
from rules.values import Alert, Firing, Flaps, Ok, Past, Subject, Target
from storage.records import SENT, Delivery
from storage.silences import Ack, How, Speaker, What, Wish
from storage.store import Store
from tests.told import a_story

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = "tiktok/account/1"
LIN, DAEMON = Speaker("lin", T0, How.CLI), Speaker("creatorwatch", T0 + HOUR, How.DAEMON)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "watch.db"


@pytest.fixture
def store(path):
    store = Store.open(path)
    store.sync_targets([Target(KEY, Subject.ACCOUNT, "someone", "tiktok")], T0)
    yield store
    store.close()


@pytest.fixture
def other(store, path):
    """The store of another process."""
    other = Store.open(path)
    yield other
    other.close()


def firing(store, level=1, state=None, past=None, before=None):
    state = state or Firing(level, T0, T0, level)
    alert = Alert("points", KEY, (), state, {}, before and before.id, past or Past())
    return next(iter(store.commit_judgement([Outcome(alert, (), ())], T0)), None)


def trail(store, since=T0):
    return [(each.who, each.what, each.about, each.how) for each in store.spoken.trail(since)]


def test_a_silence_and_its_row_of_the_trail_are_seen_by_the_other_process(store, other):
    before = other.spoken.number()
    made = store.spoken.silence(Wish('rule == "points"', T0 + HOUR, "a launch", frozenset({2, 1})), LIN)
    assert other.spoken.number() > before
    assert other.spoken.silences(T0) == [made]
    assert (made.begins, made.ends, made.matched, made.awaits) == (T0, T0 + HOUR, T0, {1, 2})
    assert trail(other) == [
        ("lin", What.SILENCED, 'silence 1, until 2026-01-01 01:00 UTC: rule == "points" (a launch)', How.CLI)
    ]


def test_nothing_said_changes_no_number(store):
    assert store.spoken.number() == 0
    store.spoken.note_matched([1], T0)
    store.spoken.settle({}, {}, DAEMON)
    assert not store.spoken.end_silence(1, LIN)
    assert store.spoken.acknowledge(1, LIN) == (None, 0)
    assert store.spoken.number() == 0


def test_a_silence_is_in_force_until_its_time_or_until_it_is_ended(store):
    spoken = store.spoken
    long, short = (spoken.silence(Wish("x", T0 + hours * HOUR, ""), LIN) for hours in (4, 1))
    assert [each.id for each in spoken.silences(T0)] == [long.id, short.id]
    assert [each.id for each in spoken.silences(T0 + HOUR)] == [long.id]
    assert spoken.end_silence(long.id, LIN._replace(who="wu", at=T0 + HOUR))
    assert spoken.silences(T0 + HOUR) == []
    assert trail(store)[0] == ("wu", What.ENDED, f"silence {long.id}: before its time", How.CLI)


@pytest.mark.parametrize("at", [T0, T0 + 2 * HOUR])
def test_a_silence_that_is_over_cannot_be_ended(store, at):
    made = store.spoken.silence(Wish("x", T0 + HOUR, ""), LIN)
    store.spoken.settle({made.id: "all over"}, {}, DAEMON._replace(at=at))
    number = store.spoken.number()
    assert not store.spoken.end_silence(made.id, LIN._replace(at=at))
    assert store.spoken.number() == number


def test_a_link_that_is_used_again_makes_no_second_silence_even_when_the_first_is_over(store):
    spoken = store.spoken
    made = spoken.silence(Wish("x", T0 + HOUR, "", link="token"), LIN)
    spoken.end_silence(made.id, LIN)
    number = spoken.number()
    again = spoken.silence(Wish("x", T0 + 2 * HOUR, "", link="token"), LIN._replace(who="wu"))
    assert (again.id, again.ends, again.who, again.ended) == (made.id, T0 + HOUR, "lin", T0)
    assert spoken.number() == number
    assert spoken.silence(Wish("x", T0 + HOUR, "", link="another"), LIN).id != made.id


def test_the_token_of_a_link_is_not_kept(store, path):
    store.spoken.silence(Wish("x", T0 + HOUR, "", link="a-token-that-acts"), LIN)
    store.close()
    assert b"a-token-that-acts" not in path.read_bytes()


def test_an_alert_is_acknowledged_where_it_stands_and_the_first_who_did_stays(store, other):
    alert = firing(store, level=2)
    known = Ack(alert.id, 2, "lin", T0)
    assert other.spoken.acknowledge(alert.id, LIN) == (known, 2)
    number = store.spoken.number()
    assert store.spoken.acknowledge(alert.id, LIN._replace(who="wu", at=T0 + HOUR)) == (known, 2)
    assert (store.spoken.acks(), store.spoken.number()) == ([known], number)
    assert trail(store) == [("lin", What.ACKNOWLEDGED, f"alert {alert.id}, level 2", How.CLI)]


def test_one_that_comes_and_goes_is_acknowledged_at_the_level_up_to_which_it_does(store):
    alert = firing(store, past=Past(flaps=Flaps(T0, 3)))
    assert store.spoken.acknowledge(alert.id, LIN) == (Ack(alert.id, 3, "lin", T0), 3)


def test_what_has_risen_above_the_level_that_was_told_or_is_over_is_not_acknowledged(store):
    alert = firing(store, level=2)
    assert store.spoken.acknowledge(alert.id, LIN, level=1) == (None, 2)
    firing(store, state=Ok(), before=alert)
    assert store.spoken.acknowledge(alert.id, LIN, level=2) == (None, 0)
    assert (store.spoken.acks(), trail(store)) == ([], [])


def test_a_higher_acknowledgement_takes_the_place_of_a_lower_one(store):
    alert = firing(store, level=1)
    store.spoken.acknowledge(alert.id, LIN)
    firing(store, level=2, before=alert)
    store.spoken.acknowledge(alert.id, LIN._replace(who="wu", at=T0 + HOUR))
    assert store.spoken.acks() == [Ack(alert.id, 2, "wu", T0 + HOUR)]


def test_what_lapses_is_gone_and_the_trail_says_why(store):
    alert = firing(store, level=1)
    store.spoken.acknowledge(alert.id, LIN)
    store.spoken.settle({}, {alert.id: "it is over"}, DAEMON)
    assert store.spoken.acks() == []
    assert trail(store, T0 + HOUR) == [("creatorwatch", What.LAPSED, f"alert {alert.id}: it is over", How.DAEMON)]


def test_of_the_past_is_told_who_knew_of_an_alert_then_and_up_to_which_level(store):
    spoken, alert = store.spoken, firing(store, level=1)
    hours = [T0 + number * HOUR for number in range(-1, 5)]
    spoken.acknowledge(alert.id, LIN)
    firing(store, level=2, before=alert)
    spoken.acknowledge(alert.id, LIN._replace(who="wu", at=T0 + 2 * HOUR))
    spoken.settle({}, {alert.id: "it is over"}, DAEMON._replace(at=T0 + 4 * HOUR))
    known = [[(each.who, each.level) for each in spoken.acks_then(at)] for at in hours]
    assert known == [[], [("lin", 1)], [("lin", 1)], [("wu", 2)], [("wu", 2)], []]


def test_only_what_goes_later_and_nobody_has_tried_to_send_is_held_back_and_owed_again(store):
    hours = {"now": 0, "leased": 0, "tried": 0, "later": 5, "climbed": 0}
    owed = [Owed(name, 1, a_story(stand=1), due=T0 + due * HOUR) for name, due in hours.items()]
    on = Alert("points", KEY, (), Firing(1, T0, T0, 1), dict.fromkeys(hours, 1))
    (alert,) = store.commit_judgement([Outcome(on, (), owed)], T0)
    for name in ("leased", "tried", "climbed"):
        (letter,) = store.claim_letters(name, T0, T0 + 9 * HOUR, "me", 9)
        delivery = Delivery(letter.id, alert.id, name, 1, T0, SENT if name == "climbed" else "timeout", 5)
        if name != "leased":
            store.record_deliveries([replace(delivery, retry_due=None if name == "climbed" else T0 + 9 * HOUR)])
    worse = replace(alert, state=Firing(2, T0, T0, 2), told=alert.told | {"climbed": 2})
    store.commit_judgement([Outcome(worse, (), [Owed("climbed", 2, a_story(stand=2), due=T0 + 5 * HOUR)])], T0)
    assert store.spoken.hold_back([alert.id, 99], T0, T0) == {alert.id}
    (held,) = store.live_alerts_of([alert.id])
    assert held.told == {"now": 1, "leased": 1, "tried": 1, "climbed": 1}
    assert store.spoken.hold_back([alert.id], T0, T0) == set()


def test_however_much_waits_it_is_held_back_in_a_few_statements(store):
    """Each of them keeps all others from writing."""
    names = [(("id", str(number)),) for number in range(200)]
    on = [Alert("points", KEY, labels, Firing(1, T0, T0, 1), {"lin": 1, "wu": 1}) for labels in names]
    letters = [Owed(channel, 1, a_story(stand=1), due=T0 + HOUR) for channel in ("lin", "wu")]
    found = [alert.id for alert in store.commit_judgement([Outcome(each, (), letters) for each in on], T0)]
    said = []
    event.listen(store._transactions.engine, "before_cursor_execute", lambda *each: said.append(each[2]))
    assert store.spoken.hold_back(found, T0, T0) == set(found)
    assert len(said) < 10
    assert [alert.told for alert in store.live_alerts()] == [{}] * 200


def test_who_waits_for_the_end_of_an_earlier_incident_is_told_that_when_news_of_the_next_is_held_back(store):
    def judged(state, level, before=None, due=0):
        alert = Alert("points", KEY, (), state, {"lin": level}, before and before.id, Past(first=1))
        (alert,) = store.commit_judgement(
            [Outcome(alert, (), [Owed("lin", level, a_story(stand=level), due=T0 + due * HOUR)])], T0
        )
        return alert

    judged(Ok(), 0, judged(Firing(2, T0, T0, 2), 2))
    second = judged(Firing(1, T0, T0, 1), 1, due=9)
    assert store.spoken.hold_back([second.id], T0, T0) == {second.id}
    assert [alert.told for alert in store.live_alerts_of([second.id])] == [{"lin": 0}]


def test_nothing_is_half_said(store, monkeypatch):
    monkeypatch.setattr("storage.silences._note", lambda *_: 1 / 0)
    alert = firing(store)
    for say in (
        lambda: store.spoken.silence(Wish("x", T0 + HOUR, ""), LIN),
        lambda: store.spoken.acknowledge(alert.id, LIN),
    ):
        with pytest.raises(ZeroDivisionError):
            say()
    assert (store.spoken.silences(T0), store.spoken.acks(), store.spoken.number()) == ([], [], 0)


def test_an_alert_that_somebody_knows_of_cannot_vanish(store):
    alert = firing(store)
    store.spoken.acknowledge(alert.id, LIN)
    with pytest.raises(IntegrityError), store._writing() as connection:
        connection.exec_driver_sql("DELETE FROM alert")
