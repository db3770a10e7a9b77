"""What is unusual in a counter: worked examples, and what no window may do to a detector."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.detector_baseline import RENEW_S, baseline
from rules.detector_peers import inflation, slump
from rules.detector_shapes import drip, suspect
from rules.detectors import Finding, cold_start, purge, spike, surprise
from rules.summaries import remembered
from rules.values import Window

NAN = math.nan
HOUR, DAY = 3_600.0, 86_400.0
FORTNIGHT = 14 * DAY
START = 20_454 * DAY

Detector = Callable[[Window, float, float], Finding | None]
ALONE = {"spike": spike, "surprise": surprise, "purge": purge, "cold_start": cold_start, "drip": drip}
IN_PAIRS = {
    "suspect": lambda window, span_s, at_s: suspect(window, window, span_s, at_s),
    "inflation": lambda window, span_s, at_s: inflation(window, window, span_s, at_s),
    "slump": lambda window, span_s, at_s: slump(window, window, span_s, at_s),
}
EVERY = ALONE | IN_PAIRS


def growing(*, days: float, every: float = HOUR, an_hour: float = 40, fans: float = 50_000, seed: int = 7) -> Window:
    """Steady growth with some noise."""
    chance, window = random.Random(seed), Window()
    for look in range(int(days * DAY / every) + 1):
        window.add(START + look * every, float(int(fans)))
        fans += an_hour * every / HOUR * chance.uniform(0.6, 1.4)
    return window


def more(window: Window, hours: float, gain: float) -> Window:
    """One more look."""
    window.add(window.times_s[-1] + hours * HOUR, window.values[-1] + gain)
    return window


def ask(detector: Detector, window: Window, span_s: float = FORTNIGHT) -> Finding:
    finding = detector(window, span_s, window.times_s[-1])
    assert finding is not None
    return finding


def test_steady_growth_has_the_band_it_stays_in_and_is_no_spike():
    found = ask(spike, growing(days=14))
    assert found.score < 4
    assert found.low < found.saw < found.high
    assert (found.span_s, found.low > 100, found.high < 250) == (4 * HOUR, True, True)


def test_two_thousand_bought_fans_are_a_spike_far_outside_of_the_band():
    found = ask(spike, more(growing(days=14), 1, 2_000))
    assert found.score > 10
    assert found.saw > 5 * found.high


@pytest.mark.parametrize(("fans", "enough"), [(5_000, 300), (50_000, 1_100), (500_000, 5_200), (5_000_000, 26_000)])
def test_the_larger_an_account_the_more_must_come_before_it_is_news(fans, enough):
    paces = {"an_hour": 1.0, "fans": fans}
    assert ask(spike, more(growing(days=14, **paces), 1, enough * 0.8)).score == 0
    assert ask(spike, more(growing(days=14, **paces), 1, enough)).score > 4


def test_what_happens_every_few_days_is_no_news_however_large():
    window = growing(days=3)
    for _ in range(4):
        more(window, 1, 3_000)
        for _ in range(72):
            more(window, 1, 40)
    assert ask(spike, more(window, 1, 2_900)).score == 0
    assert ask(spike, more(window, 1, 9_000)).score > 4


def test_growth_over_an_outage_is_spread_over_the_outage():
    assert ask(spike, more(growing(days=14), 60, 60 * 40)).score < 4


def test_growth_over_cached_answers_is_spread_over_them():
    window = growing(days=14)
    for _ in range(9):
        more(window, 1, 0)
    assert ask(spike, more(window, 1, 400)).score < 4


def test_a_number_that_is_renewed_at_noon_is_judged_by_the_day_and_wants_a_longer_span():
    window = Window()
    for hour in range(24 * 40):
        window.add(START + hour * HOUR, 50_000.0 + 960 * ((hour + 20) // 24) + (hour + 20) // 24 % 3)
    assert spike(window, FORTNIGHT, window.times_s[-1]) is None
    found = ask(spike, window, 40 * DAY)
    assert found.score < 4
    assert found.span_s == pytest.approx(DAY)


def test_the_step_of_a_rounded_counter_is_no_spike():
    exact = growing(days=14, an_hour=20)
    rounded = Window((at_s, value // 100 * 100) for at_s, value in zip(exact.times_s, exact.values, strict=True))
    for _ in range(3):
        more(rounded, 1, 0)
    assert ask(spike, more(rounded, 1, 100)).score < 4


def test_the_rhythm_of_the_hours_is_learned():
    window, fans = Window(), 50_000.0
    for hour in range(24 * 14):
        window.add(START + hour * HOUR, fans)
        fans += 400 if hour % 24 in (18, 19, 20) else 10
    usual = baseline(window, FORTNIGHT, window.times_s[-1])
    assert usual is not None
    assert usual.mean(START + 21 * HOUR) > 10 * usual.mean(START + 12 * HOUR)


def test_the_rhythm_of_the_week_wants_four_weeks():
    lengths = {}
    for days in (6, 14, 30):
        usual = baseline(growing(days=days), days * DAY, START + days * DAY)
        assert usual is not None
        lengths[days] = len(usual.means)
    assert lengths == {6: 1, 14: 24, 30: 168}


def test_a_saturday_that_is_always_busy_is_usual():
    window, fans = Window(), 500_000.0
    for hour in range(24 * 29):
        window.add(START + hour * HOUR, fans)
        fans += 400 if hour // 24 % 7 == 5 else 100
    usual = baseline(window, 28 * DAY, window.times_s[-1])
    assert usual is not None
    assert usual.mean(START + 5.5 * DAY) == pytest.approx(4 * usual.mean(START + 3.5 * DAY), rel=0.35)


@pytest.mark.parametrize(("days", "every", "known"), [(6.9, HOUR, False), (7, HOUR, True), (14, 12 * HOUR, False)])
def test_half_of_the_span_and_thirty_steps_are_needed(days, every, known):
    window = growing(days=days, every=every)
    assert (spike(window, FORTNIGHT, window.times_s[-1]) is not None) == known


def test_a_few_where_hardly_any_are_usual_are_a_surprise():
    window = growing(days=14, an_hour=0.05, fans=400)
    assert ask(surprise, more(window, 1, 0)).score < 1
    assert ask(surprise, more(window, 1, 1)).score < 2
    assert ask(surprise, more(window, 1, 12)).score > 6


def test_a_fall_that_growth_does_not_explain_is_a_purge():
    found = ask(purge, more(growing(days=14), 1, -1_000))
    assert found.score > 4
    assert found.saw < 0 < found.low
    assert ask(purge, more(growing(days=14), 1, -200)).score == 0


@pytest.mark.parametrize("hours", [1, 6, 30, 72])
def test_a_purge_in_an_outage_is_a_purge_of_which_nothing_is_lost(hours):
    window = growing(days=14)
    before = window.values[-1]
    found = ask(purge, more(window, hours, -1_000))
    assert found.score > 4
    assert found.saw == (-1_000 if hours >= 4 else pytest.approx(window.values[-1] - window.values[-5]))
    assert found.span_s == max(4, hours) * HOUR
    assert found.low > 0.5 * 40 * max(4, hours)
    assert ask(purge, more(growing(days=14), hours, -0.004 * before)).score == 0


def test_the_longer_an_outage_the_more_must_be_lost_to_be_as_unusual():
    scores = [ask(purge, more(growing(days=14), hours, -1_000)).score for hours in (4, 16, 64)]
    assert scores[0] == pytest.approx(2 * scores[1], rel=0.3)
    assert scores[1] == pytest.approx(2 * scores[2], rel=0.3)


def test_a_number_that_was_not_believed_hides_no_purge():
    window = more(growing(days=14), 3, NAN)
    window.add(window.times_s[-1] + 3 * HOUR, window.values[-2] - 1_000)
    assert ask(purge, window).saw == -1_000


def test_a_fall_by_nine_tenths_is_not_believed_at_the_first_look():
    window = more(growing(days=14), 1, -60_000)
    assert purge(window, FORTNIGHT, window.times_s[-1]) is None
    assert ask(purge, more(window, 1, 3)).score > 4


def test_a_low_read_that_was_taken_back_is_no_growth():
    window = growing(days=14)
    fans = window.values[-1]
    for value in (fans - 20_000, fans + 40, fans + 80, fans + 120, fans + 160, fans + 200):
        window.add(window.times_s[-1] + HOUR, value)
        finding = spike(window, FORTNIGHT, window.times_s[-1])
        assert finding is not None
        assert finding.score < 4


def test_an_account_of_which_nothing_is_known_may_grow_by_a_tenth_in_a_day():
    assert ask(cold_start, growing(days=2), DAY).score == pytest.approx(0.19, abs=0.02)
    found = ask(cold_start, more(growing(days=2), 1, 6_000), DAY)
    assert found.score > 1
    assert found.saw > found.high


def test_what_others_like_it_grow_by_is_allowed_for():
    window = more(growing(days=2), 1, 6_000)
    found = cold_start(window, DAY, window.times_s[-1], 0.08)
    assert found is not None
    assert found.score < 1


def test_the_cold_start_ends_where_spike_begins_to_know():
    for days in (5, 6.5, 7, 9):
        window = more(growing(days=days), 1, 20_000)
        known = spike(window, FORTNIGHT, window.times_s[-1]) is not None
        assert (ask(cold_start, window, DAY).score == 0) == known


def test_what_was_worked_out_is_kept_until_its_time_is_over():
    window, made = Window(), []
    for until_s in (10.0, 10.0, 20.0, 20.0):
        remembered(window, "key", until_s, lambda until_s=until_s: made.append(until_s))
    assert made == [10.0, 20.0]


seen = st.lists(st.one_of(st.just(NAN), st.just(0.0), st.floats(-1e9, 1e12), st.integers(0, 2000)), max_size=80)
gaps = st.lists(st.floats(1, 3 * DAY), min_size=80, max_size=80)


def irregular(numbers: list[float], pauses_s: list[float]) -> Window:
    window, at_s = Window(), START
    for number, pause_s in zip(numbers, pauses_s, strict=False):
        window.add(at_s, float(number))
        at_s += pause_s
    return window


@settings(max_examples=200)
@given(st.sampled_from(sorted(EVERY)), seen, gaps, st.floats(0.01, 40), st.floats(-10, 300))
def test_no_window_makes_a_detector_raise_or_answer_with_nan(name, numbers, pauses_s, span_days, at_day):
    finding = EVERY[name](irregular(numbers, pauses_s), span_days * DAY, START + at_day * DAY)
    if finding is not None:
        assert all(map(math.isfinite, (finding.score, finding.low, finding.high, finding.saw, finding.span_s)))
        assert finding.low <= finding.high


@pytest.mark.parametrize("name", sorted(EVERY))
def test_what_was_not_seen_is_unknown(name):
    window = growing(days=29, every=3 * HOUR)
    at_s = window.times_s[-1]
    assert EVERY[name](window, 28 * DAY, at_s) is not None
    window.blind = True
    assert EVERY[name](window, 28 * DAY, at_s) is None
    window.blind, window.fresh_for_s = False, HOUR
    assert EVERY[name](window, 28 * DAY, at_s + 2 * HOUR) is None
    window.add(at_s + HOUR, NAN)
    assert EVERY[name](window, 28 * DAY, at_s + HOUR) is None


steps = st.builds(
    lambda seed, most, many: [int(most * random.Random(f"{seed}/{look}").random() ** 2) for look in range(many)],
    st.integers(0, 10_000),
    st.sampled_from([1, 4, 30, 200]),
    st.integers(116, 140),
)


def of_steps(gains: list[int], first: int = 5_000) -> Window:
    window, total = Window(), first
    for look, gain in enumerate(gains):
        total += gain
        window.add(START + look * 3 * HOUR, float(total))
    return window


@settings(max_examples=50)
@given(
    st.sampled_from(["spike", "surprise", "drip", "cold_start"]), steps, st.integers(0, 5_000), st.integers(0, 5_000)
)
def test_the_more_came_last_the_higher_the_score(name, gains, one, other):
    low, high = sorted((one, other))
    scores = [ask(EVERY[name], of_steps([*gains, gain])).score for gain in (low, high)]
    assert scores[0] <= scores[1] + 1e-9


@settings(max_examples=30)
@given(steps, st.integers(300, 2_000), st.integers(300, 2_000))
def test_the_more_was_lost_the_higher_the_score_of_a_purge(gains, one, other):
    low, high = sorted((one, other))
    scores = [ask(purge, of_steps([*gains, -lost], 50_000)).score for lost in (low, high)]
    assert scores[0] <= scores[1]


@settings(max_examples=50)
@given(st.sampled_from(sorted(ALONE)), steps, st.integers(1, 400))
def test_when_it_happened_does_not_matter_to_a_detector_in_whole_weeks(name, gains, weeks):
    window = of_steps(gains)
    moved = Window((at_s + weeks * 7 * DAY, value) for at_s, value in zip(window.times_s, window.values, strict=True))
    one, other = ask(EVERY[name], window), ask(EVERY[name], moved)
    assert (one.score, one.low, one.high) == pytest.approx((other.score, other.low, other.high), abs=1e-6)


@settings(max_examples=30)
@given(steps)
def test_four_times_as_much_of_everything_is_as_unusual_and_up_to_twice_where_chance_is_all_there_is(gains):
    steady = [100 + gain for gain in gains]
    few, many = of_steps([*steady, 9_000]), of_steps([4 * gain for gain in [*steady, 9_000]], 20_000)
    assert 0.95 < ask(spike, many).score / ask(spike, few).score < 2.05


def asked_twice(name: str, window: Window, span_s: float) -> Iterator[tuple[Finding | None, Finding | None]]:
    """What a detector says at each look: of a window as the daemon keeps it, and of one just read from rows."""
    kept = Window()
    for at_s, value in zip(window.times_s, window.values, strict=True):
        kept.add(at_s, value)
        kept.forget(at_s - span_s)
        fresh = Window(zip(kept.times_s, kept.values, strict=True))
        yield EVERY[name](kept, span_s, at_s), EVERY[name](fresh, span_s, at_s)


@pytest.mark.parametrize("name", ["spike", "surprise", "purge", "drip", "suspect"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_kept_with_a_window_changes_no_answer(name, seed):
    chance = random.Random(seed)
    gains = [chance.choice((1, 3, 9, 30, 300)) for _ in range(160)]
    answers = list(asked_twice(name, of_steps(gains), FORTNIGHT))
    assert all(kept == fresh for kept, fresh in answers)
    assert any(kept is not None for kept, _ in answers)


def test_a_baseline_serves_for_half_a_day():
    window, baselines = growing(days=14), set()
    for _ in range(48):
        more(window, 0.5, 20)
        baselines.add(id(baseline(window, FORTNIGHT, window.times_s[-1])))
        window.forget(window.times_s[-1] - FORTNIGHT)
    assert len(baselines) <= 24 * HOUR / RENEW_S + 1
