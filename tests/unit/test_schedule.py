"""When to ask next."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cadence import AtAges, ByAge, ByNewest, Daily, Every, Standing
from daemon.policy import POLICY, Retry
from daemon.providers.answer import Failure, Reason
from daemon.schedule import FIRST_SPREAD, SUSPICION, first_due, gone_due, next_due, phase_of, retry_due
from daemon.snowflake import created_of

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = Standing(AT)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
SLIP = timedelta(milliseconds=1)
SIX_HOURS, FAKE = Every(6 * HOUR), AtAges((DAY, 3 * DAY, WEEK))
DIAGNOSIS = Daily("Asia/Shanghai", time(12, 10), (time(12, 40), time(13, 30), time(15), time(18)))

moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
intervals = st.timedeltas(timedelta(seconds=1), timedelta(days=30))
names = st.text(max_size=20)
cadences = st.one_of(st.builds(Every, intervals), *(st.just(each) for each in (ByAge(), FAKE, DIAGNOSIS)))
standings = st.builds(
    lambda at, age, repeated: Standing(at, None if age is None else at - age, repeated=repeated),
    moments,
    st.none() | st.timedeltas(timedelta(0), 40 * DAY),
    st.booleans(),
)


def reasons(*retries: Retry) -> list[Reason]:
    return [reason for reason, policy in POLICY.items() if policy.retry in retries]


@given(names, intervals, moments)
def test_the_next_turn_is_half_to_one_and_a_half_intervals_away(target, interval, at):
    wait = next_due(target, "e", Every(interval), Standing(at)) - at
    assert interval / 2 <= wait <= interval * 1.5 + SLIP


@given(names, intervals, moments)
def test_turns_keep_their_distance_of_one_interval_whenever_the_polls_happen(target, interval, at):
    first = next_due(target, "e", Every(interval), Standing(at))
    second = next_due(target, "e", Every(interval), Standing(first + interval / 10))
    assert abs((second - first) - interval) <= SLIP


@given(names, cadences, standings)
def test_a_turn_is_a_whole_millisecond_and_comes_once(target, cadence, standing):
    due = next_due(target, "e", cadence, standing)
    if due is not None:
        again = next_due(target, "e", cadence, Standing(due, standing.created))
        assert due > standing.at
        assert due.microsecond % 1000 == 0
        assert again is None or again - due > timedelta(seconds=0.4)


@given(names, cadences, standings)
def test_a_new_target_is_asked_about_at_once_or_at_its_first_age(target, cadence, standing):
    age = standing.at - standing.created if cadence is FAKE and standing.created is not None else None
    due = first_due(target, "e", cadence, standing)
    assert (due is None) == (age is not None and age > WEEK + HOUR)
    if due is not None:
        until_ripe = DAY + HOUR - age if age is not None and age < DAY + HOUR else timedelta(0)
        assert timedelta(0) <= due - standing.at <= FIRST_SPREAD + SLIP + until_ripe


@pytest.mark.parametrize(
    ("cadence", "created", "hours"),
    [
        (SIX_HOURS, None, 6),
        (ByAge(), AT - 40 * DAY, 48),
        (ByAge(), AT - 100 * HOUR, 100**0.6),
        (ByNewest(DAY, ((6 * HOUR, HOUR),)), AT - HOUR, 1),
    ],
    ids=str,
)
def test_twenty_thousand_targets_do_not_line_up(cadence, created, hours):
    dues = [next_due(f"tiktok/video/{number}", "e", cadence, Standing(AT, created)) for number in range(20_000)]
    hundredths = [0] * 101
    for due in dues:
        hundredths[int(((due - AT) / (hours * HOUR) - 0.5) * 100)] += 1
    assert min(hundredths[:100]) > 130
    assert max(hundredths) < 270


@pytest.mark.parametrize("reason", reasons(Retry.SOON))
def test_passing_failures_are_asked_again_soon_then_more_and_more_slowly(reason):
    waits = [retry_due("t", "e", SIX_HOURS, NOW, Failure(reason, ""), failures) - AT for failures in range(1, 7)]
    assert waits[0] <= timedelta(seconds=10)
    assert waits == sorted(waits)
    assert waits[4] <= timedelta(seconds=160)
    assert AT + waits[5] == next_due("t", "e", SIX_HOURS, NOW)


@pytest.mark.parametrize("reason", reasons(Retry.ONCE, Retry.STOPPED))
def test_a_failure_that_waiting_does_not_mend_gets_one_second_look(reason):
    assert retry_due("t", "e", SIX_HOURS, NOW, Failure(reason, ""), 1) - AT == SUSPICION
    assert retry_due("t", "e", SIX_HOURS, NOW, Failure(reason, ""), 2) == next_due("t", "e", SIX_HOURS, NOW)


@pytest.mark.parametrize("failures", [1, 2])
@pytest.mark.parametrize("reason", reasons(Retry.REGULAR))
def test_a_failure_of_which_a_second_look_says_nothing_new_waits_for_the_regular_turn(reason, failures):
    assert retry_due("t", "e", SIX_HOURS, NOW, Failure(reason, ""), failures) == next_due("t", "e", SIX_HOURS, NOW)


def test_a_failure_at_the_last_age_is_retried_though_no_turn_follows():
    standing, broken, gone = Standing(AT, AT - 8 * DAY), Failure(Reason.SERVER, ""), Failure(Reason.NOT_FOUND, "")
    assert next_due("t", "e", FAKE, standing) is None
    assert retry_due("t", "e", FAKE, standing, broken, 1) - AT <= timedelta(seconds=10)
    assert retry_due("t", "e", FAKE, standing, broken, 6) is None
    assert retry_due("t", "e", FAKE, standing, gone, 1) - AT == SUSPICION
    assert retry_due("t", "e", FAKE, standing, gone, 2) is None


def test_a_day_whose_numbers_an_outage_hid_is_asked_for_again_on_the_same_day():
    noon = Standing(datetime(2026, 11, 21, 4, 35, tzinfo=UTC))
    again = retry_due("t", "e", DIAGNOSIS, noon, Failure(Reason.SERVER, ""), 6)
    assert again - noon.at < HOUR
    assert next_due("t", "e", DIAGNOSIS, noon) - noon.at > 23 * HOUR


@pytest.mark.parametrize(("wish_s", "least_s"), [(120.0, 120.0), (1e300, 86_400.0)])
def test_the_provider_is_not_asked_before_it_wants_to_be(wish_s, least_s):
    failure = Failure(Reason.RATE_LIMITED, "", retry_after_s=wish_s)
    due = retry_due("t", "e", Every(timedelta(seconds=5)), NOW, failure, 1)
    assert due - AT == timedelta(seconds=least_s)


@given(names, cadences, standings, st.sampled_from(sorted(Reason)), st.integers(1, 100))
def test_a_retry_is_never_later_than_the_regular_turn(target, cadence, standing, reason, failures):
    regular = next_due(target, "e", cadence, standing)
    retry = retry_due(target, "e", cadence, standing, Failure(reason, ""), failures)
    assert retry is None or standing.at <= retry
    assert regular is None or (retry is not None and retry <= regular)


@given(names, moments)
def test_a_video_that_is_gone_is_looked_at_once_a_week_for_four_weeks(target, gone):
    dues, at = [], gone
    while (due := gone_due(is_probe=True, gone_since=gone, at=at, phase=phase_of(target, "e"))) is not None:
        dues.append(due)
        at = due
    assert [(due - gone) // WEEK for due in dues] == [1, 2, 3, 4]
    assert gone_due(is_probe=False, gone_since=gone, at=gone, phase=0.5) is None


@pytest.mark.parametrize(
    ("video", "created"),
    [
        ("7117191641181555995", datetime(2022, 7, 6, 9, 38, 30, tzinfo=UTC)),  # KeyAPI's document: 09:38:35
        ("7460937381265411370", datetime(2025, 1, 17, 17, 27, 32, tzinfo=UTC)),
        (str(int(AT.timestamp()) << 32), AT),
        (str(int(AT.timestamp() + 1) << 32), None),
        ("1730905148396180014", None),  # a product's: 1982
        ("7", None),
        ("9" * 5000, None),
        ("-7117191641181555995", None),
        ("٧١١٧١٩١٦٤١١٨١٥٥٥٩٩٥", None),
        ("", None),
    ],
)
def test_the_id_of_a_video_tells_when_it_was_published(video, created):
    assert created_of(video, AT) == created
