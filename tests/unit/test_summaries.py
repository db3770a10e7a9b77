"""What is kept of a window: every answer is that of the looks alone, and a long past is not read at each of them."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import functions
from rules.summaries import CUTS, WORTH_KEEPING, Extremes, Moments, Rises, summary
from rules.values import Window
from rules.windows import later

NAN = math.nan
HOUR, DAY = 3_600.0, 86_400.0
START = 20_454 * DAY
SPAN = 4 * DAY
THIRD = {"quantile": (0.9,)}


def stream(seed: int, looks: int) -> list[tuple[float, float]]:
    """Looks half an hour apart or so, with pauses, unknown numbers, falls, and numbers that stay the same."""
    chance, time_s, value, points = random.Random(seed), START + random.Random(seed).uniform(0, DAY), 1e6, []
    for _ in range(looks):
        time_s += chance.choice([1_800.0] * 20 + [60.0, 300.0, 6 * HOUR, chance.uniform(1, 7_200)])
        value += chance.choice([0.0, 0.25, chance.randint(-40, 90), chance.gauss(0, 1_000)])
        points.append((time_s, NAN if chance.random() < 0.02 else value))
    return points


def answers(window: Window, at_s: float) -> dict[str, float | bool | None]:
    return {name: of.of(window, SPAN, at_s, *THIRD.get(name, ())) for name, of in functions.OF_WINDOW.items()}


def seen(points: list[tuple[float, float]], at_s: float) -> list[float]:
    return [value for time_s, value in points if at_s - SPAN < time_s <= at_s and not math.isnan(value)]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([3 * HOUR, 12 * HOUR, 40 * HOUR]), st.integers(1, 40))
def test_an_answer_does_not_depend_on_what_was_asked_before(seed, fresh_for_s, every):
    points = stream(seed, 330)
    asked = Window(fresh_for_s=fresh_for_s)
    for place, (time_s, value) in enumerate(points):
        asked.add(time_s, value)
        asked.forget(time_s - SPAN)
        if place % every == 0:
            at_s = time_s + (place % 3) * 400
            asked.memo, memo = None, asked.memo
            alone = answers(asked, at_s)
            asked.memo = memo
            assert answers(asked, at_s) == alone, place


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_a_long_window_says_what_a_plain_calculation_says(seed):
    points = stream(seed, 300)
    window, at_s = Window(points), points[-1][0]
    values, told = seen(points, at_s), answers(window, at_s)
    if math.isnan(points[-1][1]):
        return
    assert told["count"] == len(values) > WORTH_KEEPING
    for name, naive in {
        "avg": fmean(values),
        "stddev": pstdev(values),
        "median": median(values),
        "mad": median([abs(value - median(values)) for value in values]),
    }.items():
        assert told[name] == pytest.approx(naive, rel=1e-9), name
    start = [value for time_s, value in points if time_s <= at_s - SPAN][-1]
    along = values if math.isnan(start) else [start, *values]
    assert (told["min"], told["max"], told["changed"]) == (min(along), max(along), True)


def test_an_increase_is_the_sum_of_all_steps_up_also_those_across_a_cut():
    values = [float(hour % 7) for hour in range(400)]
    window = Window((START + hour * HOUR, value) for hour, value in enumerate(values))
    steps = [later - earlier for earlier, later in pairwise(values[-97:])]
    assert functions.OF_WINDOW["increase"].of(window, SPAN, window.times_s[-1]) == sum(s for s in steps if s > 0)


def test_what_only_falls_has_no_increase_also_across_a_cut():
    window = Window((START + hour * HOUR, -float(hour)) for hour in range(400))
    assert functions.OF_WINDOW["increase"].of(window, SPAN, window.times_s[-1]) == 0.0


def test_a_pause_across_a_cut_is_a_pause():
    hours = [hour for hour in range(400) if not 340 < hour < 346]
    window = Window(((START + hour * HOUR, 5.0) for hour in hours), fresh_for_s=5 * HOUR)
    highest = functions.OF_WINDOW["max"].of
    assert highest(window, SPAN, window.times_s[-1]) is None
    window.fresh_for_s = 6 * HOUR
    assert highest(window, SPAN, window.times_s[-1]) == 5.0


@given(st.floats(-1e9, 1e9), st.integers(80, 300))
def test_the_mean_of_a_long_window_of_equal_numbers_is_that_number(value, looks):
    window = Window((START + look * HOUR, value) for look in range(looks))
    found = summary(Moments, window, 0, looks, looks * HOUR)
    assert (found.looks, found.mean, found.deviation) == (looks, value, 0.0)


@pytest.mark.parametrize("kind", [Moments, Extremes, Rises])
def test_of_looks_that_saw_nothing_there_is_no_summary(kind):
    window = Window((START + look * HOUR, NAN) for look in range(200))
    assert summary(kind, window, 0, 200, 200 * HOUR) is None
    assert summary(kind, window, 7, 7, HOUR) is None


@pytest.mark.parametrize("kind", [Moments, Extremes, Rises])
@pytest.mark.parametrize("unseen", [range(20), range(280, 300), range(15, 285), range(290), range(10, 300)])
def test_where_nothing_was_seen_for_long_the_rest_is_summed_up(kind, unseen):
    looks = [(START + look * HOUR, NAN if look in unseen else float(look % 7)) for look in range(300)]
    seen = [each for each in looks if not math.isnan(each[1])]
    plain = kind.of([value for _, value in seen], lambda: [time_s for time_s, _ in seen])
    assert summary(kind, Window(looks), 0, 300, 300 * HOUR) == pytest.approx(plain)


class Read(NamedTuple):
    """A summary that counts the looks that were read for it."""

    looks: int
    read = 0

    @classmethod
    def of(cls, values, _times_s):
        Read.read += len(values)
        return cls(len(values))

    def then(self, later):
        return Read(self.looks + later.looks)


def test_a_look_at_a_long_window_reads_little_of_it():
    window, span_s, looks = Window(), 14 * DAY, 0
    for place in range(3 * 1_344):
        window.add(START + place * 900, float(place))
        window.forget(window.times_s[-1] - span_s)
        if place >= 2 * 1_344:
            looks += summary(Read, window, 1, len(window.times_s), span_s).looks
        else:
            Read.read = 0
    assert looks == 1_344 * 1_344
    assert Read.read < 1_344 * 1_344 / 10


@given(st.integers(0, 200), st.integers(1, 3), st.integers(-1, 600))
def test_later_looks_begin_where_no_earlier_one_is_left(looks, every_s, at_s):
    window = Window((float(look * every_s), 0.0) for look in range(looks))
    assert later(window, at_s) == sum(time_s <= at_s for time_s in window.times_s)


def test_of_a_short_window_nothing_is_kept():
    window = Window((START + look * DAY, float(look)) for look in range(CUTS + 2))
    answers(window, window.times_s[-1])
    assert window.memo is None
