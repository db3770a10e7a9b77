"""The outbox in memory hands over what the stored one does, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.post import Post, written
from rules.digest import Piece, parcels
from rules.outcomes import Outcome, Owed
from rules.telling import news
from rules.values import Alert, Firing, News, Subject, Target
from storage.records import SENT, Delivery
from storage.store import Store
from tests.told import a_story

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KINDS = {"": (0, 0), "quiet n": (500, 0), "group g": (60, 60), "group h": (45, 45), "digest d": (3_600, 0)}
"""The bundles, each with how long its letters are held, and how long they wait for more (seconds)."""

STEPS = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
        st.integers(0, 3),
        st.sampled_from(sorted(KINDS)),
    ),
    max_size=15,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = Store.open(tmp_path_factory.mktemp("post") / "creatorwatch.db")
    yield found
    found.close()


class Told:
    """News of alerts that is written into both outboxes; all names are those of one ``turn``."""

    def __init__(self, store, turn):
        self.store, self.turn, self.post = store, turn, Post()
        self.alerts, self.stood = {}, {}

    def name(self, what):
        return f"{what}{self.turn}"

    def write(self, at, channel, thing, stand, bundle):
        hold_s, wait_s = KINDS[bundle]
        told = self.stood.get((channel, thing), 0)
        self.stood[channel, thing] = stand
        story = a_story(thing, news=news(told, stand) or News.FIRED, told=told, stand=stand)
        owed = Owed(self.name(channel), stand, story, bundle, at + hold_s * SECOND, wait_s * SECOND)
        alert = self.alerts.get(thing) or Alert("r", self.name(thing), (), Firing(1, NOW, NOW, 1))
        (self.alerts[thing],) = self.store.commit_judgement([Outcome(alert, (), [owed])], at)
        self.post.add(written([Outcome(alert, (), [owed])], at), at)

    def claim(self, channel, at):
        """The targets of each message that the stored outbox makes of what it hands over."""
        letters = self.store.claim_letters(channel, at, at + timedelta(days=99), "me", 1_000)
        sent = [Delivery(each.id, each.alert_id, channel, each.level, at, SENT, 1) for each in letters]
        self.store.record_deliveries(sent)
        pieces = [Piece(each.id, each.thing, each.story, each.created, each.bundle, each.meant) for each in letters]
        return [[piece.story.headline[0] for piece in parcel.pieces] for parcel in parcels(pieces, at)]

    def compare(self, until=None):
        """Nothing is handed over a second earlier by the stored one, and then the same."""
        found = list(self.post.hand_over() if until is None else self.post.hand_over(until))
        for at, channel in dict.fromkeys((each.at, each.channel) for each in found):
            assert self.claim(channel, at - SECOND) == []
            messages = [
                [own.story.headline[0] for own in e.letters] for e in found if (e.at, e.channel) == (at, channel)
            ]
            assert self.claim(channel, at) == messages


TURNS = count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(STEPS)
def test_the_outbox_in_memory_hands_over_the_same_messages_at_the_same_times_as_the_stored_one(store, steps):
    told, at = Told(store, next(TURNS)), NOW
    store.sync_targets([Target(told.name(each), Subject.ACCOUNT, each, "tiktok") for each in "xyz"], NOW)
    for later_s, *letter in steps:
        at += later_s * SECOND
        told.compare(at)
        told.write(at, *letter)
    told.compare()
    assert all(told.claim(told.name(channel), at + timedelta(days=9)) == [] for channel in "ab")
