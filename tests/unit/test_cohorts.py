"""Videos among others of the same age: what is written down, and what rules make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.backtest import GATHERED, not_replayed, warm_up
from daemon.cohorts import Cohorts, compared, tell_births
from daemon.providers import METRICS
from daemon.recent import Recent
from daemon.replay import Replay
from rules.building import build_book
from rules.cohorts import KEPT, PASSING_S, PUBLISHED_AT, among_peers, at, own, peers
from rules.detector_peers import MILESTONES_S, at_age
from rules.expression import compile_condition
from rules.models import RuleModel
from rules.values import Subject, Target, Window
from storage.cohorts import Passage
from tests.told import read

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOUR_S, DAY_S = 3600.0, 86_400.0
BORN_S = START.timestamp()
MEI, LIST = "tiktok/account/mei", "video_detail_analytics"
BELOW = {"name": "below", "on": "video", "when": "cohort(views) <= -2", "on_first_sight": "tell"}


def book(*rules, define=None):
    found = build_book([RuleModel.model_validate(rule) for rule in rules], METRICS, ["console"])
    assert not isinstance(found, list), found
    return found


def target(number, account=MEI):
    return Target(f"tiktok/video/{number:03}", Subject.VIDEO, f"Clip {number}", "tiktok", account=account)


# --- what a rule makes of it -----------------------------------------------------------------------------------------


def view(value, others, age_s=DAY_S, looked_s=30 * HOUR_S):
    return {
        PUBLISHED_AT: {(): Window([(BORN_S, BORN_S)])},
        "views": {(): Window([(BORN_S + looked_s, 40.0)], fresh_for_s=DAY_S)},
        own("views"): {(): Window([(age_s, value)])},
        peers("views"): {at(age_s): Window(enumerate(others))},
    }


def found(view, at_s=BORN_S + 30 * HOUR_S):
    return among_peers("views", view["views"][()], view, at_s)


FIVE = [800.0, 900.0, 1000.0, 1100.0, 1200.0]


def test_a_video_is_compared_with_the_others_and_not_with_itself():
    alone, among = found(view(35.0, FIVE)), found(view(35.0, [35.0, *FIVE]))
    assert alone == among
    assert alone.score < -2
    assert alone.low < 1000 < alone.high
    assert (alone.saw, alone.span_s, alone.when) == (35.0, DAY_S, "at the age of 1 d")


def test_one_that_does_as_well_as_another_is_still_compared_with_that_one():
    twin, strange = found(view(800.0, [800.0, *FIVE])), found(view(35.0, FIVE))
    assert (twin.low, twin.high) == (strange.low, strange.high)


@given(st.lists(st.floats(0, 1e9), min_size=5, max_size=KEPT), st.randoms())
def test_the_order_of_the_others_does_not_matter(others, random):
    shuffled = random.sample(others, len(others))
    assert found(view(1000.0, shuffled)) == found(view(1000.0, others))


def test_fewer_than_five_others_say_nothing():
    assert found(view(35.0, [35.0, *FIVE[:4]])) is None
    assert found(view(35.0, [])) is None


def test_it_is_unknown_while_the_age_is():
    unborn = view(35.0, FIVE)
    del unborn[PUBLISHED_AT]
    assert found(unborn) is None


def test_it_is_unknown_before_the_first_age_of_comparison():
    assert found(view(35.0, FIVE, HOUR_S, 0.9 * HOUR_S), BORN_S + HOUR_S) is None
    assert found(view(35.0, FIVE, HOUR_S, 1.1 * HOUR_S), BORN_S + 2 * HOUR_S) is not None


def test_it_is_unknown_where_nothing_was_written_down_at_the_newest_age():
    assert found(view(35.0, FIVE, 12 * HOUR_S)) is None


def test_it_is_unknown_where_only_the_others_were_written_down_at_the_newest_age():
    unwritten = view(35.0, FIVE)
    unwritten[own("views")] = {(): Window([(12 * HOUR_S, 20.0)])}
    assert found(unwritten) is None


@pytest.mark.parametrize("blind", [True, False])
def test_it_is_unknown_while_the_number_itself_is(blind):
    unseen = view(35.0, FIVE)
    unseen["views"][()].blind = blind
    late_s = 0.0 if blind else 2 * DAY_S
    assert found(unseen, BORN_S + 30 * HOUR_S + late_s) is None


@pytest.mark.parametrize(
    "text", ["cohort(follower_count) < -2", "cohort(fake_component) < -2", "cohort(views + 1) < -2", "cohort(7d) < 1"]
)
def test_only_a_number_of_videos_without_labels_can_be_compared(text):
    [problem] = compile_condition(text, METRICS)
    assert "cohort" in problem.text


def test_a_rule_that_compares_reads_no_more_of_the_past_than_it_takes_to_pass_an_age():
    assert book(BELOW).needs() == {"views": PASSING_S, PUBLISHED_AT: 0.0}


@pytest.mark.parametrize(
    "rule",
    [
        BELOW,
        {**BELOW, "when": "views > 1", "clear": "cohort(views) > -1"},
        {**BELOW, "when": None, "levels": {"high": {"when": "views > 1", "clear": "abs(cohort(views)) < 1"}}},
    ],
)
def test_what_is_compared_is_found_wherever_a_rule_says_it(rule):
    assert compared(book({key: value for key, value in rule.items() if value is not None})) == {"views"}


def test_what_a_definition_compares_is_found(tmp_path):
    from daemon.config import load  # noqa: PLC0415 - only this test reads a file
    from daemon.providers import ENDPOINTS  # noqa: PLC0415

    path = tmp_path / "rules.yaml"
    path.write_text(
        'accounts: []\nchannels: {console: {url: "console://"}}\ndefine: {standing: cohort(views)}\n'
        "rules: [{name: below, on: video, when: standing <= -2}]\n"
    )
    assert compared(load(path, {}, METRICS, ENDPOINTS).book) == {"views"}


def test_a_rule_on_the_age_alone_compares_nothing():
    assert compared(book({**BELOW, "when": "until(published_at) > -2d"})) == frozenset()


# --- what is written down --------------------------------------------------------------------------------------------


class Channel:
    """An account's videos, as they are polled."""

    def __init__(self, metrics=("views",)):
        self.recent = Recent({"views": PASSING_S})
        self.cohorts = Cohorts(self.recent, metrics)
        self.targets, self.lines = {}, {}

    def publish(self, number, born=START, account=MEI):
        key = self.add(number, born, account)
        self.cohorts.follow(self.targets)
        return key

    def add(self, number, born=START, account=MEI):
        each = target(number, account)
        self.targets[each.key], self.lines[each.key] = each, number
        self.recent.watch(number, each.key, LIST, HOUR_S)
        self.recent.state(each.key, PUBLISHED_AT, (), born.timestamp(), born.timestamp())
        return each.key

    def see(self, key, at, views):
        self.recent.see(self.lines[key], at.timestamp(), [("views", ())], [views])
        return self.cohorts.look(key)

    def others(self, key, age_s):
        window = self.recent.view(key)[peers("views")].get(at(age_s))
        return [] if window is None else list(window.values)


def test_what_a_video_had_is_written_down_once_it_has_passed_an_age():
    channel = Channel()
    key = channel.publish(1)
    assert channel.see(key, START + 0.5 * HOUR, 100.0) == []
    assert channel.see(key, START + 1.5 * HOUR, 300.0) == [Passage(MEI, "views", HOUR_S, key, START, 200.0)]
    assert channel.see(key, START + 1.7 * HOUR, 900.0) == []
    assert [each.age_s for each in channel.see(key, START + 3.5 * HOUR, 900.0)] == [2 * HOUR_S, 3 * HOUR_S]


def test_a_gap_that_makes_numbers_too_old_hides_what_was_in_it():
    channel = Channel()
    key = channel.publish(1)
    channel.see(key, START + 0.5 * HOUR, 100.0)
    assert channel.see(key, START + 4.5 * HOUR, 300.0) == []
    channel.see(key, START + 5.5 * HOUR, 400.0)
    assert [each.age_s for each in channel.see(key, START + 6.5 * HOUR, 500.0)] == [6 * HOUR_S]


def test_a_gap_that_was_usual_before_an_alert_hides_nothing():
    recent, born_s = Recent({"views": PASSING_S}), START.timestamp()
    recent.watch(1, "v", LIST, HOUR_S, 2 * HOUR_S)
    for hours, views, next_h in ((2.5, 200.0, 2), (7.5, 700.0, 1)):
        recent.see(1, born_s + hours * HOUR_S, [("views", ())], [views], next_h * HOUR_S, 2 * HOUR_S)
    window = recent.view("v")["views"][()]
    assert (window.fresh_for_s, at_age(window, born_s, 3 * HOUR_S)) == (3 * HOUR_S, 250.0)


def test_what_is_not_believed_is_not_written_down_until_it_is():
    channel = Channel()
    key = channel.publish(1)
    channel.see(key, START + 0.5 * HOUR, 100.0)
    channel.recent.suspend(1, True)
    assert channel.see(key, START + 1.5 * HOUR, 300.0) == []
    channel.recent.suspend(1, False)
    assert [each.age_s for each in channel.cohorts.follow(channel.targets)] == [HOUR_S]


def test_all_videos_of_an_account_see_the_same_others_and_none_of_another_account():
    channel = Channel()
    one, two, strange = channel.publish(1), channel.publish(2), channel.publish(3, account="tiktok/account/leo")
    for key in (one, two, strange):
        channel.see(key, START + 0.5 * HOUR, 100.0)
        channel.see(key, START + HOUR, 100.0 * channel.lines[key])
    assert channel.others(one, HOUR_S) == channel.others(two, HOUR_S) == [100.0, 200.0]
    assert channel.recent.view(one)[peers("views")] is channel.recent.view(two)[peers("views")]
    assert channel.others(strange, HOUR_S) == [300.0]


def test_the_newest_videos_of_an_account_are_kept_however_old_those_before_them():
    channel = Channel()
    for number in range(1, KEPT + 3):
        born = START - number * HOUR / 100  # the later it is published here, the older
        key = channel.publish(number, born)
        channel.see(key, born + 0.5 * HOUR, float(number))
        channel.see(key, born + HOUR, float(number))
    assert sorted(channel.others(key, HOUR_S)) == [float(number) for number in range(1, KEPT + 1)]
    assert list(channel.recent.view(key)[own("views")][()].values) == [float(KEPT + 2)]


def test_a_video_that_left_the_plan_still_counts():
    channel = Channel()
    gone, here = channel.publish(1), channel.publish(2)
    channel.see(gone, START + 0.5 * HOUR, 100.0)
    channel.see(gone, START + HOUR, 100.0)
    del channel.targets[gone]
    channel.cohorts.follow(channel.targets)
    assert channel.others(here, HOUR_S) == [100.0]
    assert channel.see(gone, START + 2 * HOUR, 100.0) == []


def test_what_was_read_at_start_is_as_what_was_written():
    before, after = Channel(), Channel()
    written = []
    for number in range(1, 7):
        key = before.publish(number)
        for hours in (0.5, 1.5, 2.5):
            written += before.see(key, START + hours * HOUR, 10.0 * hours * number)
    after.cohorts.recall(written)
    for number in range(1, 7):
        after.add(number)
    assert after.cohorts.follow(after.targets) == []
    for age_s in (HOUR_S, 2 * HOUR_S):
        assert after.others(key, age_s) == before.others(key, age_s) != []
    assert after.see(key, START + 2.6 * HOUR, 160.0) == []
    mine, was = (list(each.recent.view(key)[own("views")][()].values) for each in (after, before))
    assert mine == was == [60.0, 120.0]


def test_nothing_is_written_down_of_a_book_that_compares_nothing():
    channel = Channel(metrics=())
    key = channel.publish(1)
    channel.see(key, START + 0.5 * HOUR, 100.0)
    assert channel.see(key, START + HOUR, 100.0) == []
    assert set(channel.recent.view(key)) == {"views", PUBLISHED_AT}


@pytest.mark.parametrize(("when", "told"), [("views < 1", False), ("until(published_at) > -2d", True)])
def test_when_a_video_was_published_is_said_where_a_rule_reads_it(when, told):
    recent = Recent({})
    tell_births(recent, book({**BELOW, "when": when}), {"tiktok/video/1": START})
    assert (PUBLISHED_AT in recent.view("tiktok/video/1")) is told


def test_every_name_in_a_view_is_a_metric_or_no_name_of_one():
    assert {own(name) for name in METRICS}.isdisjoint(METRICS)
    assert {peers(name) for name in METRICS}.isdisjoint(METRICS)
    assert len({at(age_s) for age_s in MILESTONES_S}) == len(MILESTONES_S)


# --- in a replay -----------------------------------------------------------------------------------------------------


def test_a_replay_compares_the_videos_that_it_saw():
    targets = {each.key: each for each in map(target, range(6))}
    births = dict.fromkeys(targets, START)
    replay = Replay(book(BELOW), targets, ["console"], births=births)
    for key in targets:
        replay.watch(key, LIST, HOUR_S)
    fired = []
    for hours in range(1, 5):
        for number, key in enumerate(targets):
            views = 5.0 if number == 0 else 900.0 + 50 * number
            replay.see(key, LIST, START + (hours - 0.5) * HOUR, {("views", ()): views * hours})
        fired += replay.look(START + (hours - 0.5) * HOUR)
    assert [each.alert.target for each in fired] == ["tiktok/video/000"]
    [letter] = fired[0].owed
    assert "at the age of 1 h, saw" in read(letter).body


def test_a_backtest_begins_early_enough_to_have_seen_others():
    assert warm_up(book(BELOW), HOUR) >= GATHERED
    assert not_replayed(book(BELOW)) == []
    assert warm_up(book({**BELOW, "when": "views < 1"}), HOUR) < 2 * DAY
