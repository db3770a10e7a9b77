"""How long a channel that fails is left alone, and how much one is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.patience import ASKED_JITTER, JITTER, WAITS, Patience, Rate, wait

AT = datetime(2026, 2, 2, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@given(st.integers(1, 100), st.text(max_size=5))
def test_a_wait_grows_to_half_an_hour_and_stays_near_what_it_is_meant_to_be(failures, seed):
    meant = WAITS[min(failures, len(WAITS)) - 1]
    assert abs(wait(failures, seed) - meant) <= meant * JITTER
    assert wait(failures, seed) == wait(failures, seed)


def test_the_waits_of_many_letters_are_spread():
    assert len({wait(6, str(letter)) for letter in range(100)}) > 90


@given(st.floats(0, 86_400), st.integers(1, 20))
def test_what_a_service_asks_for_is_never_cut_short(asked_s, failures):
    asked = timedelta(seconds=asked_s)
    assert max(asked, SECOND) <= wait(failures, "7", asked_s) <= max(asked, SECOND) * (1 + ASKED_JITTER)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20/min", Rate(20, MINUTE)),
        ("1/s", Rate(1, SECOND)),
        ("100/h", Rate(100, timedelta(hours=1))),
        *((text, None) for text in ("", "0/min", "20", "20 / min", "20/day", "-1/s", "1.5/s", "99999/s")),
    ],
)
def test_a_rate_is_a_number_of_messages_in_a_second_a_minute_or_an_hour(text, rate):
    assert Rate.read(text) == rate


def test_a_channel_that_failed_is_tried_by_one_message_and_takes_more_once_that_arrived():
    patience = Patience()
    assert patience.free(None, 8, AT) == 8
    until = patience.failed(AT, AT, "1", None)
    assert patience.free(None, 8, until - SECOND) == 0
    assert patience.free(None, 8, until) == 1
    patience.succeeded()
    assert patience.free(None, 8, until) == 8


@pytest.mark.parametrize(("letters", "waited"), [("7" * 20, WAITS[0]), ("1234567", WAITS[-1]), ("77s77", WAITS[0])])
def test_one_message_that_is_refused_again_and_again_holds_up_no_other_but_many_do(letters, waited):
    patience = Patience()
    for letter in letters:
        if letter == "s":
            patience.succeeded()
        else:
            patience.refused(AT, AT, letter)
    assert patience.free(None, 8, AT + waited * (1 - JITTER) - SECOND) == 0
    assert patience.free(None, 8, AT + waited * (1 + JITTER)) == 1


def test_a_wait_begins_when_the_attempt_ends():
    patience = Patience()
    patience.failed(AT, AT + MINUTE, "1", 60.0)
    assert patience.free(None, 8, AT) == patience.free(None, 8, AT + 2 * MINUTE - SECOND) == 0
    assert patience.free(None, 8, AT + 3 * MINUTE) == 1


def test_a_clock_that_is_set_back_makes_no_pause_longer():
    patience = Patience()
    patience.failed(AT, AT, "1", 86_400.0)
    assert patience.free(None, 8, AT - SECOND) == 1


@given(st.integers(1, 5), st.lists(st.integers(0, 90), min_size=1, max_size=60))
def test_in_no_span_of_its_length_is_more_sent_than_the_rate(most, gaps):
    rate, patience, now, sent = Rate(most, MINUTE), Patience(), AT, []
    for gap in gaps:
        now += gap * SECOND
        if patience.free(rate, 8, now):
            patience.sends(rate, now)
            sent.append(now)
    assert sent
    assert all(later - earlier >= MINUTE for earlier, later in zip(sent, sent[most:], strict=False))
