"""The life of an alert: each lettered transition, and what no sequence of looks may ever do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.book import Rule
from rules.building import build_book
from rules.lifecycle import Sighting, Step, changes, end, remember, step
from rules.models import RuleModel
from rules.values import NO_PAST, Change, Firing, Flaps, Metric, Ok, Past, Rising, State, Subject, Unit, Verdict

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POINTS = {"points": Metric("points", Subject.ACCOUNT, Unit.POINTS, "points")}

NO = Verdict(0, 0, clear=True)
STILL = Verdict(0, 0, clear=False)
UNKNOWN = Verdict(0, 3, clear=None)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def level(number: int, *kept: int) -> Verdict:
    """A look that knows all: this level is true; those ``kept`` may not be left."""
    return Verdict(number, number, clear=number == 0, kept=kept, sure=min(number, 2))


def seen(hours: float, polled: float | None = None) -> Sighting:
    return Sighting(at(hours), at(hours if polled is None else polled))


def rule(**fields: object) -> Rule:
    """A ladder of three levels, of which the third is critical."""
    levels = {"one": "points >= 1", "two": "points >= 2", "critical": "points >= 3"}
    model = RuleModel.model_validate({"name": "r", "on": "account", "levels": levels, **fields})
    return build_book([model], POINTS, ["a", "b"]).rules[0]


def live(verdicts, **fields):
    """The last state and the letters of a sequence of hourly looks."""
    state, letters, the_rule = Ok(), "", rule(**fields)
    for hour, verdict in enumerate(verdicts):
        stepped = step(state, verdict, the_rule, seen(hour))
        state, letters = stepped.state, letters + (stepped.change or ".")
    return state, letters


@pytest.mark.parametrize(
    ("fields", "verdicts", "letters"),
    [
        ({}, [NO, level(1), level(1), NO], ".B.G"),
        ({}, [level(1), level(3), level(2), NO], "BEFG"),
        ({}, [level(1), UNKNOWN, level(1), UNKNOWN, NO], "B...G"),
        ({}, [UNKNOWN, UNKNOWN, level(2)], "..B"),
        ({}, [level(1), STILL, STILL, NO], "B..G"),
        ({}, [level(2), Verdict(1, 3, clear=False), Verdict(0, 1, clear=None), level(2)], "B..."),
        ({"for": "2h"}, [level(1), level(1), level(1), NO], "A.CG"),
        ({"for": "2h"}, [level(1), level(1), NO, level(1)], "A.DA"),
        ({"for": "2h"}, [level(1), UNKNOWN, level(1), level(1), level(1)], "A...C"),
        ({"for_polls": 3}, [level(1), level(1), UNKNOWN, level(1)], "A..C"),
        ({"for_polls": 2}, [level(1), level(2), level(2), level(2)], "ACE."),
        ({"for_polls": 2}, [level(1), level(1), level(2), level(1), level(2), level(2)], "AC...E"),
        ({"keep_firing": "2h"}, [level(1), NO, NO, NO], "B..G"),
        ({"keep_firing": "2h"}, [level(1), NO, level(1), NO, NO, NO], "B....G"),
        ({"keep_firing": "2h"}, [level(1), NO, UNKNOWN, NO, NO, NO], "B....G"),
    ],
)
def test_a_sequence_of_looks_makes_these_transitions(fields, verdicts, letters):
    assert live(verdicts, **fields)[1] == letters


def test_the_peak_is_remembered_while_descending():
    state, _ = live([level(1), level(3), level(1)])
    assert (state.level, state.peak, state.since) == (1, 3, at(0))


def test_time_spent_blind_does_not_count_towards_for():
    state, letters = live([level(1), UNKNOWN, UNKNOWN, UNKNOWN, level(1)], **{"for": "4h"})
    assert letters == "A...."
    assert state == Rising(1, since=at(4), seen=at(4), polled=at(4), polls=2)


@pytest.mark.parametrize("gap", [UNKNOWN, Verdict(1, 2, clear=False)])
def test_a_climb_that_may_be_under_way_waits_and_time_spent_blind_does_not_count(gap):
    fired = [level(1), level(1), level(1)]
    assert live([*fired, level(2), gap, gap, level(2), level(2)], **{"for": "2h"})[1] == "A.C....."
    assert live([*fired, level(2), gap, level(2), level(2), level(2)], **{"for": "2h"})[1] == "A.C....E"


def test_the_same_look_twice_changes_nothing():
    for verdict in (level(1), level(2), NO, STILL, UNKNOWN):
        for before in (Rising(1, at(0), at(1), at(1)), Firing(1, at(0), at(1), 1)):
            the_rule = rule(**{"for": "5h", "keep_firing": "5h"})
            once = step(before, verdict, the_rule, seen(2)).state
            assert step(once, verdict, the_rule, seen(2)).state == once


def test_an_older_look_than_the_last_changes_nothing():
    firing = Firing(2, at(0), at(5), 2)
    assert step(firing, NO, rule(), seen(4)).state is firing


def test_an_alert_whose_subject_is_gone_ends_with_the_reason():
    assert (end("record struck").change, end("record struck").reason) == (Change.X_GONE, "record struck")


def test_looks_between_polls_are_not_counted_as_polls():
    the_rule = rule(unknown="clear", for_polls=3)
    state = step(Ok(), level(1), the_rule, seen(1, polled=0)).state
    for hour, polled in ((2, 0), (3, 2.5), (4, 2.5), (5, 2.5)):
        state = step(state, level(1), the_rule, seen(hour, polled)).state
    assert (type(state), state.polls) == (Rising, 2)
    assert step(state, level(1), the_rule, seen(6, polled=5.5)).change is Change.C_CONFIRMED


def test_a_poll_that_was_sent_before_the_last_look_is_counted():
    rising = step(Ok(), level(1), rule(for_polls=2), seen(2, polled=0)).state
    assert step(rising, level(1), rule(for_polls=2), seen(3, polled=1)).change is Change.C_CONFIRMED


def test_a_look_that_changes_nothing_leaves_the_very_same_state():
    the_rule = rule(unknown="clear", confirm=True, **{"for": "9h"})
    for before in (Ok(), Firing(1, at(0), at(0), 1)):
        state = step(before, level(3), the_rule, seen(1, polled=1)).state
        assert step(state, level(3), the_rule, seen(2, polled=1)).state is state
        assert step(state, level(2), the_rule, seen(2, polled=1)).state != state


def test_by_the_clock_no_more_polls_are_counted_than_can_matter():
    the_rule = rule(unknown="fire", for_polls=3, **{"for": "9h"})
    state = Ok()
    for hour in range(3):
        state = step(state, level(1), the_rule, seen(hour)).state
    assert step(state, level(1), the_rule, seen(4)).state is state
    assert step(state, level(1), the_rule, seen(9)).change is Change.C_CONFIRMED


def test_time_seen_by_the_clock_counts_towards_for_and_time_spent_blind_after_it_does_not():
    the_rule, state = rule(unknown="clear", **{"for": "4h"}), Ok()
    for hour, verdict in ((0, level(1)), (1, level(1)), (2, level(1)), (2.5, UNKNOWN), (3, UNKNOWN), (3.5, level(1))):
        state = step(state, verdict, the_rule, seen(hour, polled=0)).state
    assert state.since == at(1)
    assert step(state, level(1), the_rule, seen(4.9, polled=0)).change is None
    assert step(state, level(1), the_rule, seen(5, polled=0)).change is Change.C_CONFIRMED


# --- leaving a level ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "letters", "ends_at"),
    [
        ([level(3), level(1, 3)], "B.", 3),
        ([level(3), level(1, 2)], "BF", 2),
        ([level(3), level(1, 2), level(1)], "BFF", 1),
        ([level(3), level(0, 1)], "BF", 1),
        ([level(3), level(0, 1, 2)], "BF", 2),
        ([level(3), level(0, 1), level(0)], "BFG", 0),
        ([level(1), level(0, 3)], "BG", 0),
        ([level(2), level(0, 2), level(3), level(0, 3)], "B.E.", 3),
    ],
)
def test_a_level_is_left_when_it_and_all_above_it_may_be(verdicts, letters, ends_at):
    state, made = live(verdicts)
    assert (made, getattr(state, "level", 0)) == (letters, ends_at)


def test_what_keeps_a_level_starts_the_end_over():
    assert live([level(1), NO, level(0, 1), NO, NO, NO], keep_firing="2h")[1] == "B....G"


# --- a second look before a critical level ------------------------------------------------------------------------


def bought(verdicts, **fields):
    """How many looks were asked for after each look."""
    state, asked, the_rule = Ok(), [], rule(confirm=True, **fields)
    for hour, verdict in enumerate(verdicts):
        stepped = step(state, verdict, the_rule, seen(hour))
        state = stepped.state
        asked.append(stepped.refetch)
    return asked


def only(number: int) -> Verdict:
    """A critical level is true, and none below it."""
    return replace(level(number), sure=0)


@pytest.mark.parametrize(
    ("fields", "verdicts", "letters"),
    [
        ({}, [level(2)], "B"),
        ({}, [only(3), only(3)], "AC"),
        ({}, [only(3), UNKNOWN, only(3)], "A.C"),
        ({}, [only(3), NO, only(3)], "ADA"),
        ({}, [only(3), level(1)], "AC"),
        ({}, [level(3), level(3)], "BE"),
        ({}, [level(1), level(3), level(3)], "BEE"),
        ({}, [level(2), level(3), level(2), level(3), level(3)], "B...E"),
        ({"for": "2h"}, [only(3), only(3), only(3)], "A.C"),
        ({"for_polls": 3}, [level(3), level(3), level(3)], "A.C"),
    ],
)
def test_a_critical_level_needs_a_second_look_and_a_lower_one_that_is_true_does_not_wait_for_it(
    fields, verdicts, letters
):
    assert live(verdicts, confirm=True, **fields)[1] == letters


def test_a_lower_level_fires_at_once_while_the_critical_one_is_confirmed():
    state, _ = live([level(3)], confirm=True)
    assert (state.level, state.peak, state.rising.level) == (2, 2, 3)
    assert live([level(3), level(3)], confirm=True)[0] == Firing(3, since=at(0), seen=at(1), peak=3)


@pytest.mark.parametrize(
    ("verdicts", "asked"),
    [
        ([level(2), level(2)], [False, False]),
        ([only(3), UNKNOWN, UNKNOWN, only(3)], [True, False, False, False]),
        ([level(3), level(3), level(3)], [True, False, False]),
        ([level(1), level(3), level(3)], [False, True, False]),
        ([only(3), NO, only(3)], [True, False, True]),
        ([level(2), level(3), level(2), level(3)], [False, True, False, True]),
    ],
)
def test_one_look_is_bought_for_each_confirmation(verdicts, asked):
    assert bought(verdicts) == asked


def test_nothing_is_bought_for_a_rule_that_does_not_confirm():
    assert not step(Ok(), only(3), rule(), seen(0)).refetch


TWO_CRITICAL = {
    "one": "points >= 1",
    "two": "points >= 2",
    "week": {"when": "points >= 3", "severity": "critical"},
    "critical": "points >= 4",
}


@pytest.mark.parametrize(
    ("verdicts", "letters", "asked"),
    [
        ([level(2), level(3), level(4), level(4)], "B.EE", [False, True, True, False]),
        ([level(2), level(3), level(4), level(3), level(4)], "B.E..", [False, True, True, False, True]),
        ([level(2), level(4), level(3), level(3)], "B.E.", [False, True, False, False]),
        ([only(3), only(4), only(4)], "ACE", [True, True, False]),
    ],
)
def test_the_second_of_two_critical_levels_is_confirmed_by_a_look_of_its_own_at_once(verdicts, letters, asked):
    assert live(verdicts, confirm=True, levels=TWO_CRITICAL)[1] == letters
    assert bought(verdicts, levels=TWO_CRITICAL) == asked


def test_in_shadow_no_look_is_bought_and_the_next_poll_confirms():
    assert bought([level(1), level(3), level(3)], shadow=True) == [False, False, False]
    assert live([level(1), level(3), level(3)], confirm=True, shadow=True)[1] == "BEE"


def test_what_lasts_until_something_else_is_said_needs_no_second_look():
    stepped = step(Ok(), only(3), replace(rule(confirm=True), lasting=True), seen(0))
    assert (stepped.change, stepped.refetch) == (Change.B_FIRED, False)


def test_time_alone_confirms_nothing():
    the_rule = rule(confirm=True)
    rising = step(Ok(), only(3), the_rule, seen(1, polled=0)).state
    later = step(rising, only(3), the_rule, seen(2, polled=0))
    assert later.change is None
    assert step(later.state, only(3), the_rule, seen(3, polled=2.5)).change is Change.C_CONFIRMED


def test_a_look_after_a_gap_confirms_like_any_other():
    the_rule = rule(confirm=True)
    rising = step(Ok(), only(3), the_rule, seen(1, polled=1)).state
    blind = step(rising, UNKNOWN, the_rule, seen(2)).state
    assert step(blind, only(3), the_rule, seen(4, polled=3)).change is Change.C_CONFIRMED


# --- what is remembered -------------------------------------------------------------------------------------------

FLAPPING = {"times": 3, "within": "6h"}


def lived(verdicts, first=False, **fields):
    """The past after a sequence of hourly looks, and all transitions."""
    state, past, letters = Ok(), NO_PAST, ""
    the_rule = rule(**{"flapping": FLAPPING, **fields})
    for hour, verdict in enumerate(verdicts):
        stepped = step(state, verdict, the_rule, seen(hour))
        now = remember(past, stepped, verdict, the_rule, at(hour), first and hour == 0)
        made = [change for change, _ in changes(stepped, past, now, the_rule)]
        state, past, letters = stepped.state, now, letters + ("".join(made) or ".")
    return past, letters


def test_the_nth_beginning_within_the_time_makes_it_one_that_comes_and_goes():
    past, letters = lived([level(1), NO, level(1), NO, level(2)])
    assert (letters, past.flaps) == ("BGBGBH", Flaps(at(4), peak=2))


def test_climbing_again_to_a_level_that_was_left_is_a_beginning():
    past, letters = lived([level(1), level(2), level(1), level(2), level(1), level(2)])
    assert (letters, past.flaps) == ("BEFEFEH", Flaps(at(5), peak=2))


def test_a_ladder_that_only_climbs_does_not_come_and_go():
    past, letters = lived([level(1), level(2), level(3)], flapping={"times": 2, "within": "6h"})
    assert (letters, past.flaps) == ("BEE", None)


def test_beginnings_that_are_too_far_apart_are_not_counted_together():
    past, letters = lived([level(1), NO, NO, NO, level(1), NO, NO, NO, level(1)])
    assert (letters, past.begun) == ("BG..BG..B", (at(4), at(8)))


def test_a_beginning_just_within_the_time_counts():
    assert lived([level(1), NO, NO, level(1), NO, NO, level(1)])[0].flaps == Flaps(at(6), 1)


def test_it_settles_when_no_level_was_reached_or_left_for_as_long():
    flaps = [level(1), NO, level(1), NO, level(1)]
    assert lived([*flaps, *[level(1)] * 5])[0].flaps is not None
    past, letters = lived([*flaps, *[level(2)] * 7])
    assert (letters, past.flaps) == ("BGBGBHE.....I", None)
    assert lived([*flaps, NO, *[NO] * 6])[1] == "BGBGBHG.....I"


@pytest.mark.parametrize("moved", [NO, level(2)])
def test_whatever_moves_it_puts_off_the_settling(moved):
    flaps = [level(1), NO, level(1), NO, level(1)]
    assert lived([*flaps, *[level(1)] * 5, moved, *[moved] * 5])[1].count("I") == 0


def test_descending_puts_off_the_settling():
    flaps = [level(1), NO, level(1), NO, level(2)]
    assert lived([*flaps, *[level(2)] * 5, level(1), *[level(1)] * 5])[1].count("I") == 0


def test_its_peak_rises_while_it_comes_and_goes():
    past, _ = lived([level(1), NO, level(1), NO, level(1), level(3), level(1)])
    assert past.flaps == Flaps(at(6), peak=3)


def test_not_seeing_it_does_not_settle_it():
    past, letters = lived([level(1), NO, level(1), NO, level(1), *[UNKNOWN] * 9])
    assert (letters[-9:], past.flaps) == (".........", Flaps(at(4), peak=1))


def test_beginnings_are_forgotten_when_they_no_longer_matter():
    assert lived([level(1), *[NO] * 6])[0].begun == (at(0),)
    assert lived([level(1), *[NO] * 7])[0] == NO_PAST


def test_a_rule_without_flapping_remembers_no_beginnings():
    assert lived([level(1), NO, level(1), NO, level(1)], flapping=False)[0] == NO_PAST


def test_no_more_beginnings_are_remembered_than_count():
    assert len(lived([level(1), NO] * 9, flapping={"times": 2, "within": "30d"})[0].begun) == 2


def test_what_was_true_at_first_sight_is_remembered_until_it_is_over():
    assert lived([level(2), level(3), level(1)], first=True)[0].first == 2
    assert lived([level(2), level(3), NO, level(1)], first=True)[0].first == 0
    assert lived([level(2)])[0].first == 0


def test_what_was_true_at_first_sight_is_remembered_while_it_is_confirmed():
    assert lived([level(2), level(2), level(2)], first=True, **{"for": "2h"}) == (Past((at(2),), first=2), "A.C")
    assert lived([level(2), NO, level(2)], first=True, **{"for": "2h"})[0].first == 0


def test_an_alert_whose_rule_is_gone_has_not_settled():
    flapping = Past(flaps=Flaps(at(0), 1))
    assert changes(end("gone"), flapping, NO_PAST, rule()) == [(Change.X_GONE, "gone")]


def test_a_transition_says_why():
    past, the_rule = Past((at(0), at(1))), rule(flapping=FLAPPING)
    began = Step(Firing(1, at(2), at(2), 1), Change.B_FIRED, "so", begins=True)
    flapping = remember(past, began, level(1), the_rule, at(2))
    assert changes(began, past, flapping, the_rule)[1] == (
        Change.H_FLAPPING,
        "it began or climbed again 3 times in 6 h",
    )
    still = remember(flapping, Step(began.state), level(1), the_rule, at(8))
    assert changes(Step(began.state), flapping, still, the_rule) == [(Change.I_SETTLED, "it was still for 6 h")]


# --- properties ---------------------------------------------------------------------------------------------------


def _verdict(bounds: list[int], kept: list[int], clear: bool | None, sure: int) -> Verdict:
    low, high = sorted(bounds)
    return Verdict(low, high, clear if high == 0 else None, tuple(sorted(kept)), min(low, sure))


bounds = st.lists(st.integers(0, 4), min_size=2, max_size=2)
kept = st.lists(st.integers(1, 4), unique=True, max_size=2)
one = st.builds(_verdict, bounds, kept, st.sampled_from([True, False, None]), st.integers(0, 2))
verdicts = st.lists(one, max_size=25)
rules = st.builds(
    lambda hold, polls, keep, confirm, shadow, times: rule(
        **{"for": f"{hold}h", "for_polls": polls, "keep_firing": f"{keep}h", "confirm": confirm, "shadow": shadow},
        flapping={"times": times, "within": "6h"},
        levels=TWO_CRITICAL,
    ),
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(0, 4),
    st.booleans(),
    st.booleans(),
    st.integers(2, 4),
)


def rising_of(state):
    return state if isinstance(state, Rising) else state.rising if isinstance(state, Firing) else None


@given(rules, verdicts)
def test_unknown_holds_whatever_came_before(the_rule, looks):
    state, past = Ok(), NO_PAST
    for hour, verdict in enumerate(looks):
        stepped = step(state, verdict, the_rule, seen(hour))
        state, past = stepped.state, remember(past, stepped, verdict, the_rule, at(hour))
        held = step(state, UNKNOWN, the_rule, seen(hour + 0.5))
        assert (held.change, held.refetch) == (None, False)
        assert (type(held.state), getattr(held.state, "level", 0)) == (type(state), getattr(state, "level", 0))
        assert remember(past, held, UNKNOWN, the_rule, at(hour + 0.5)) == past


@given(rules, verdicts)
def test_nothing_fires_before_it_was_true_for_as_long_and_as_often_as_asked(the_rule, looks):
    state, true_since, polls = Ok(), None, 0
    for hour, verdict in enumerate(looks):
        if verdict.at_most == 0:
            true_since, polls = None, 0
        elif verdict.at_least:
            true_since, polls = (hour if true_since is None else true_since), polls + 1
        stepped = step(state, verdict, the_rule, seen(hour))
        if stepped.change in {Change.B_FIRED, Change.C_CONFIRMED}:
            assert (hour - true_since) * HOUR >= the_rule.hold_for
            assert polls >= the_rule.for_polls
        state = stepped.state


@given(rules, verdicts)
def test_nothing_is_critical_before_two_looks_in_a_row_said_so(the_rule, looks):
    state, said = Ok(), {3: 0, 4: 0}
    for hour, verdict in enumerate(looks):
        for critical in said if not verdict.unknown else ():
            said[critical] += verdict.at_least >= critical
            said[critical] *= verdict.at_most >= critical
        stepped = step(state, verdict, replace(the_rule, confirm=True), seen(hour))
        if isinstance(stepped.state, Firing) and stepped.change is not Change.F_DESCENDED and stepped.change:
            assert said.get(stepped.state.level, 2) >= 2
        state = stepped.state


@given(rules, verdicts)
def test_one_look_is_asked_for_in_each_confirmation_and_never_two(the_rule, looks):
    state: State = Ok()
    for hour, verdict in enumerate(looks):
        stepped = step(state, verdict, the_rule, seen(hour))
        before, after = rising_of(state), rising_of(stepped.state)
        confirming = after is not None and after.level >= 3 and the_rule.confirm
        under_way = before is not None and after is not None and after.level <= before.level
        assert stepped.refetch is (confirming and not under_way and not the_rule.shadow)
        state = stepped.state


@given(rules, verdicts)
def test_whoever_is_above_what_just_fired_has_begun_to_be_confirmed(the_rule, looks):
    state: State = Ok()
    for hour, verdict in enumerate(looks):
        state = step(state, verdict, the_rule, seen(hour)).state
        assert not isinstance(state, Firing) or state.rising or verdict.at_least <= state.level


@given(rules, st.lists(st.tuples(one, st.booleans()), max_size=25))
def test_only_looks_with_newer_numbers_are_counted(the_rule, looks):
    state, polled, said = Ok(), -1, set()
    for hour, (verdict, newer) in enumerate(looks):
        polled = hour if newer else polled
        if verdict.at_most == 0:
            said = set()
        elif not verdict.unknown:
            said.add(polled)
        stepped = step(state, verdict, the_rule, seen(hour, polled))
        if stepped.change in {Change.B_FIRED, Change.C_CONFIRMED}:
            assert len(said) >= the_rule.for_polls
        rising, state = rising_of(stepped.state), stepped.state
        assert rising is None or rising.polls <= len(said)


@given(rules, verdicts)
def test_no_level_is_left_that_is_kept_or_may_be_true(the_rule, looks):
    state = Ok()
    for hour, verdict in enumerate(looks):
        stepped = step(state, verdict, the_rule, seen(hour))
        if isinstance(state, Firing) and stepped.change in {Change.F_DESCENDED, Change.G_RESOLVED}:
            left = range(getattr(stepped.state, "level", 0) + 1, state.level + 1)
            assert left
            assert not set(left) & set(verdict.kept)
            assert verdict.at_most not in left
        state = stepped.state


@given(rules, verdicts, st.booleans())
def test_a_look_taken_twice_is_taken_once(the_rule, looks, first):
    state, past = Ok(), NO_PAST
    for hour, verdict in enumerate(looks):
        once = step(state, verdict, the_rule, seen(hour))
        now = remember(past, once, verdict, the_rule, at(hour), first and hour == 0)
        twice = step(once.state, verdict, the_rule, seen(hour))
        assert (twice.change, twice.refetch) == (None, False)
        assert twice.state == once.state
        assert remember(now, twice, verdict, the_rule, at(hour), first and hour == 0) == now
        state, past = once.state, now


# --- by a rule that says something else ---------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [0.5, 1, 3])
def test_what_was_rising_unseen_loses_no_time_when_old_numbers_are_judged_anew(hours):
    rising = Rising(1, since=at(0), seen=at(1), polled=at(1), blind=True)
    again = step(rising, level(1), rule(**{"for": "9h"}), Sighting(at(hours), at(hours), anew=True)).state
    assert (again.since, again.blind) == (at(max(0, hours - 1)), False)


@pytest.mark.parametrize(("anew", "change"), [(True, Change.G_RESOLVED), (False, None)])
def test_only_a_rule_that_says_something_else_judges_the_same_numbers_again(anew, change):
    firing = Firing(1, since=at(0), seen=at(1), peak=1)
    assert step(firing, NO, rule(), Sighting(at(1), at(1), anew)).change is change
