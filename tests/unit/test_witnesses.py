"""Before a move counts as a target's own, others are looked at: for whom that waits, how long, and who they are."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from daemon.guard import LONGEST_WAIT_S, WITNESSES, Comparison, Guard, Population
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from rules.values import Metric, Subject, Unit

HOUR = 3_600.0
FANS = Metric("fans", Subject.ACCOUNT, Unit.COUNT, "", total=True)
PROFILE = replace(ENDPOINTS["fetch_creator_info_and_milestones"], name="profile", metrics=(FANS,))


class Crowd:
    """Targets of one endpoint, all of which had a million fans at first."""

    def __init__(self, size: int, creators: int | None = None) -> None:
        self.population, self.creators = Population(Guard()), creators or size
        self.population.targets("profile", size)
        for number in range(size):
            self.look(number, 0.0, 1e6)

    def look(self, number: int, at_s: float, fans: float | None) -> None:
        before, account = {("fans", ()): 1e6}, str(number % self.creators)
        after, reason = ({("fans", ()): fans}, None) if fans is not None else (None, Reason.BAD_PAYLOAD)
        self.population.look(Comparison(PROFILE, str(number), account, at_s, HOUR, before, after, reason))

    def waits(self, number: int, at_s: float) -> bool:
        return self.population.waits("profile", str(number), at_s)

    def witnesses(self, number: int) -> list[str]:
        return self.population.witnesses("profile", str(number))


def test_a_calm_look_never_waits_and_neither_does_one_that_never_was():
    crowd = Crowd(20)
    crowd.look(0, 60.0, 1e6 + 5)
    assert not crowd.waits(0, 60.0)
    assert not crowd.waits(99, 60.0)
    assert not crowd.population.waits("another", "0", 60.0)


def test_a_fall_waits_until_four_others_were_looked_at():
    crowd = Crowd(20)
    crowd.look(0, 60.0, 9e5)
    for number in range(1, WITNESSES + 1):
        assert crowd.waits(0, 90.0)
        crowd.look(number, 90.0, 1e6)
    assert not crowd.waits(0, 90.0)


def test_looks_from_before_it_bear_no_witness():
    crowd = Crowd(20)
    for number in range(1, 9):
        crowd.look(number, 59.0, 1e6)
    crowd.look(0, 60.0, 9e5)
    assert crowd.waits(0, 60.0)


def test_while_a_third_of_them_say_the_same_it_waits_on():
    crowd = Crowd(50)
    crowd.look(0, 60.0, 9e5)
    for number in range(1, 11):
        crowd.look(number, 60.0, 9e5 if number < 5 else 1e6)
    assert crowd.waits(0, 60.0)
    for number in range(11, 16):
        crowd.look(number, 60.0, 1e6)
    assert not crowd.waits(0, 60.0)


def test_nothing_waits_longer_than_an_hour_nor_where_the_doubt_is_open():
    crowd = Crowd(20)
    crowd.look(0, 60.0, 9e5)
    assert crowd.waits(0, 60.0 + LONGEST_WAIT_S)
    assert not crowd.waits(0, 61.0 + LONGEST_WAIT_S)
    for number in range(1, 6):
        crowd.look(number, 90.0, 9e5)
    assert crowd.population.held("profile", "fans", 90.0)
    assert not crowd.waits(5, 90.0)


def test_nothing_waits_where_so_few_are_watched_that_there_can_be_no_doubt():
    few, of_two = Crowd(4), Crowd(20, creators=2)
    for crowd in (few, of_two):
        crowd.look(0, 60.0, 9e5)
        assert not crowd.waits(0, 60.0)


def test_of_five_all_the_others_are_enough():
    crowd = Crowd(5)
    crowd.look(0, 60.0, 9e5)
    for number in range(1, 5):
        assert crowd.waits(0, 60.0)
        crowd.look(number, 60.0, 1e6)
    assert not crowd.waits(0, 60.0)


def test_witnesses_are_those_whose_turn_is_next_and_they_are_named_once():
    crowd = Crowd(20)
    crowd.look(1, 30.0, 1e6)
    crowd.look(2, 45.0, 9e5)
    crowd.look(0, 60.0, None)
    assert crowd.witnesses(0) == ["3", "4", "5", "6"]
    crowd.look(0, 360.0, None)
    assert crowd.witnesses(0) == []
    assert crowd.waits(0, 360.0)


def test_of_what_lists_carry_the_lists_of_other_accounts_bear_witness():
    population = Population(Guard())
    plays = Metric("plays", Subject.VIDEO, Unit.COUNT, "", total=True)
    listing = replace(PROFILE, name="list", metrics=(plays,))

    def look(account: str, at_s: float, *found: float) -> None:
        for number, each in enumerate(found):
            before, after = {("plays", ()): 1e6}, {("plays", ()): each}
            population.look(Comparison(listing, f"{account}{number}", account, at_s, HOUR, before, after))

    for account in "abcdefg":
        look(account, 0.0, 1e6, 1e6, 1e6)
    look("a", 60.0, 5e5)
    assert population.waits("list", "a0", 60.0)
    assert population.witnesses("list", "a0") == ["b", "c", "d", "e"]


@given(st.lists(st.tuples(st.integers(0, 19), st.sampled_from([1e6, 9e5, 2e6, None]), st.integers(0, 600))))
def test_whatever_is_seen_only_what_is_odd_waits_and_never_beyond_its_hour(looks):
    crowd, at_s, odd_since_s = Crowd(20), 0.0, {}
    for number, fans, seconds in looks:
        at_s += seconds
        crowd.look(number, at_s, fans)
        if fans == 1e6:
            odd_since_s.pop(number, None)
        else:
            odd_since_s[number] = at_s
        waiting = {each for each in range(20) if crowd.waits(each, at_s)}
        assert waiting <= odd_since_s.keys()
    assert not any(crowd.waits(each, at_s + LONGEST_WAIT_S + 1) for each in range(20))
