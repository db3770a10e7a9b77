"""Letters that go together: when a bundle is due, what its message says, and what becomes of each letter in it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.channels import NotSent, Undelivered, open_channel
from daemon.deliver import GIVE_UP_AFTER, Deliverer
from daemon.patience import JITTER, WAITS
from daemon.scribe import Scribe, Voice
from rules.outcomes import Outcome, Owed, Transition
from rules.values import Alert, Change, Firing, News, Ok, Severity, Subject, Target
from rules.wording import Markup
from rules.words import Language
from storage.records import Delivery
from storage.store import Store
from tests.told import a_story

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
KEY = "tiktok/account/1"
FIRING = Firing(level=2, since=T0, seen=T0, peak=2)


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "watch.db")
    store.sync_targets([Target(KEY, Subject.ACCOUNT, "someone", "tiktok")], T0)
    yield store
    store.close()


def fresh(name):
    return Alert("points", KEY, (("id", name),), FIRING)


def over(alert):
    return replace(alert, state=Ok())


def owed(channel="chat", level=2, news=News.FIRED, title="title", bundle="first-sight", severity=Severity.HIGH):
    return Owed(
        channel,
        level,
        a_story(title, f"all about {title}", severity=severity, news=news, stand=level),
        bundle,
        wait=MINUTE if bundle else 0 * MINUTE,
    )


def judge(store, alert, *letters, at=T0):
    """What the rules would answer: the letters owed count as told."""
    told = {**alert.told, **{letter.channel: letter.level for letter in letters}}
    step = Transition(Change.B_FIRED, at, 0, 2, "why")
    return store.commit_judgement([Outcome(replace(alert, told=told), [step], letters)], at)


def first_sight(store, name, at=T0, channel="chat", severity=Severity.HIGH):
    [alert] = judge(store, fresh(name), owed(channel, title=name, severity=severity), at=at)
    return alert


def take(store, at, limit=10):
    """The letters that both channels would be given, chat first."""
    taken = [store.claim_letters(channel, at, at + MINUTE, "me", limit) for channel in ("chat", "mail")]
    return [letter for letters in taken for letter in letters]


def deliver(store, letter, outcome="sent", retry_due=None, at=T0):
    attempt = Delivery(letter.id, letter.alert_id, letter.channel, letter.level, at, outcome, 12, retry_due)
    return store.record_deliveries([attempt])


def titles(letters):
    return [letter.story.headline[0] for letter in letters]


# --- when it is due ----------------------------------------------------------------------------------------------


def test_a_bundle_waits_until_nothing_was_added_for_a_minute(store):
    first_sight(store, "a", T0)
    first_sight(store, "b", T0 + 50 * SECOND)
    assert take(store, T0 + 109 * SECOND) == []
    assert titles(take(store, T0 + 110 * SECOND)) == ["a", "b"]


def test_a_bundle_waits_ten_minutes_at_most(store):
    for number in range(13):
        first_sight(store, str(number), T0 + number * 50 * SECOND)
    assert titles(take(store, T0 + 599 * SECOND)) == []
    assert titles(take(store, T0 + 600 * SECOND)) == [str(number) for number in range(13)]


def test_a_bundle_is_taken_whole_however_few_letters_are_asked_for(store):
    for number in range(30):
        first_sight(store, str(number), T0)
        judge(store, fresh(f"single {number}"), owed(title="single", bundle=""), at=T0)
    taken = take(store, T0 + MINUTE, limit=5)
    assert sum(letter.bundle == "first-sight" for letter in taken) == 30
    assert titles(taken).count("single") == 5


def test_a_letter_that_comes_while_its_bundle_is_sent_begins_another(store):
    first_sight(store, "a", T0)
    [letter] = take(store, T0 + MINUTE)
    first_sight(store, "b", T0 + MINUTE)
    deliver(store, letter, at=T0 + MINUTE)
    assert take(store, T0 + 119 * SECOND) == []
    assert titles(take(store, T0 + 2 * MINUTE)) == ["b"]


def test_a_bundle_that_failed_does_not_wait_again_for_letters_that_came_since(store):
    first_sight(store, "a", T0)
    [letter] = take(store, T0 + MINUTE)
    deliver(store, letter, "timeout", retry_due=T0 + 70 * SECOND, at=T0 + MINUTE)
    first_sight(store, "b", T0 + 65 * SECOND)
    assert titles(take(store, T0 + 70 * SECOND)) == ["a"]


def test_each_channel_has_a_bundle_of_its_own(store):
    first_sight(store, "a", T0)
    first_sight(store, "b", T0 + 30 * SECOND, channel="mail")
    assert titles(take(store, T0 + MINUTE)) == ["a"]
    assert titles(take(store, T0 + 90 * SECOND)) == ["b"]


def test_later_news_of_an_alert_that_may_not_wait_takes_its_beginning_out_of_the_bundle(store):
    alert = first_sight(store, "a", T0)
    first_sight(store, "b", T0)
    judge(store, over(alert), owed(level=0, news=News.RESOLVED, bundle=""), at=T0 + SECOND)
    assert [letter.story.news for letter in take(store, T0 + 2 * SECOND)] == [News.FIRED, News.RESOLVED]
    assert titles(take(store, T0 + MINUTE)) == ["b"]


def test_news_that_may_not_go_yet_stays_where_earlier_news_of_the_same_thing_goes(store):
    [alert] = judge(store, fresh("a"), owed(bundle=""))
    held = replace(owed(level=3, news=News.CLIMBED, bundle="quiet nights"), due=T0 + 60 * MINUTE)
    judge(store, replace(alert, state=replace(FIRING, level=3)), held)
    assert [letter.level for letter in take(store, T0)] == [2]
    assert [letter.level for letter in take(store, T0 + 60 * MINUTE)] == [2, 3]


def test_a_bundle_whose_bearer_died_is_whole_again(store):
    for name in "ab":
        first_sight(store, name, T0)
    assert titles(take(store, T0 + MINUTE)) == ["a", "b"]
    store.take_over(["chat", "mail"], T0 + 2 * MINUTE)
    assert titles(take(store, T0 + 2 * MINUTE)) == ["a", "b"]


# --- what is sent ------------------------------------------------------------------------------------------------


async def test_a_letter_is_told_in_the_language_and_the_markup_of_its_channel(store):
    first_sight(store, "*a*")
    out, stored = io.StringIO(), []

    async def run(work):
        return work()

    scribe = Scribe({"chat": Voice(Language.ZH, markup=Markup.HTML)}, {})
    deliverer = Deliverer(store, run, {"chat": open_channel("chat", "console://", out)}, "me", stored.extend, scribe)
    deliverer.start(T0 + MINUTE)
    assert await deliverer.settle() == 1
    assert "▲【严重】*a*" in out.getvalue()
    assert "all about *a*<br/>" in out.getvalue()


class Failing:
    """A channel whose service never takes anything."""

    name, markup, service = "chat", Markup.TEXT, "Chat"

    def fits(self, message):
        return True

    async def send(self, message, id_text):
        return NotSent(Undelivered.SERVER, 3)


class Bearer:
    """A daemon's deliverer over a store, with one channel that prints; it dies after ``lives`` turns on the store."""

    def __init__(self, store, channel=None, lives=100):
        self.out, self.stored, self._lives = io.StringIO(), [], lives
        channels = {"chat": channel or open_channel("chat", "console://", self.out)}
        self._deliverer = Deliverer(store, self._run, channels, "me", self.stored.extend, Scribe({}, {}))

    async def _run(self, work):
        self._lives -= 1
        if self._lives < 0:
            raise RuntimeError("killed")
        return work()

    async def at(self, at):
        """Send what is due; how many letters that were."""
        self._deliverer.start(at)
        return await self._deliverer.settle()

    def headlines(self):
        return [line for line in self.out.getvalue().splitlines() if line.startswith("[")]


async def test_letters_of_a_bundle_are_one_message_with_a_receipt_each(store):
    first_sight(store, "a")
    first_sight(store, "b", severity=Severity.CRITICAL)
    bearer = Bearer(store)
    assert await bearer.at(T0 + MINUTE) == 2
    assert bearer.out.getvalue().splitlines() == [
        "[!!!] 2 alerts were on already at first sight",
        "    ▲ CRITICAL: b",
        "    ▲ HIGH: a",
        "    id: 1.1-2.2",
    ]
    assert [(receipt.letter_id, receipt.outcome) for receipt in store.deliveries(10)] == [(2, "sent"), (1, "sent")]
    assert store.counts().outbox_waiting == 0


async def test_a_bundle_of_one_is_sent_as_it_is(store):
    first_sight(store, "a")
    bearer = Bearer(store)
    await bearer.at(T0 + MINUTE)
    assert bearer.out.getvalue().splitlines() == ["[!!] ▲ HIGH: a", "    all about a", "    id: 1.1"]


async def test_letters_without_a_bundle_stay_messages_of_their_own_and_go_first(store):
    for name in "ab":
        judge(store, fresh(name), owed(title=name, bundle=""))
        first_sight(store, f"{name} at first sight")
    bearer = Bearer(store)
    await bearer.at(T0 + MINUTE)
    assert bearer.headlines() == [
        "[!!] ▲ HIGH: a",
        "[!!] ▲ HIGH: b",
        "[!!] 2 alerts were on already at first sight",
    ]


async def test_a_bundle_is_sent_again_whole_and_with_the_same_id_after_a_death_before_its_receipts(store):
    for name in "ab":
        first_sight(store, name)
    dying = Bearer(store, lives=1)
    with pytest.raises(RuntimeError, match="killed"):
        await dying.at(T0 + MINUTE)
    assert store.deliveries(10) == []

    store.take_over(["chat"], T0 + 2 * MINUTE)
    again = Bearer(store)
    await again.at(T0 + 2 * MINUTE)
    assert again.out.getvalue() == dying.out.getvalue() != ""
    assert store.counts().outbox_waiting == 0


async def test_every_letter_of_a_bundle_that_cannot_be_delivered_is_owed_again(store):
    for name in "ab":
        first_sight(store, name)
    bearer, at = Bearer(store, Failing()), T0 + MINUTE
    while not store.counts().outbox_dead:
        assert await bearer.at(at) == 2
        at += WAITS[-1] * (1 + JITTER)
    assert GIVE_UP_AFTER - WAITS[-1] < at - T0 < GIVE_UP_AFTER + 2 * WAITS[-1]
    assert store.counts().outbox_dead == 2
    assert [alert.told for alert in store.live_alerts()] == [{}, {}]
    assert [delivery.dead for delivery in bearer.stored[-2:]] == [True, True]


async def test_letters_that_come_due_together_after_failures_are_one_message(store):
    first_sight(store, "a")
    await Bearer(store, Failing()).at(T0 + MINUTE)
    first_sight(store, "b", T0 + MINUTE)
    bearer = Bearer(store)
    await bearer.at(T0 + 2 * MINUTE)
    assert bearer.headlines() == ["[!!] 2 alerts were on already at first sight"]
    assert [(receipt.letter_id, receipt.outcome) for receipt in store.deliveries(2)] == [(2, "sent"), (1, "sent")]
