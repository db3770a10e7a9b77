"""What goes into a column comes out of it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.values import NO_PAST, Evidence, Farthest, Firing, Flaps, Ok, Past, Rising, Unit
from storage import codec

TIMES = st.integers(min_value=0, max_value=4_102_444_800_000).map(codec.from_ms)
LEVELS = st.integers(min_value=1, max_value=9)
RISING = st.builds(
    Rising, level=LEVELS, since=TIMES, seen=TIMES, polled=TIMES, polls=st.integers(1, 10_000), blind=st.booleans()
)
FIRING = st.builds(
    Firing,
    level=LEVELS,
    since=TIMES,
    seen=TIMES,
    peak=LEVELS,
    rising=st.none() | RISING,
    easing=st.none() | TIMES,
    farthest=st.none() | st.builds(Farthest, st.just("points"), st.floats(allow_nan=False, allow_infinity=False)),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LABELS = st.dictionaries(TEXT, TEXT, max_size=3).map(lambda labels: tuple(sorted(labels.items())))


@given(st.just(Ok()) | RISING | FIRING)
def test_a_state_survives_its_text(state):
    assert codec.state_from_json(codec.state_to_json(state)) == state


def test_a_state_of_before_the_newest_poll_was_noted_counts_only_what_is_newer_than_its_last_look():
    text = '{"blind":false,"is":"rising","level":1,"polls":2,"seen_ms":2000,"since_ms":1000}'
    assert codec.state_from_json(text).polled == codec.from_ms(2000)


PAST = st.builds(
    Past,
    begun=st.lists(TIMES, max_size=4).map(tuple),
    flaps=st.none() | st.builds(Flaps, TIMES, LEVELS),
    first=st.integers(0, 9),
    held=TEXT,
    stood=st.none() | TIMES,
    heard=st.none() | TIMES,
    reminded=st.none() | TIMES,
    escalated=st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds)),
)


@given(PAST)
def test_what_is_remembered_survives_its_text(past):
    assert codec.past_from_json(codec.past_to_json(past)) == past


def test_nothing_to_remember_takes_no_room():
    assert codec.past_to_json(NO_PAST) == ""


@given(st.lists(st.none() | st.floats(allow_nan=False), max_size=20))
def test_numbers_survive_their_bytes_and_unknown_is_not_zero(values):
    numbers = codec.numbers_from_bytes(codec.numbers_to_bytes(values))
    assert [None if math.isnan(number) else number for number in numbers] == values


@given(st.lists(st.tuples(TEXT, LABELS), max_size=5))
def test_members_survive_their_text(members):
    assert codec.members_from_json(codec.members_to_json(members)) == tuple(members)


@given(LABELS, st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_evidence_survives_its_text(labels, value):
    evidence = (Evidence("views", labels, value, Unit.COUNT),)
    assert codec.evidence_from_json(codec.evidence_to_json(evidence)) == evidence


def test_numbers_are_stored_little_endian():
    assert codec.numbers_to_bytes([1.0]) == bytes.fromhex("000000000000f03f")


@given(st.timedeltas(timedelta(0), timedelta(days=80_000)).map(lambda since: codec.EPOCH + since))
def test_a_time_keeps_its_milliseconds(at):
    assert timedelta(0) <= at - codec.from_ms(codec.to_ms(at)) < codec.MILLISECOND


def test_a_time_is_the_same_in_every_zone():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert codec.to_ms(noon.astimezone(timezone(timedelta(hours=8)))) == codec.to_ms(noon)


def test_a_naive_time_is_refused():
    naive = codec.EPOCH.replace(tzinfo=None)
    with pytest.raises(TypeError):
        codec.to_ms(naive)


def test_never_is_a_time_like_any_other():
    assert codec.from_ms(codec.NEVER_MS) == datetime(9999, 1, 1, tzinfo=UTC)


@given(st.decimals(0, 10_000, places=6))
def test_money_survives_to_the_millionth(usd):
    assert codec.from_microusd(codec.to_microusd(usd)) == usd


@given(st.decimals(0, 10_000, places=9))
def test_money_is_never_made_less(usd):
    assert 0 <= codec.from_microusd(codec.to_microusd(usd)) - usd < Decimal("0.000001")


def test_labels_have_one_text_whatever_their_order():
    assert codec.labels_to_json((("b", "2"), ("a", "1"))) == codec.labels_to_json((("a", "1"), ("b", "2")))
