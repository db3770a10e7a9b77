"""What the daemon says of itself: what waits to be told, which rules work, whether the file is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.itself import REMEMBERED, Itself
from daemon.recent import Recent
from daemon.watchlist import DAEMON
from rules.outcomes import Outcome, Owed, Transition
from rules.values import NO_LABELS, Alert, Change, Firing, Record, Severity, Subject, Target
from storage.records import Delivery
from storage.store import Store
from tests.told import a_story

AT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
TARGET = Target(DAEMON, Subject.DAEMON, "creatorwatch", "")


class Bench:
    """A daemon that says how it is doing, on a real database."""

    def __init__(self, store: Store) -> None:
        self.store, self.recent = store, Recent({})
        self.itself = Itself(store, self.recent)
        store.sync_targets([TARGET], AT)

    def said(self) -> dict:
        """All that is said, by metric; of a metric with labels by those."""
        view = self.recent.view(DAEMON)
        found = {(metric, labels): window.values[-1] for metric, own in view.items() for labels, window in own.items()}
        return {(labels[0][1] if labels else metric): number for (metric, labels), number in found.items()}

    def owe(self, at: datetime, due: datetime | None = None) -> None:
        """A letter begins to wait; until ``due`` it is held."""
        alert = Alert("rule", DAEMON, NO_LABELS, Firing(1, at, at, 1), {"phone": 1})
        story = a_story(severity=Severity.WARNING)
        step = Transition(Change.B_FIRED, at, 0, 1, "it is so")
        self.store.commit_judgement([Outcome(alert, [step], [Owed("phone", 1, story, due=due)])], at, None)

    def give_up(self, at: datetime) -> None:
        [letter] = self.store.claim_letters("phone", at, at + HOUR, "me", 9)
        self.store.record_deliveries([Delivery(letter.id, letter.alert_id, "phone", letter.level, at, "gone", 5)])


@pytest.fixture
def bench(tmp_path):
    store = Store.open(tmp_path / "watch.db")
    yield Bench(store)
    store.close()


def test_a_daemon_with_which_nothing_is_wrong_says_so_of_every_rule(bench):
    assert bench.itself.say({"points": True, "fans": True}, AT) == {DAEMON}
    said = bench.said()
    assert said.pop("database_bytes") >= 4096
    fine, nothing = ("points", "fans", "config_ok"), ("outbox_waiting", "outbox_dead", "outbox_oldest_age_s")
    assert said == dict.fromkeys(fine, 1.0) | dict.fromkeys(nothing, 0.0)


def test_what_is_as_before_is_no_news(bench):
    bench.itself.say({"points": True}, AT)
    assert bench.itself.say({"points": True}, AT + HOUR) == set()


def test_a_rule_that_breaks_is_news_and_so_is_one_that_is_no_more(bench):
    bench.itself.say({"points": True, "fans": True}, AT)
    assert bench.itself.say({"points": False, "fans": True}, AT + HOUR) == {DAEMON}
    assert bench.said()["points"] == 0.0
    assert bench.itself.say({"fans": True}, AT + 2 * HOUR) == {DAEMON}
    assert "points" not in bench.said()


def test_a_file_is_refused_until_one_is_taken_and_the_words_say_why(bench):
    bench.itself.config("rules.yaml:3:7: unknown key `colour`")
    bench.itself.say({}, AT)
    assert bench.said()["config_ok"] == 0.0
    assert bench.itself.records() == [Record("config", DAEMON, {"problems": "rules.yaml:3:7: unknown key `colour`"})]
    bench.itself.config("")
    bench.itself.say({}, AT + HOUR)
    assert (bench.said()["config_ok"], bench.itself.records()) == (1.0, [])


def test_a_message_that_is_held_over_night_is_late_only_from_the_morning_on(bench):
    bench.owe(AT, due=AT + 8 * HOUR)
    for hours, late_s in ((2, 0.0), (9, 3600.0)):
        bench.itself.say({}, AT + hours * HOUR)
        assert (bench.said()["outbox_waiting"], bench.said()["outbox_oldest_age_s"]) == (1.0, late_s)


def test_a_message_waits_the_longer_the_later_it_is_until_it_is_given_up_and_that_counts_for_a_day(bench):
    bench.owe(AT)
    bench.itself.say({}, AT + HOUR)
    waiting = bench.said()
    assert (waiting["outbox_waiting"], waiting["outbox_oldest_age_s"], waiting["outbox_dead"]) == (1.0, 3600.0, 0.0)
    bench.give_up(AT + 2 * HOUR)
    bench.itself.say({}, AT + 3 * HOUR)
    dead = bench.said()
    assert (dead["outbox_waiting"], dead["outbox_oldest_age_s"], dead["outbox_dead"]) == (0.0, 0.0, 1.0)
    bench.itself.say({}, AT + 2 * HOUR + REMEMBERED + HOUR)
    assert bench.said()["outbox_dead"] == 0.0


def test_a_channel_works_until_its_newest_attempt_fails_and_one_that_is_no_more_is_not_spoken_of(bench):
    bench.itself.follow(["phone", "mail"])
    bench.owe(AT)
    bench.itself.say({}, AT)
    assert "phone" not in bench.said()
    [letter] = bench.store.claim_letters("phone", AT, AT + HOUR, "me", 9)
    tried = Delivery(letter.id, letter.alert_id, "phone", letter.level, AT, "busy", 5, AT + HOUR)
    bench.store.record_deliveries([tried])
    assert bench.itself.say({}, AT + HOUR) == {DAEMON}
    assert (bench.said()["phone"], "mail" in bench.said()) == (0.0, False)
    bench.store.record_deliveries([replace(tried, outcome="sent", retry_due=None)])
    assert bench.itself.say({}, AT + 2 * HOUR) == {DAEMON}
    assert bench.said()["phone"] == 1.0
    bench.itself.follow(["mail"])
    assert bench.itself.say({}, AT + 3 * HOUR) == {DAEMON}
    assert "phone" not in bench.said()
