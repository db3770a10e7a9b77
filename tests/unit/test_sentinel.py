"""The schema sentinel: fields that vanish or change their scale are caught, and what merely varies is not."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.guard import Comparison
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.sentinel import MOST_SENTENCES, Change, Sentinel, Sign, describe, patience
from rules.values import Metric, Subject, Unit
from storage.records import Quarantine

ACCOUNT, VIDEO = Subject.ACCOUNT, Subject.VIDEO
METRICS = (
    Metric("rate", VIDEO, Unit.RATIO, ""),
    Metric("score", VIDEO, Unit.SCORE, ""),
    Metric("views", VIDEO, Unit.COUNT, "", total=True),
    Metric("points", ACCOUNT, Unit.POINTS, ""),
    Metric("status", ACCOUNT, Unit.STATE, ""),
    Metric("rank", ACCOUNT, Unit.RATIO, "", ("dimension",)),
    Metric("open", ACCOUNT, Unit.STATE, "", ("record",)),
)
ENDPOINT = replace(ENDPOINTS["detect_fake_views"], name="endpoint", metrics=METRICS)


class Lines:
    """Lines of one endpoint that are looked at in turn; what each knew last is what it is compared with."""

    def __init__(self, size: int, quarantines: tuple[Quarantine, ...] = ()) -> None:
        self.size, self.clock, self.turn = size, count(1), count()
        self.known: list[dict] = [{} for _ in range(size)]
        self.restart(quarantines)

    def restart(self, quarantines: tuple[Quarantine, ...] = ()) -> None:
        self.sentinel = Sentinel(quarantines)
        self.sentinel.targets("endpoint", self.size)

    def look(self, **after: object) -> list[Change]:
        return self.look_at(next(self.turn) % self.size, {(name, ()): value for name, value in after.items()})

    def look_at(self, number: int, after: dict) -> list[Change]:
        at_s = float(next(self.clock))
        found = Comparison(ENDPOINT, f"line/{number}", f"line/{number}", at_s, 3600.0, self.known[number], after)
        changes = self.sentinel.look(found)
        self.known[number] = {key: value for key, value in after.items() if value is not None}
        return changes

    def looks(self, times: int, **after: object) -> list[Change]:
        return [change for _ in range(times) for change in self.look(**after)]


def settled(size: int, looks: int = 40, **after: object) -> Lines:
    lines = Lines(size)
    assert lines.looks(looks, **after) == []
    return lines


def reasons(changes: list[Change]) -> list[tuple[str, str, bool]]:
    return [(change.quarantine.metric, change.quarantine.reason, change.over) for change in changes]


# --- a field that disappears --------------------------------------------------------------------------------------


def test_a_field_that_is_unknown_at_five_lines_in_a_row_is_gone():
    lines = settled(20, rate=0.4, score=7.0)
    assert lines.looks(4, rate=None, score=7.0) == []
    assert reasons(lines.look(rate=None, score=7.0)) == [("rate", "gone", False)]
    (quarantine,) = lines.sentinel.quarantines()
    assert (quarantine.endpoint, quarantine.typical) == ("endpoint", pytest.approx(0.4))
    assert quarantine.since == datetime.fromtimestamp(45, UTC)


def test_a_field_that_is_left_out_is_gone_like_one_that_is_unknown():
    lines = settled(20, rate=0.4, score=7.0)
    assert reasons(lines.looks(5, score=7.0)) == [("rate", "gone", False)]


def test_it_is_told_once():
    lines = settled(20, rate=0.4)
    assert len(lines.looks(200, rate=None)) == 1


@pytest.mark.parametrize(("size", "looks"), [(1, 3), (2, 3), (3, 3), (4, 4), (5, 5), (500, 5)])
def test_few_lines_are_enough_when_there_are_no_more(size, looks):
    lines = settled(size, looks=max(20, 2 * size), rate=0.4)
    assert lines.looks(looks - 1, rate=None) == []
    assert len(lines.look(rate=None)) == 1


def test_one_line_that_loses_its_number_says_nothing_of_the_others():
    lines = settled(20, rate=0.4)
    for _ in range(30):
        assert lines.look_at(0, {("rate", ()): None}) == []


def test_one_line_that_still_knows_it_proves_that_the_field_is_there():
    lines = settled(20, rate=0.4)
    for _ in range(6):
        assert lines.looks(4, rate=None) == []
        assert lines.look(rate=0.4) == []


def test_a_field_that_was_never_known_cannot_be_missed():
    assert Lines(20).looks(200, rate=None) == []


def test_before_there_is_a_baseline_nothing_is_odd():
    lines = Lines(20)
    assert lines.looks(9, rate=0.4) == []
    assert [lines.look_at(number, {("rate", ()): None}) for number in range(9)] == [[]] * 9


def test_the_numbers_of_records_that_ended_are_not_missed():
    lines = Lines(20)
    for number in range(40):
        assert lines.look_at(number % 20, {("open", (("record", str(number)),)): 1.0}) == []
    for number in range(20):
        assert lines.look_at(number, {}) == []


def test_a_failure_says_nothing_of_fields():
    lines = settled(20, rate=0.4)
    for number in range(20):
        failed = Comparison(ENDPOINT, f"line/{number}", "", 99.0, 1.0, lines.known[number], None, Reason.TIMEOUT)
        assert lines.sentinel.look(failed) == []


def test_numbers_that_come_and_go_by_chance_are_no_lost_field():
    for seed, size, share in [(1, 30, 0.95), (2, 30, 0.85), (3, 3, 0.9), (4, 1, 0.95)]:
        chance, lines = random.Random(seed), Lines(size)
        for _ in range(3_000):
            assert lines.look(rate=0.4 if chance.random() < share else None) == []


@pytest.mark.parametrize(("share", "looks"), [(1.0, 0), (0.99, 5), (0.9, 9), (0.5, 30), (0.0, math.inf)])
def test_the_oftener_a_number_is_unknown_the_longer_is_waited(share, looks):
    assert looks - 1 < patience(share) <= looks or patience(share) == looks


def alternate(lines: Lines, times: int) -> list[Change]:
    return [change for _ in range(times) for change in lines.look(rate=0.4) + lines.look(rate=None)]


def test_a_number_that_was_unknown_every_second_time_is_not_missed_after_a_few():
    lines = Lines(1)
    assert alternate(lines, 20) == []
    assert lines.looks(25, rate=None) == []
    assert len(lines.looks(10, rate=None)) == 1


def test_how_often_it_was_known_long_ago_does_not_count():
    lines = settled(1, looks=2_000, rate=0.4)
    assert alternate(lines, 300) == []
    assert lines.looks(20, rate=None) == []


def test_a_field_that_only_some_lines_have_is_missed_when_all_of_these_lose_it():
    lines = Lines(100)
    for number in [*range(100)] * 3:
        assert lines.look_at(number, {("rate", ()): 0.4 if number % 2 else None}) == []
    assert len([change for number in range(100) for change in lines.look_at(number, {("rate", ()): None})]) == 1


def test_a_field_that_is_back_at_five_lines_in_a_row_is_believed_again():
    lines = settled(20, rate=0.4)
    lines.looks(40, rate=None)
    assert lines.looks(4, rate=0.4) == []
    assert lines.look(rate=None) == []
    assert lines.looks(4, rate=0.4) == []
    assert reasons(lines.look(rate=0.4)) == [("rate", "gone", True)]
    assert lines.sentinel.quarantines() == []
    assert lines.looks(40, rate=0.4) == []


def test_it_can_be_lost_again_as_soon_as_it_is_back():
    lines = settled(3, rate=0.4)
    told = lines.looks(3, rate=None) + lines.looks(3, rate=0.4) + lines.looks(3, rate=None)
    assert [over for _, _, over in reasons(told)] == [False, True, False]


def test_it_can_be_lost_a_second_time():
    lines = settled(20, rate=0.4)
    told = lines.looks(20, rate=None) + lines.looks(20, rate=0.4) + lines.looks(20, rate=None)
    assert [over for _, _, over in reasons(told)] == [False, True, False]


# --- a scale that jumps -------------------------------------------------------------------------------------------


def test_a_fraction_that_becomes_a_percentage_is_caught_at_the_first_look():
    lines = settled(20, rate=0.4)
    assert reasons(lines.look(rate=40.0)) == [("rate", "larger", False)]


def test_fractions_above_one_and_a_half_that_grew_little_are_caught_at_the_fifth():
    lines = settled(20, rate=0.4)
    assert lines.looks(4, rate=2.0) == []
    assert reasons(lines.look(rate=2.0)) == [("rate", "larger", False)]


def test_a_video_that_is_watched_almost_twice_is_no_percentage():
    lines = settled(20, rate=0.9)
    assert lines.looks(60, rate=1.4) == []


@pytest.mark.parametrize(("before", "after", "reason"), [(80.0, 0.8, "smaller"), (0.8, 80.0, "larger")])
@pytest.mark.parametrize(("size", "looks"), [(1, 3), (3, 3), (20, 5)])
def test_a_score_of_another_scale_is_caught(before, after, reason, size, looks):
    lines = settled(size, score=before)
    assert lines.looks(looks - 1, score=after) == []
    assert reasons(lines.look(score=after)) == [("score", reason, False)]


def test_points_that_become_a_rating_are_caught_also_where_they_were_zero():
    lines = settled(20, points=0.0)
    assert lines.looks(4, points=200.0) == []
    assert reasons(lines.look(points=200.0)) == [("points", "larger", False)]
    assert reasons(lines.looks(5, points=0.0)) == [("points", "larger", True)]


def test_points_that_become_a_rating_are_caught_where_only_some_were_zero():
    lines = Lines(20)
    for number in range(40):
        assert lines.look_at(number % 20, {("points", ()): float(number % 4 * 3)}) == []
    clean = [lines.look_at(number, {("points", ()): 200.0}) for number in range(0, 20, 4)]
    assert reasons(clean[-1]) == [("points", "larger", False)]


def test_what_is_usual_is_what_most_looks_found_not_the_first():
    lines = settled(20, looks=1, score=9_000.0)
    assert lines.looks(199, score=80.0) == []
    (change,) = lines.looks(5, score=0.8)
    assert 70 < change.quarantine.typical < 100


def test_a_video_that_gets_a_hundred_times_its_views_has_no_other_scale():
    lines = settled(20, views=50.0)
    assert lines.looks(60, views=5_000.0) == []


def test_a_score_at_one_line_may_jump():
    lines = settled(20, score=0.8)
    for score in [80.0, 0.8] * 20:
        assert lines.look_at(3, {("score", ()): score}) == []


def test_after_the_old_scale_is_back_the_lines_that_return_to_it_are_not_odd():
    lines = settled(60, score=80.0)
    told = lines.looks(60, score=0.8) + lines.looks(200, score=80.0)
    assert reasons(told) == [("score", "smaller", False), ("score", "smaller", True)]


def test_a_new_scale_that_stays_is_never_taken_for_the_old_one():
    chance, lines = random.Random(9), Lines(60)
    rates = [0.3 * math.exp(chance.gauss(0, 0.8)) for _ in range(60)]
    turns = [(number, 100.0 if cycle >= 5 else 1.0) for cycle in range(30) for number in range(60)]
    told = [
        change
        for number, scale in turns
        for change in lines.look_at(number, {("score", ()): rates[number] * scale * math.exp(chance.gauss(0, 0.2))})
    ]
    assert reasons(told) == [("score", "larger", False)]


def test_wide_natural_swings_are_no_new_scale():
    chance, lines = random.Random(11), Lines(40)
    for _ in range(8_000):
        changes = lines.look(
            score=100 * math.exp(chance.gauss(0, 1)), rate=min(1.0, 0.05 * math.exp(chance.gauss(0, 1)))
        )
        assert changes == []


def test_of_many_series_the_middle_one_speaks():
    lines = Lines(20)

    def look(*ranks: float | None) -> list[Change]:
        after = {("rank", (("dimension", str(n)),)): rank for n, rank in enumerate(ranks)}
        return lines.look_at(next(lines.turn) % 20, after)

    for _ in range(40):
        assert look(0.5, 0.5, 0.5) == []
    for _ in range(20):
        assert look(0.5, 0.5, 50.0) == []
        assert look(0.5, None, None) == []
    assert reasons(look(50.0, 50.0, 50.0)) == [("rank", "larger", False)]


@pytest.mark.parametrize(("name", "usual", "odd"), [("rate", 0.4, 40.0), ("score", 80.0, 0.8), ("points", 0.0, 200.0)])
def test_a_new_scale_that_somebody_trusts_is_what_is_usual_then_also_for_lines_that_are_late(name, usual, odd):
    lines = settled(40, **{name: usual})
    assert len(lines.looks(5, **{name: odd})) == 1
    lines.sentinel.trust("endpoint", name)
    assert lines.sentinel.quarantines() == []
    assert lines.looks(100, **{name: odd}) == []


def test_a_field_that_somebody_gives_up_is_not_missed_again():
    lines = settled(40, rate=0.4)
    lines.looks(5, rate=None)
    lines.sentinel.trust("endpoint", "rate")
    assert lines.looks(100, rate=None) == []


def test_what_is_trusted_is_watched_again():
    lines = settled(40, rate=0.4)
    lines.looks(5, rate=None)
    lines.sentinel.trust("endpoint", "rate")
    assert len(lines.looks(40, rate=0.4) + lines.looks(5, rate=None)) == 1


# --- a restart ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "usual", "odd"),
    [("rate", 0.4, None), ("rate", 0.4, 40.0), ("score", 80.0, 0.8), ("score", 0.8, 80.0), ("points", 0.0, 200.0)],
)
def test_a_quarantine_survives_a_restart_and_ends_when_the_numbers_are_as_before(name, usual, odd):
    lines = settled(20, **{name: usual})
    lines.looks(25, **{name: odd})
    (stored,) = lines.sentinel.quarantines()
    lines.restart((stored,))
    assert lines.looks(40, **{name: odd}) == []
    assert lines.sentinel.quarantines() == [stored]
    assert lines.looks(60, **{name: usual}) == [Change(stored, over=True)]


def test_zeros_do_not_end_the_quarantine_of_a_scale():
    lines = settled(20, rate=0.0)
    assert reasons(lines.look(rate=40.0)) == [("rate", "larger", False)]
    assert lines.looks(20, rate=0.0) == []
    assert reasons(lines.looks(5, rate=0.3)) == [("rate", "larger", True)]


values = st.none() | st.floats(0, 1e6)


@given(st.integers(1, 8), st.lists(st.tuples(st.integers(0, 7), values, values, values), max_size=150))
def test_quarantines_begin_and_end_in_turn_and_are_all_told(size, looks):
    lines, open_now = Lines(size), {}
    for number, rate, score, points in looks:
        after = {("rate", ()): rate, ("score", ()): score, ("points", ()): points}
        for change in lines.look_at(number % size, after):
            metric = change.quarantine.metric
            assert change.over == (metric in open_now)
            assert change.quarantine.reason in {Sign.GONE, Sign.LARGER, Sign.SMALLER}
            if change.over:
                assert open_now.pop(metric) == change.quarantine
            else:
                open_now[metric] = change.quarantine
        assert {each.metric: each for each in lines.sentinel.quarantines()} == open_now


@given(st.integers(1, 8), st.lists(st.floats(0, 1.5), min_size=1, max_size=200))
def test_fractions_that_stay_known_and_within_their_range_and_size_are_never_odd(size, rates):
    lines = Lines(size)
    assert [change for rate in rates for change in lines.look(rate=0.1 + 0.9 * rate / 1.5)] == []


# --- what a payload looks like ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "sentences"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": 1}, {"a": "1"}, ["field a was number, is text"]),
        ({"a": True}, {"a": 1}, ["field a was true or false, is number"]),
        ({"a": 1, "b": 1}, {"b": 1}, ["field a is no more"]),
        ({"a": 1}, {"a": None}, ["field a is no more"]),
        ({"a": None}, {"a": 1}, []),
        ({"a": 1}, {"a": 1, "b": 1}, []),
        ({"a": {"b": {"c": 1}}}, {"a": {}}, ["field a.b is no more"]),
        ({"a": {"b": 1}}, {"a": [1]}, ["field a was object, is list"]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": "x"}]}, ["field a[].b was number, is text"]),
        ({"a": [{"b": 1}]}, {"a": []}, []),
        ({"a": [{"b": 1}, {"b": "x"}]}, {"a": [{"b": "x"}]}, []),
        ({"a": 1}, [{"a": 1}], ["field data was object, is list"]),
        ({"a": 1}, None, ["field data is no more"]),
        ({"7014352645545116698": {"b": 1}}, {"7014352645545116699": {"b": ""}}, ["field *.b was number, is text"]),
    ],
)
def test_payloads_are_compared_field_by_field(before, now, sentences):
    assert list(describe(before, now)) == sentences


def test_no_more_than_five_sentences_are_made():
    before = {f"f{n}": n for n in range(20)}
    assert describe(before, {"x": 1}) == tuple(f"field f{n} is no more" for n in range(5))


def test_of_a_payload_that_is_too_large_nothing_is_called_missing():
    before = {f"f{n}": n for n in range(50)}
    now = {f"f{49 - n}": "" for n in range(50)}
    assert all("is text" in sentence for sentence in describe(before, now, max_paths=20))


def test_a_payload_may_be_nested_as_deeply_as_json_allows():
    deep = orjson.loads("[" * 1000 + "]" * 1000)
    assert describe(deep, {}) == ("field data was list, is object",)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=25,
)


@given(json, json)
def test_any_two_payloads_can_be_compared_and_one_with_itself_shows_nothing(before, now):
    assert describe(before, before) == ()
    assert len(describe(before, now)) <= MOST_SENTENCES


@given(st.text(min_size=6).filter(lambda text: not text.isidentifier()), st.integers(10**6, 10**9))
def test_no_value_and_no_id_is_in_a_sentence(text, number):
    told = " ".join(describe({"a": text, text: {"b": number}}, {"a": number, text: {"b": text}}))
    assert text not in told.replace(" ", "") or text.strip() == ""
    assert str(number) not in told


# --- lists ------------------------------------------------------------------------------------------------------------

LIST = replace(ENDPOINTS["fetch_item_list"], name="list", metrics=METRICS)


def listed(sentinel: Sentinel, account: int, at_s: float, rate: float | None) -> list[Change]:
    """A look at the ten videos of an account by its list."""
    before = {("rate", ()): 0.03}
    return [
        change
        for video in range(10)
        for change in sentinel.look(
            Comparison(
                LIST, f"video/{account}.{video}", f"account/{account}", at_s, 3600.0, before, {("rate", ()): rate}
            )
        )
    ]


@pytest.mark.parametrize(("without", "gone"), [(1, False), (4, False), (5, True)])
def test_one_list_counts_as_one_look_however_many_videos_it_names(without, gone):
    sentinel = Sentinel()
    sentinel.targets("list", 50)
    assert [change for account in range(50) for change in listed(sentinel, account, float(account), 0.03)] == []
    changes = [change for account in range(without) for change in listed(sentinel, account, 100.0 + account, None)]
    assert reasons(changes) == ([("rate", "gone", False)] if gone else [])
