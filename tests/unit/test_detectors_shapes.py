"""Growth over days: drips, and jumps that views do not explain."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rules.detector_shapes import LOST, ROUND_NUMBER, SAWTOOTH, WITHOUT_VIEWS, drip, suspect
from rules.detectors import Finding
from rules.values import Window

HOUR, DAY = 3_600.0, 86_400.0
START = 20_454 * DAY
FORTNIGHT, MONTH = 14 * DAY, 28 * DAY

Bought = Callable[[float], float]
"""How many fans (or views) more there are than came by themselves, by the day."""


def account(bought: Bought, watched: Bought = lambda day: 0, *, days: float = 28) -> tuple[Window, Window]:
    """Fans and views, polled every three hours: 20,000 fans that become 100 a day more, 60 views a fan."""
    chance, fans, views = random.Random(3), Window(), Window()
    fan_count, view_count = 20_000.0, 4e6
    for look in range(int(days * 8) + 1):
        day, at_s = look / 8, START + look * 3 * HOUR
        fans.add(at_s, float(int(fan_count + bought(day))))
        views.add(at_s, float(int(view_count + watched(day))))
        pace = chance.uniform(0.5, 1.5)
        fan_count, view_count = fan_count + 12.5 * pace, view_count + 750 * pace
    return fans, views


def step(size: float, first: float, last: float) -> Bought:
    """``size`` more, evenly from one day to another."""
    return lambda day: size * min(1.0, max(0.0, (day - first) / (last - first)))


def dripped(*windows: Window) -> Finding:
    found = drip(windows[0], MONTH, windows[0].times_s[-1])
    assert found is not None
    return found


def suspected(windows: tuple[Window, Window]) -> Finding:
    found = suspect(*windows, FORTNIGHT, windows[0].times_s[-1])
    assert found is not None
    return found


def test_growth_as_usual_is_no_drip():
    found = dripped(*account(step(0, 0, 1)))
    assert found.score < 2
    assert found.low < found.saw < found.high or found.saw == 0


def test_five_days_of_bought_fans_are_a_drip_whose_band_speaks_of_these_days():
    found = dripped(*account(step(2_000, 23, 28)))
    assert found.score >= 8
    assert found.span_s == pytest.approx(5 * DAY, abs=DAY)
    assert found.high < 1_500 < found.saw < 3_000


def test_a_single_day_is_no_drip_however_large():
    assert dripped(*account(step(50_000, 27, 28))).score < 4


def test_a_drip_that_does_not_matter_for_the_size_is_none():
    assert dripped(*account(step(150, 23, 28))).score == 0


def test_what_dripped_a_fortnight_ago_is_over():
    assert dripped(*account(step(2_000, 8, 13))).score < 8


def test_a_jump_without_views_is_suspect_and_says_why():
    found = suspected(account(step(2_000, 27.5, 28)))
    assert found.score >= 2
    assert WITHOUT_VIEWS in found.grounds
    assert found.high < 500 < found.saw


def test_a_jump_that_views_explain_is_not():
    windows = account(step(1_870, 27.5, 28), step(112_000, 27.5, 28))
    assert suspected(windows).score < 2
    assert WITHOUT_VIEWS not in suspected(windows).grounds


def test_without_a_jump_there_is_nothing_to_suspect():
    assert suspected(account(step(0, 0, 1))).score == 0
    assert suspected(account(step(150, 27, 28))).score == 0


@pytest.mark.parametrize(
    ("size", "is_round"), [(2_000, True), (5_000, True), (10_000, True), (3_300, False), (7_400, False)]
)
def test_a_round_number_is_a_ground(size, is_round):
    found = suspected(account(step(size, 27.5, 27.9)))
    assert (ROUND_NUMBER in found.grounds) == is_round


def test_what_is_lost_again_is_a_ground():
    lost = suspected(account(lambda day: step(4_000, 20, 20.5)(day) - step(1_500, 21.5, 27)(day)))
    kept = suspected(account(step(4_000, 20, 20.5)))
    assert LOST in lost.grounds
    assert LOST not in kept.grounds


def test_up_and_down_and_up_and_down_is_a_sawtooth():
    def teeth(day: float) -> float:
        return sum(step(3_000, at, at + 0.3)(day) - step(2_800, at + 1, at + 1.3)(day) for at in (18, 21, 24))

    assert SAWTOOTH in suspected(account(teeth)).grounds
    assert SAWTOOTH not in suspected(account(step(3_000, 20, 20.5))).grounds


def test_the_jump_of_a_rounded_counter_is_no_round_number():
    fans, views = account(step(2_000, 27.5, 28))
    rounded = Window((at_s, value // 100 * 100) for at_s, value in zip(fans.times_s, fans.values, strict=True))
    assert ROUND_NUMBER in suspected((fans, views)).grounds
    assert ROUND_NUMBER not in suspected((rounded, views)).grounds


def test_five_days_of_both_are_needed():
    assert suspect(*account(step(0, 0, 1), days=5), FORTNIGHT, START + 5 * DAY) is None
    fans, views = account(step(0, 0, 1), days=8)
    assert suspect(fans, views, FORTNIGHT, START + 8 * DAY) is not None
    assert suspect(fans, Window(), FORTNIGHT, START + 8 * DAY) is None
