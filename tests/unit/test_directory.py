"""Who is told what somebody looks after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.directory import Delegation, Directory

BEGIN, END = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 8, tzinfo=UTC)
CHANNELS = {"lin": ("lin-phone",), "wu": ("wu-phone", "wu-mail"), "mei": ("mei-phone",)}
LIN_TO_WU, WU_TO_MEI, WU_TO_LIN = (
    Delegation(owner, to, BEGIN, END) for owner, to in [("lin", "wu"), ("wu", "mei"), ("wu", "lin")]
)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (BEGIN - timedelta(seconds=1), ("lin-phone",)),
        (BEGIN, ("wu-phone", "wu-mail")),
        (END - timedelta(seconds=1), ("wu-phone", "wu-mail")),
        (END, ("lin-phone",)),
    ],
)
def test_a_stand_in_is_told_instead_from_the_first_moment_to_the_last(at, told):
    assert Directory(CHANNELS, (LIN_TO_WU,)).told("lin", at) == told


def test_who_stands_in_for_a_stand_in_is_told():
    directory = Directory(CHANNELS, (LIN_TO_WU, WU_TO_MEI))
    assert directory.told("lin", BEGIN) == directory.told("wu", BEGIN) == ("mei-phone",)


def test_of_two_stand_ins_the_first_is_told():
    first = Delegation("lin", "mei", BEGIN, END)
    assert Directory(CHANNELS, (first, LIN_TO_WU)).told("lin", BEGIN) == ("mei-phone",)


def test_in_a_circle_everybody_is_told_themselves():
    directory = Directory(CHANNELS, (LIN_TO_WU, WU_TO_LIN))
    assert directory.told("lin", BEGIN) == ("lin-phone",)
    assert directory.told("wu", BEGIN) == ("wu-phone", "wu-mail")


def test_of_somebody_unknown_nobody_is_told():
    assert Directory(CHANNELS).told("eve", BEGIN) == ()


PEOPLE = st.sampled_from([*CHANNELS, "eve"])


@given(st.lists(st.builds(Delegation, PEOPLE, PEOPLE, st.just(BEGIN), st.just(END)), max_size=6), PEOPLE)
def test_whoever_stands_in_for_whom_it_is_one_person_who_is_told(delegations, owner):
    assert Directory(CHANNELS, tuple(delegations)).person(owner, BEGIN) in {*CHANNELS, "eve"}
