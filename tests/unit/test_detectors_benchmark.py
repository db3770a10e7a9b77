"""The benchmark of the detectors counts as it says, and its worlds are what they are named for."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from tests.benchmarks import detectors, detectors_bought, detectors_nab, detectors_speed
from tests.benchmarks.detectors_creators import DAYS, KINDS, STARTED_S, creator, ordinary
from tests.benchmarks.detectors_polls import DAY_S, HOUR_S, Provider, Tally, tally


def hours(*each: float) -> list[float]:
    return [hour * HOUR_S for hour in each]


@pytest.mark.parametrize(
    ("alerts_h", "found", "false"),
    [
        ([], 0, 0),
        ([15], 1, 0),
        ([15, 16, 17], 1, 0),
        ([5], 0, 1),
        ([5, 15], 0, 1),  # it began before, so it is one alert, and a false one
        ([5, 40, 55, 70], 1, 1),
        ([-3, 150], 0, 0),  # not looked at
    ],
)
def test_alerts_less_than_a_day_apart_are_one_and_count_when_they_begin(alerts_h, found, false):
    told = tally(hours(*alerts_h), [(10 * HOUR_S, 20 * HOUR_S), (35 * HOUR_S, 45 * HOUR_S)], (0.0, 100 * HOUR_S))
    assert (told.found, told.events, told.false) == (found, 2, false)


def test_a_delay_counts_from_where_an_event_is_labelled():
    events, looked = [(10 * HOUR_S, 20 * HOUR_S)], (0.0, 100 * HOUR_S)
    assert tally(hours(12), events, looked).delay_h == 2
    assert tally(hours(12), events, looked, label=0.5).delay_h == -3
    assert math.isnan(tally([], events, looked).delay_h)


def test_the_scores_of_several_series_are_those_of_all_their_events():
    both = Tally(3, 4, 1, 10.0) + Tally(1, 4, 3, 10.0)
    assert (both.recall, both.precision, both.f1) == (0.5, 0.5, 0.5)
    assert Tally().f1 == 0


def test_a_provider_repeats_rounds_and_fails():
    times_s, totals = hours(*range(24 * 60)), [float(100 + hour) for hour in range(24 * 60)]
    seen = list(Provider(repeated=0.3, outage_days=3, quantum=10).polls(times_s, totals, HOUR_S, "seed"))
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(seen)]
    assert all(number % 10 == 0 for _, number in seen)
    assert max(pauses) > 3 * HOUR_S
    assert seen == list(Provider(repeated=0.3, outage_days=3, quantum=10).polls(times_s, totals, HOUR_S, "seed"))
    assert seen != list(Provider(repeated=0.3, outage_days=3, quantum=10).polls(times_s, totals, HOUR_S, "other"))


def test_the_threshold_of_a_file_is_chosen_on_the_others():
    good, bad = Tally(2, 2, 0, 1.0), Tally(0, 2, 5, 1.0)
    found = {"a": {3.0: bad, 4.0: good}, "b": {3.0: good, 4.0: bad}, "c": {3.0: good, 4.0: bad}}
    assert detectors_nab.left_out(found)["a"] == (3.0, bad)


def test_the_files_are_read_with_their_windows_and_scored_after_fifteen_hundredths(tmp_path):
    rows = "\n".join(f"2015-03-0{day} 00:00:00,{day}" for day in range(1, 8))
    (tmp_path / "Twitter_volume_X.csv").write_text(f"timestamp,value\n{rows}\n")
    windows = '{"Twitter_volume_X.csv": [["2015-03-03 00:00:00.000000", "2015-03-04 00:00:00.000000"]]}'
    (tmp_path / "windows.json").write_text(windows)
    [series] = detectors_nab.read(tmp_path)
    assert series.name == "X"
    assert list(series.totals) == [1, 3, 6, 10, 15, 21, 28]
    assert (series.looked[0] - series.times_s[0]) / DAY_S == pytest.approx(0.9)
    assert series.events == [(series.times_s[2], series.times_s[3])]


@pytest.mark.parametrize("kind", KINDS)
def test_a_creator_is_the_same_for_the_same_number_and_its_events_are_within_its_time(kind):
    one, again, other = creator(kind, 1), creator(kind, 1), creator(kind, 2)
    assert one.counters() == again.counters() != other.counters()
    assert all(STARTED_S < first < last <= STARTED_S + DAYS * DAY_S for first, last in one.events)


@pytest.mark.parametrize("kind", ["bought step", "drip", "step and decay", "sawtooth", "purge"])
def test_an_event_changes_the_fans_within_its_time_and_no_views(kind):
    usual, odd = ordinary(f"{kind}/1"), creator(kind, 1)
    [(first_s, last_s)] = odd.events
    changed_s = [
        STARTED_S + hour * HOUR_S
        for hour, pair in enumerate(zip(usual.fans, odd.fans, strict=True))
        if pair[0] != pair[1]
    ]
    assert first_s <= changed_s[0] < changed_s[-1] <= last_s
    assert usual.views == odd.views


def test_where_alerts_are_wrong_in_an_event_finding_it_is_false():
    assert detectors_bought.heard(Tally(2, 3, 1, 9.0), wrong=True) == Tally(0, 0, 3, 9.0)
    assert detectors_bought.heard(Tally(2, 3, 1, 9.0), wrong=False) == Tally(2, 3, 1, 9.0)


def test_bought_fans_are_found_and_quiet_creators_are_left_alone():
    found = detectors_bought.judged(1, 3 * HOUR_S, kinds=["bought step", "nothing"])
    words = "spike(fans, 14d) >= 4 and suspect(fans, views, 14d) >= 2"
    assert (found[words]["bought step"].found, found[words]["bought step"].events) == (1, 1)
    assert found[words]["nothing"] == Tally(days=45.0)


def test_inflated_videos_are_found():
    found = detectors_bought.judged_videos(1)
    assert {kind: (each.found, each.events, each.false) for kind, each in found.items()} == {
        "bought views": (1, 1, 0),
        "new audience": (0, 0, 0),
        "nothing": (0, 0, 0),
    }


def test_the_cost_of_every_detector_is_measured():
    figures = detectors_speed.figures(targets=1, days=0.1)
    assert {figure.what.strip() for figure in figures} > set(detectors_speed.CALLS)
    assert all(figure.value > 0 for figure in figures[1:])


def test_without_the_data_that_is_said(tmp_path, capsys):
    detectors.on_nab(tmp_path)
    assert "(a) is left out" in capsys.readouterr().out
