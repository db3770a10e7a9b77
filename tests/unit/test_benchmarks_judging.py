from __future__ import annotations

import math

import pytest

from tests.benchmarks import judging
from tests.benchmarks.judging import HISTORY, PHASES, SPIKE, STEP_S, Numbers, Watched


@pytest.fixture(scope="module")
def numbers():
    return Numbers(1_790_000_000)


@pytest.fixture
def judged(numbers, monkeypatch):
    """A bench of a few targets, and what was told to judge: the number of rules of each."""
    bench, heard = Watched(numbers, 2 * PHASES + 1, SPIKE), {}
    hear = bench._docket.hear

    def noted(due, at):
        heard.update({(target, at): len(rules) for target, rules in due.items()})
        return hear(due, at)

    monkeypatch.setattr(bench._docket, "hear", noted)
    return bench, heard


def test_every_target_is_judged_by_six_rules_once_a_round(judged):
    bench, heard = judged
    assert bench.judged_s() > 0
    assert len(heard) == 2 * PHASES + 1
    assert set(heard.values()) == {6}


def test_in_every_round_as_many_targets_begin_a_half_day_as_in_a_daemon(judged):
    bench, heard = judged
    for _ in range(3):
        heard.clear()
        bench.judged_s()
        assert sum(at.timestamp() % judging.HALF_DAY_S == 0 for _, at in heard) in (2, 3)


def test_each_target_has_a_history_of_two_weeks_and_no_alert(judged):
    bench, _ = judged
    bench.judged_s()
    for i, name in enumerate(bench._names):
        [window] = bench._recent.view(name)[judging.FANS].values()
        assert window.times_s[-1] - window.times_s[0] >= judging.DAY_S * 14
        assert len(window.times_s) in (HISTORY - 1, HISTORY), i
    assert not bench._docket.alerting()


def test_a_group_is_no_larger_than_what_lanes_bring_at_once(numbers, monkeypatch):
    monkeypatch.setattr(judging, "GROUP", 2)
    bench = Watched(numbers, 3 * PHASES, judging.STDDEV)
    assert [len(bench._groups(phase)) for phase in range(PHASES)] == [2] * PHASES


def test_where_prometheus_is_missing_the_table_says_so_and_ours_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    first, *others = judging.figures(tmp_path, 2, 4, 8)
    assert first.what == "judging 4 targets x 6 rules over 14 d: no prometheus and no promtool to compare with"
    assert first.met is None
    assert math.isnan(first.value)
    assert [figure.value > 0 for figure in others if figure.unit] == [True] * 4
    assert [figure.aim for figure in others if figure.aim] == [judging.SLOPE_AIM]


def test_what_prometheus_is_given_reaches_beyond_now_by_less_than_it_may(numbers):
    fans, *others = judging._exported(numbers).values()
    assert {len(series) for series in fans} == {HISTORY}
    assert {len(series) for each in others for series in each} == {26 * 3_600 // STEP_S}
    assert 0 < fans[0][-1][0] - judging._now_s() <= 3_600
