"""Alerts, what is owed and what was delivered, in real SQLite files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from rules.outcomes import Outcome, Owed, Transition
from rules.values import Alert, Change, Evidence, Firing, Flaps, News, Ok, Past, Rising, Subject, Target, Unit
from storage.records import Delivery, Planned, Polled
from storage.store import Store
from tests.told import a_story

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = "tiktok/account/1"
LABELS = (("id", "7"), ("kind", "spam"))
FIRING = Firing(level=2, since=T0, seen=T0, peak=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "watch.db"


@pytest.fixture
def store(path):
    store = Store.open(path)
    store.sync_targets([Target(KEY, Subject.ACCOUNT, "someone", "tiktok")], T0)
    yield store
    store.close()


def step(change, from_level=0, to_level=2):
    return Transition(change, T0, from_level, to_level, "why", (Evidence("views", LABELS, None, Unit.COUNT),))


def owed(channel="chat", level=2, news=News.FIRED):
    return Owed(channel, level, a_story("title", "body", news=news))


def fresh(state=FIRING, told=None, labels=LABELS):
    return Alert("points", KEY, labels, state, told or {})


def judge(store, alert, *letters, at=T0, change=Change.B_FIRED):
    """What the rules would answer: the letters owed count as told."""
    told = {**alert.told, **{letter.channel: letter.level for letter in letters}}
    return store.commit_judgement([Outcome(replace(alert, told=told), [step(change)], letters)], at)


def over(alert):
    return replace(alert, state=Ok())


def take(store, at=T0, limit=10):
    """The letters that both channels would be given, chat first."""
    taken = [store.claim_letters(channel, at, at + MINUTE, "me", limit) for channel in ("chat", "mail")]
    return [letter for letters in taken for letter in letters]


def deliver(store, letter, outcome="sent", retry_due=None, at=T0):
    attempt = Delivery(letter.id, letter.alert_id, letter.channel, letter.level, at, outcome, 12, retry_due)
    return store.record_deliveries([attempt])


# --- alerts ------------------------------------------------------------------------------------------------------


def test_a_new_alert_gets_an_id_and_is_live(store):
    [alert] = judge(store, fresh(), owed())
    assert alert.id is not None
    assert alert == replace(fresh(), id=alert.id, told={"chat": 2})
    assert store.live_alerts() == [alert]


def test_an_alert_is_updated_and_not_made_again(store):
    [alert] = judge(store, fresh())
    higher = replace(alert, state=replace(FIRING, level=3, peak=3))
    assert judge(store, higher, change=Change.E_CLIMBED) == [higher]
    assert store.live_alerts() == [higher]
    assert [s.change for s in store.transitions(alert.id)] == [Change.B_FIRED, Change.E_CLIMBED]


def test_an_alert_keeps_by_which_meaning_of_its_rule_it_was_judged(store):
    [alert] = judge(store, replace(fresh(), meaning="first"))
    assert store.live_alerts() == [alert]
    [again] = judge(store, replace(alert, meaning="second"))
    assert store.live_alerts() == [again]
    assert (alert.meaning, again.meaning) == ("first", "second")


def test_a_transition_keeps_its_evidence_and_unknown_is_not_zero(store):
    [alert] = judge(store, fresh())
    assert store.transitions(alert.id) == [step(Change.B_FIRED)]
    assert store.transitions(alert.id)[0].evidence[0].value is None


def test_one_rule_and_label_set_has_one_live_alert(store):
    judge(store, fresh())
    with pytest.raises(IntegrityError):
        judge(store, fresh(labels=LABELS[::-1]))


def test_several_new_alerts_get_their_own_ids(store):
    alerts = [fresh(labels=(("id", str(number)),)) for number in range(50)]
    stored = store.commit_judgement([Outcome(alert, (), ()) for alert in alerts], T0)
    assert [replace(alert, id=None) for alert in stored] == alerts
    assert store.live_alerts() == stored


def test_a_resolved_alert_is_closed_once_everybody_has_been_told(store):
    [alert] = judge(store, fresh(), owed())
    resolved = owed(level=0, news=News.RESOLVED)
    assert judge(store, over(alert), resolved, at=T0 + MINUTE, change=Change.G_RESOLVED) == []
    assert store.live_alerts() == []
    [row] = store.alerts(10)
    assert (row.level, row.peak, row.opened, row.closed) == (0, 2, T0, T0 + MINUTE)


def test_a_resolved_alert_that_a_channel_believes_in_stays_live_until_it_is_told(store):
    """Quiet hours hold the news back: nothing is owed yet."""
    [alert] = judge(store, fresh(), owed())
    [quiet] = judge(store, over(alert), change=Change.G_RESOLVED)
    assert store.live_alerts() == [quiet]
    assert judge(store, quiet, owed(level=0, news=News.RESOLVED)) == []


def test_an_alert_that_nobody_was_told_of_is_closed_at_once(store):
    [alert] = judge(store, fresh())
    assert judge(store, over(alert), change=Change.G_RESOLVED) == []
    assert store.alerts(10, open_only=True) == []
    assert len(store.alerts(10)) == 1


def test_an_alert_that_never_fired_leaves_no_trace(store):
    [alert] = judge(store, fresh(Rising(1, T0, T0, T0)), change=Change.A_PENDING)
    assert judge(store, over(alert), change=Change.D_DISMISSED) == []
    assert (store.alerts(10), store.transitions(alert.id)) == ([], [])


def test_the_id_of_an_alert_that_left_no_trace_is_not_used_again(store):
    [first] = judge(store, fresh(Rising(1, T0, T0, T0)))
    judge(store, over(first))
    [second] = judge(store, fresh())
    assert second.id != first.id


def test_a_new_incident_after_a_closed_one_is_a_new_alert(store):
    [first] = judge(store, fresh())
    judge(store, over(first))
    [second] = judge(store, fresh(), at=T0 + MINUTE)
    assert [row.id for row in store.alerts(10)] == [second.id, first.id]


def test_a_channel_that_an_outcome_no_longer_names_is_forgotten(store):
    [alert] = judge(store, fresh(), owed("chat"), owed("mail"))
    [alert] = judge(store, replace(alert, told={"mail": 2}))
    assert alert.told == {"mail": 2}


def test_a_judgement_clears_what_it_has_seen(store):
    store.plan([Planned(KEY, "user", MINUTE, T0)], T0)
    [claimed] = store.claim("user", T0, T0 + MINUTE, "me", 1)
    committed = store.commit_polls([Polled(claimed.schedule_id, T0, "ok", T0 + MINUTE, {})], "me")
    assert len(store.unjudged()) == 1
    store.commit_judgement([Outcome(fresh(), [step(Change.B_FIRED)], ())], T0, committed.number)
    assert store.unjudged() == []


def test_a_judgement_from_which_nothing_follows_is_written_down_with_the_next_polls(store):
    store.plan([Planned(KEY, endpoint, MINUTE, T0) for endpoint in ("user", "videos")], T0)
    seen = []
    for endpoint in ("user", "videos"):
        [claimed] = store.claim(endpoint, T0, T0 + MINUTE, "me", 1)
        committed = store.commit_polls([Polled(claimed.schedule_id, T0, "ok", T0 + MINUTE, {})], "me")
        seen.append([line.endpoint for line in store.unjudged()])
        store.commit_judgement([], T0, committed.number)
    assert seen == [["user"], ["videos"]]
    assert store.committed() == 2


def test_a_judgement_that_fails_stores_nothing(store):
    known, unknown = fresh(), replace(fresh(), target="nobody")
    with pytest.raises(KeyError):
        store.commit_judgement([Outcome(known, (), [owed()]), Outcome(unknown, (), ())], T0)
    assert store.live_alerts() == []


# --- what is remembered ------------------------------------------------------------------------------------------

BEGUN = Past((T0, T0 + MINUTE))


def test_the_past_of_a_live_alert_is_kept(store):
    past = Past((T0,), Flaps(T0, 2), 1, "a mute")
    [alert] = judge(store, replace(fresh(), past=past))
    assert store.live_alerts() == [alert]
    assert alert.past == past


def test_what_is_remembered_outlives_the_alert_and_is_no_open_alert(store):
    [alert] = judge(store, fresh())
    [remembered] = judge(store, over(replace(alert, past=BEGUN)), change=Change.G_RESOLVED)
    assert remembered == replace(fresh(Ok()), past=BEGUN)
    assert store.live_alerts() == [remembered]
    assert store.alerts(10, open_only=True) == []
    assert store.counts().alerts == {}


def test_what_begins_again_is_an_alert_of_its_own_with_the_past_of_the_one_before(store):
    [first] = judge(store, fresh())
    [remembered] = judge(store, over(replace(first, past=BEGUN)))
    [second] = judge(store, replace(remembered, state=FIRING))
    assert second.id not in {None, first.id}
    assert store.live_alerts() == [replace(fresh(), id=second.id, past=BEGUN)]


def test_what_was_remembered_before_is_replaced_by_what_is_remembered_last(store):
    later = Past((T0 + MINUTE,))
    for past in (BEGUN, later):
        [alert] = judge(store, fresh())
        judge(store, over(replace(alert, past=past)))
    assert [alert.past for alert in store.live_alerts()] == [later]


def test_what_no_longer_matters_is_forgotten(store):
    [alert] = judge(store, fresh())
    [remembered] = judge(store, over(replace(alert, past=BEGUN)))
    assert store.commit_judgement([Outcome(replace(remembered, past=Past()), (), ())], T0) == []
    assert store.live_alerts() == []


def test_the_past_of_an_alert_that_only_rose_is_remembered_without_a_trace_of_it(store):
    [rising] = judge(store, replace(fresh(Rising(1, T0, T0, T0)), past=BEGUN))
    [remembered] = judge(store, over(rising), change=Change.D_DISMISSED)
    assert (remembered.past, store.alerts(10)) == (BEGUN, [])


def test_an_alert_that_comes_and_goes_is_open_until_everybody_knows_that_it_settled(store):
    flaps = Past(flaps=Flaps(T0, 2))
    [alert] = judge(store, replace(fresh(), past=flaps), owed(level=-2, news=News.FLAPPING))
    [alert] = judge(store, over(alert))
    assert [row.told for row in store.alerts(10, open_only=True)] == [{"chat": -2}]
    assert judge(store, replace(alert, past=Past()), owed(level=0, news=News.RESOLVED)) == []


def test_the_peak_of_coming_and_going_is_the_peak_of_the_alert(store):
    judge(store, over(replace(fresh(), past=Past(flaps=Flaps(T0, 3)), told={"chat": -3})), owed(level=-3))
    assert [row.peak for row in store.alerts(10)] == [3]


# --- letters -----------------------------------------------------------------------------------------------------


def test_a_letter_says_all_that_a_channel_needs(store):
    [alert] = judge(store, fresh(), owed())
    [letter] = take(store)
    assert (letter.alert_id, letter.channel, letter.level) == (alert.id, "chat", 2)
    assert letter.story == owed().story
    assert (letter.created, letter.due, letter.attempts) == (T0, T0 + MINUTE, 0)


def test_a_letter_is_leased_once_and_again_when_the_lease_is_over(store):
    judge(store, fresh(), owed())
    first = take(store)
    assert take(store) == []
    assert [letter.id for letter in take(store, T0 + MINUTE)] == [letter.id for letter in first]


def test_a_letter_waits_for_the_earlier_one_to_the_same_channel(store):
    [alert] = judge(store, fresh(), owed("chat"), owed("mail"))
    judge(store, replace(alert, state=replace(FIRING, level=3)), owed("chat", 3, News.CLIMBED))
    first = take(store)
    assert [(letter.channel, letter.level) for letter in first] == [("chat", 2), ("chat", 3), ("mail", 2)]
    deliver(store, first[0], "timeout", T0 + MINUTE)
    deliver(store, first[1], "timeout", T0 + MINUTE)
    judge(store, replace(alert, told={"chat": 3, "mail": 2}, state=replace(FIRING, level=4)), owed("chat", 4))
    assert take(store, T0 + MINUTE / 2) == []
    assert [letter.level for letter in take(store, T0 + MINUTE)] == [2, 3, 4, 2]


def test_a_letter_waits_for_those_of_an_earlier_incident_of_the_same_thing(store):
    [first] = judge(store, fresh(), owed())
    deliver(store, take(store)[0])
    judge(store, over(first), owed(level=0, news=News.RESOLVED))
    deliver(store, take(store)[0], "timeout", T0 + 5 * MINUTE)
    judge(store, fresh(), owed(), at=T0 + MINUTE)
    judge(store, fresh(labels=()), owed(), at=T0 + MINUTE)

    [other] = take(store, T0 + MINUTE)
    deliver(store, other)
    resolved, again = take(store, T0 + 5 * MINUTE)

    assert (resolved.alert_id, resolved.story.news) == (first.id, News.RESOLVED)
    assert len({first.id, other.alert_id, again.alert_id}) == 3


def test_letters_are_taken_oldest_first(store):
    for minute, name in enumerate("abc"):
        judge(store, fresh(labels=(("id", name),)), owed(), at=T0 - minute * MINUTE)
    assert [letter.created for letter in take(store, limit=2)] == [T0 - MINUTE, T0 - 2 * MINUTE]


def test_a_failed_attempt_comes_back_when_its_retry_is_due(store):
    judge(store, fresh(), owed())
    [letter] = take(store)
    assert len(deliver(store, letter, "timeout", T0 + 5 * MINUTE)) == 1
    assert take(store, T0 + 4 * MINUTE) == []
    [again] = take(store, T0 + 5 * MINUTE)
    assert (again.id, again.attempts) == (letter.id, 1)


def test_a_sent_letter_stays_sent_whatever_a_late_attempt_says(store):
    judge(store, fresh(), owed())
    [letter] = take(store)
    deliver(store, letter)
    assert deliver(store, letter, "timeout") == []
    assert take(store, T0 + 60 * MINUTE) == []
    assert store.counts().outbox_dead == 0
    assert [receipt.outcome for receipt in store.deliveries(10)] == ["timeout", "sent"]


def test_a_receipt_names_its_letter(store):
    judge(store, fresh(), owed())
    [letter] = take(store)
    deliver(store, letter)
    [receipt] = store.deliveries(10)
    assert (receipt.letter_id, receipt.title, receipt.channel, receipt.at, receipt.latency_ms) == (
        letter.id,
        "▲ HIGH: title",
        "chat",
        T0,
        12,
    )


def test_news_that_died_is_owed_again(store):
    judge(store, fresh(), owed("chat"), owed("mail"))
    chat, _ = take(store)
    deliver(store, chat, "refused")
    assert store.live_alerts()[0].told == {"mail": 2}


def test_what_was_told_before_a_letter_died_is_still_told(store):
    [alert] = judge(store, fresh(), owed())
    deliver(store, take(store)[0])
    judge(store, replace(alert, state=replace(FIRING, level=3)), owed(level=3, news=News.CLIMBED))
    deliver(store, take(store)[0], "refused")
    assert store.live_alerts()[0].told == {"chat": 2}


def test_a_judgement_that_did_not_know_of_a_death_does_not_undo_it(store):
    [looked_at] = judge(store, fresh(), owed())
    deliver(store, take(store)[0], "refused")
    [alert] = judge(store, looked_at)
    assert alert.told == {}


def test_an_alert_whose_resolution_could_not_be_told_is_live_again(store):
    [alert] = judge(store, fresh(), owed())
    deliver(store, take(store)[0])
    judge(store, over(alert), owed(level=0, news=News.RESOLVED))
    deliver(store, take(store)[0], "refused")
    assert store.live_alerts() == [replace(over(alert), told={"chat": 2})]


def resolution_died(store, *letters):
    """A channel was told of an incident and not of its end; the alert that came next."""
    [first] = judge(store, fresh(), owed())
    deliver(store, take(store)[0])
    judge(store, over(first), owed(level=0, news=News.RESOLVED))
    [second] = judge(store, fresh(), *letters)
    deliver(store, take(store)[0], "refused")
    return second


def test_an_alert_with_a_successor_is_not_live_again_but_whoever_believes_in_it_believes_in_the_successor(store):
    second = resolution_died(store)
    assert store.live_alerts() == [replace(second, told={"chat": 2})]


def test_when_all_that_was_told_of_the_second_incident_died_the_end_of_the_first_is_still_owed(store):
    second = resolution_died(store, owed(level=3))
    judge(store, over(second), owed(level=0, news=News.RESOLVED))
    began, ended = take(store, T0 + MINUTE)
    deliver(store, began, "refused")
    assert store.live_alerts() == []
    deliver(store, ended, "refused")
    assert store.live_alerts() == [replace(over(second), told={"chat": 2})]


def test_what_became_of_an_alert_whose_letter_died_is_read_by_itself(store):
    [alert] = judge(store, fresh(), owed())
    judge(store, fresh(labels=()), owed())
    deliver(store, take(store)[0], "refused")
    assert store.live_alerts_of([alert.id]) == [replace(alert, told={})]
    assert store.live_alerts_of([]) == store.live_alerts_of([99]) == []


def test_counts_say_what_waits_what_died_and_what_is_live(store):
    judge(store, fresh(), owed("chat"), owed("mail"))
    judge(store, fresh(Rising(1, T0, T0, T0), labels=()))
    chat, _ = take(store)
    deliver(store, chat, "refused")
    counts = store.counts()
    assert (counts.outbox_waiting, counts.outbox_oldest, counts.outbox_dead) == (1, T0, 1)
    assert counts.alerts == {("points", 2): 1, ("points", 0): 1}
    assert counts.database_bytes > 0


def test_nothing_waiting_has_no_age(store):
    assert store.counts().outbox_oldest is None


def test_what_a_dead_process_was_carrying_is_taken_over_at_once(store):
    judge(store, fresh(), owed("chat"), owed("mail"))
    carried = take(store)
    assert take(store) == []

    store.take_over(["chat", "mail"], T0)

    assert [letter.id for letter in take(store)] == [letter.id for letter in carried]


def test_letters_to_a_channel_that_is_no_more_are_given_up(store):
    judge(store, fresh(), owed("chat"), owed("mail"))

    store.take_over(["mail"], T0)

    assert [letter.channel for letter in take(store)] == ["mail"]
    assert (store.counts().outbox_waiting, store.counts().outbox_dead) == (1, 1)


def test_news_given_up_with_its_channel_is_owed_again_when_the_channel_is_back(store):
    judge(store, fresh(), owed("chat"), owed("mail"))

    store.take_over(["mail"], T0)

    assert store.live_alerts()[0].told == {"mail": 2}


def test_what_a_channel_was_told_before_it_was_given_up_is_still_told(store):
    [alert] = judge(store, fresh(), owed())
    deliver(store, take(store)[0])
    for level in (3, 4):
        judge(store, replace(alert, state=replace(FIRING, level=level)), owed(level=level, news=News.CLIMBED))

    store.take_over(["mail"], T0)

    assert store.live_alerts()[0].told == {"chat": 2}
