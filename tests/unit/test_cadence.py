"""How often an endpoint is asked about a target."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.cadence import LONGEST_STRETCHED, AtAges, ByAge, ByNewest, Daily, Every, Near, Standing, longest, slowest

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SLIP = timedelta(milliseconds=1)
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
POINTS = ("violation_score", ())

NEAR = Near(2 * HOUR, (HOUR, HOUR / 2), lambda values: int(next(iter(values.values()), None) or 0))
NEWEST = ByNewest(DAY, ((6 * HOUR, HOUR), (DAY, 3 * HOUR), (3 * DAY, 6 * HOUR)))
FAKE = AtAges((DAY, 3 * DAY, 7 * DAY), again=6 * HOUR)
DIAGNOSIS = Daily("Asia/Shanghai", time(12, 10), (time(12, 40), time(13, 30), time(15), time(18)))
ZONES = ("Asia/Shanghai", "America/Los_Angeles", "Europe/London", "Australia/Lord_Howe", "UTC")

moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
phases = st.floats(0, 1, exclude_max=True)
stretches = st.floats(1, 16)
intervals = st.timedeltas(timedelta(seconds=1), timedelta(days=30))
ages = st.none() | st.timedeltas(timedelta(0), timedelta(days=60))
dailies = st.builds(
    Daily,
    st.sampled_from(ZONES),
    st.times(max_value=time(12)),
    st.lists(st.times(min_value=time(12, 1)), max_size=4, unique=True).map(lambda times: tuple(sorted(times))),
)
cadences = st.one_of(
    st.builds(Every, intervals), dailies, *(st.just(each) for each in (NEAR, ByAge(), NEWEST, FAKE, AtAges((DAY,))))
)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    at, age = draw(moments), draw(ages)
    urgency = draw(st.none() | st.integers(0, 2))
    return Standing(
        at,
        created=None if age is None else at - age,
        values={} if urgency is None else {POINTS: float(urgency)},
        repeated=draw(st.booleans()),
        suspect=draw(st.booleans()),
        stretch=draw(st.just(1.0) | stretches),
        renewal=draw(st.none() | st.timedeltas(-DAY, 40 * DAY).map(lambda wait: at + wait)),
    )


def wait(cadence, standing: Standing, phase: float) -> timedelta:
    due = cadence.turn(standing, phase)
    return timedelta.max if due is None else due - standing.at


def but(standing: Standing, **changed: object) -> Standing:
    known = {name: getattr(standing, name) for name in standing.__slots__}
    return Standing(**{**known, **changed})


@given(cadences, standings(), phases)
def test_a_turn_lies_ahead_and_is_the_same_however_often_it_is_asked_for(cadence, standing, phase):
    assert wait(cadence, standing, phase) > timedelta(0)
    assert cadence.turn(standing, phase) == cadence.turn(standing, phase)


@given(cadences, standings(), phases, stretches)
def test_more_stretch_makes_no_turn_earlier(cadence, standing, phase, stretch):
    less, more = sorted((standing.stretch, stretch))
    unstretched = wait(cadence, but(standing, stretch=1.0), phase)
    waits = [wait(cadence, but(standing, stretch=each), phase) for each in (less, more)]
    assert unstretched <= waits[0] <= waits[1]


@given(cadences, standings(), phases)
def test_no_turn_is_put_off_by_more_than_a_week_to_spare_money(cadence, standing, phase):
    unstretched = wait(cadence, but(standing, stretch=1.0), phase)
    assume(unstretched < timedelta.max)
    assert wait(cadence, standing, phase) <= max(unstretched, LONGEST_STRETCHED + DAY)


@given(cadences, standings(), phases)
def test_no_turn_is_put_off_further_than_its_usual_wait_once_there_is_money_again(cadence, standing, phase):
    unstretched = wait(cadence, but(standing, stretch=1.0), phase)
    assume(unstretched < timedelta.max and standing.renewal is not None)
    usual = max(unstretched, DAY + HOUR + SLIP) if isinstance(cadence, Daily) else unstretched
    assert wait(cadence, standing, phase) <= max(timedelta(0), standing.renewal - standing.at) + usual


@given(cadences, standings(), phases)
def test_an_alert_makes_no_turn_later(cadence, standing, phase):
    calm, alert = (wait(cadence, but(standing, suspect=suspect), phase) for suspect in (False, True))
    assert alert - SLIP <= calm


@given(cadences, standings(), phases)
def test_two_turns_are_no_further_apart_than_the_slowest_interval_until_then_and_a_half(cadence, standing, phase):
    first = cadence.turn(but(standing, stretch=1.0), phase)
    assume(first is not None)
    then = but(standing, stretch=1.0, at=first)
    due = wait(cadence, then, phase)
    assert due == timedelta.max or due <= slowest(cadence, then) * 1.5 + SLIP


@given(cadences, standings(), st.timedeltas(timedelta(0), 60 * DAY))
def test_neither_an_alert_nor_short_money_changes_the_slowest_interval_and_it_falls_with_no_age(
    cadence, standing, later
):
    before, after = slowest(cadence, standing), slowest(cadence, but(standing, at=standing.at + later))
    assert before == slowest(cadence, but(standing, suspect=not standing.suspect, stretch=16.0))
    assert before <= after <= longest(cadence, but(standing, at=standing.at + later))


@pytest.mark.parametrize(
    ("cadence", "at_ease", "pressing"),
    [
        (NEWEST, Standing(AT, AT - 3 * DAY), Standing(AT, AT - 2 * DAY)),
        (NEAR, Standing(AT, values={POINTS: 0.0}), Standing(AT, values={POINTS: 2.0})),
    ],
    ids=["a new video", "near a threshold"],
)
def test_a_line_that_is_asked_oftener_for_another_reason_than_an_alert_is_never_as_slow_as_at_ease(
    cadence, at_ease, pressing
):
    assert slowest(cadence, at_ease) == longest(cadence, pressing) == cadence.usual
    assert slowest(cadence, pressing) <= cadence.usual / 4


@given(intervals, moments, phases, stretches)
def test_a_fixed_interval_is_kept_to_a_half(interval, at, phase, stretch):
    assert interval / 2 - SLIP <= wait(Every(interval), Standing(at), phase) <= interval * 1.5 + SLIP
    stretched = wait(Every(interval), Standing(at, stretch=stretch), phase)
    assert min(interval * stretch, LONGEST_STRETCHED) / 2 - SLIP <= stretched <= interval * stretch * 1.5 + SLIP


@given(moments, ages, phases, st.booleans())
def test_the_interval_of_a_video_follows_its_age_to_a_half(at, age, phase, suspect):
    standing = Standing(at, None if age is None else at - age, suspect=suspect)
    interval = ByAge().interval(standing) / (2 if suspect else 1)
    assert interval / 2 - SLIP <= wait(ByAge(), standing, phase) <= interval * 1.5 + SLIP


@pytest.mark.parametrize(
    ("age", "interval_h"),
    [(timedelta(minutes=5), 1), (DAY, 6.7), (7 * DAY, 21.6), (40 * DAY, 48), (-HOUR, 1), (None, 48)],
)
def test_counters_matter_less_the_older_a_video_is(age, interval_h):
    standing = Standing(AT, None if age is None else AT - age)
    assert ByAge().interval(standing) / HOUR == pytest.approx(interval_h, abs=0.1)


@given(moments, phases, st.integers(0, 1))
def test_the_nearer_to_harm_the_sooner_again(at, phase, urgency):
    calmer, worse = (Standing(at, values={("violation_score", ()): float(each)}) for each in (urgency, urgency + 1))
    assert wait(NEAR, worse, phase) <= wait(NEAR, calmer, phase) + SLIP


@pytest.mark.parametrize(
    ("urgency", "suspect", "minutes"), [(0, False, 120), (1, False, 60), (2, False, 30), (0, True, 30)]
)
def test_harm_and_alerts_have_their_own_intervals(urgency, suspect, minutes):
    standing = Standing(AT, values={("violation_score", ()): urgency}, suspect=suspect)
    assert timedelta(minutes=minutes) / 2 <= wait(NEAR, standing, 0.3) <= timedelta(minutes=minutes) * 1.5


@pytest.mark.parametrize(("age_h", "hours"), [(1, 1), (7, 3), (30, 6), (100, 24), (None, 24)])
def test_a_list_is_read_the_oftener_the_younger_its_newest_video(age_h, hours):
    standing = Standing(AT, None if age_h is None else AT - age_h * HOUR)
    assert hours * HOUR / 2 <= wait(NEWEST, standing, 0.3) <= hours * HOUR * 1.5


@given(moments, phases, st.timedeltas(timedelta(0), timedelta(hours=20)))
def test_each_age_is_visited_once_within_an_hour_and_then_there_is_no_turn(created, phase, found):
    visits, due = [], FAKE.first(Standing(created + found, created), phase)
    while due is not None:
        visits.append(due - created)
        due = FAKE.turn(Standing(due, created), phase)
    assert [round(visit / DAY) for visit in visits] == [1, 3, 7]
    assert all(age <= visit <= age + HOUR for age, visit in zip(FAKE.ages, visits, strict=True))


@given(moments, phases, st.timedeltas(timedelta(0), 7 * DAY + HOUR))
def test_one_look_makes_up_for_all_ages_that_have_passed(created, phase, age):
    standing = Standing(created + age, created)
    passed = sum(created + each + FAKE.spread * phase <= standing.at for each in FAKE.ages)
    assert (FAKE.first(standing, phase) == standing.at) == bool(passed)


@given(moments, phases, st.timedeltas(7 * DAY + HOUR + SLIP, timedelta(days=4000)))
def test_a_video_past_its_last_age_is_not_asked_about_by_itself(created, phase, age):
    assert FAKE.first(Standing(created + age, created), phase) is None


def test_a_video_of_unknown_age_is_asked_about_once():
    assert FAKE.first(Standing(AT), 0.5) == AT
    assert FAKE.turn(Standing(AT), 0.5) is None


def test_a_suspected_video_is_looked_at_again_after_its_last_age_while_the_alert_is_on():
    old = AT - 30 * DAY
    assert FAKE.turn(Standing(AT, old, suspect=True), 0.5) == AT + 6 * HOUR
    assert FAKE.turn(Standing(AT, old, suspect=True, stretch=2.0), 0.5) == AT + 12 * HOUR
    assert FAKE.turn(Standing(AT, old), 0.5) is None
    assert AtAges((DAY,)).turn(Standing(AT, old, suspect=True), 0.5) is None


def data_day(daily: Daily, due: datetime, phase: float) -> date:
    """Which day's numbers are out at ``due``, as the target's own delay has it."""
    local = (due - daily.spread * phase).astimezone(ZoneInfo(daily.zone))
    return local.date() - DAY if local.replace(tzinfo=None).time() < daily.first else local.date()


@given(dailies, moments, phases, stretches)
def test_no_two_turns_are_for_the_same_day_unless_the_answer_was_old(daily, at, phase, stretch):
    assume(daily.first >= time(4))  # no clock jumps then
    dues = [daily.turn(Standing(at), phase)]
    for _ in range(5):
        dues.append(daily.turn(Standing(dues[-1], stretch=stretch), phase))
    days = [data_day(daily, due, phase) for due in dues]
    assert days[0] > data_day(daily, at, phase)
    assert len({later - earlier for earlier, later in pairwise(days)}) == 1
    assert days[1] - days[0] == DAY * min(int(stretch), 7)


@given(dailies, moments, phases)
def test_a_daily_turn_is_a_day_away_at_most(daily, at, phase):
    assert daily.turn(Standing(at), phase) - at <= DAY + HOUR + SLIP


def test_late_numbers_are_asked_for_in_order_and_then_on_the_next_day():
    at, seen = datetime(2026, 11, 21, 4, 12, tzinfo=UTC), []
    for _ in range(6):
        at = DIAGNOSIS.turn(Standing(at, repeated=True), 0.1)
        seen.append(f"{at.astimezone(ZoneInfo('Asia/Shanghai')):%d %H:%M}")
    assert seen == ["21 12:42", "21 13:32", "21 15:02", "21 18:02", "22 12:12", "22 12:42"]


def test_what_is_late_over_midnight_is_not_given_up_too_early():
    daily = Daily("UTC", time(23, 55))
    assert daily.turn(Standing(datetime(2026, 11, 21, 0, 5, tzinfo=UTC)), 0.9) == datetime(
        2026, 11, 21, 0, 13, tzinfo=UTC
    )


@pytest.mark.parametrize(("day", "utc_hour"), [(7, 20), (8, 19), (9, 19)])
def test_a_daily_turn_keeps_to_the_clocks_of_its_zone_when_they_change(day, utc_hour):
    daily = Daily("America/Los_Angeles", time(12))
    due = daily.turn(Standing(datetime(2026, 3, day, 8, tzinfo=UTC)), 0.0)
    assert due == datetime(2026, 3, day, utc_hour, tzinfo=UTC)


def test_a_daily_turn_in_the_hour_that_a_zone_leaves_out_still_comes():
    daily = Daily("America/Los_Angeles", time(2, 30))
    dues = [daily.turn(Standing(datetime(2026, 3, 7, 0, tzinfo=UTC)), 0.0)]
    for _ in range(4):
        dues.append(daily.turn(Standing(dues[-1]), 0.0))
    assert [due.astimezone(ZoneInfo("America/Los_Angeles")).day for due in dues] == [7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("cadence", "words"),
    [
        (Every(6 * HOUR), "every 6 h"),
        (NEAR, "every 2 h, near a threshold 1 h or 30 min"),
        (ByAge(), "by age, every 1 h to 2 d"),
        (NEWEST, "every 1 d; by age of the newest video 1 h below 6 h, 3 h below 1 d, 6 h below 3 d"),
        (FAKE, "at the ages 1 d, 3 d, 1 w, under an alert every 6 h"),
        (DIAGNOSIS, "daily at 12:10 Asia/Shanghai, again at 12:40, 13:30, 15:00, 18:00 if late"),
    ],
)
def test_a_cadence_is_said_in_words(cadence, words):
    assert str(cadence) == words
