"""What many letters come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.digest import BACKLOG, FLOOD, LATE, Digest, Fate, Piece, entry, parcels
from rules.story import Story, Who
from rules.telling import news
from rules.values import News, Severity

AT = datetime(2026, 2, 2, tzinfo=UTC)
SEVERITIES = [Severity.INFO, Severity.WARNING, Severity.HIGH, Severity.CRITICAL]


def told(
    stands: list[int], thing: str = "points mei", bundle: str = "", first: int = 1, before: int = 0
) -> list[Piece]:
    """Letters about a thing that stood here, then there."""
    pieces = []
    for number, stand in enumerate(stands, first):
        what = news(before, stand) or News.FIRED
        severity = SEVERITIES[abs(stand)] if stand else Severity.INFO
        story = Story(what, severity, AT, "points", Who(thing, thing), told=before, stand=stand)
        pieces.append(Piece(number, thing, story, AT + timedelta(seconds=number), bundle))
        before = stand
    return pieces


@pytest.mark.parametrize(
    ("before", "stands", "fate", "what"),
    [
        (0, [1], Fate.OPENED, News.FIRED),
        (0, [1, 2, 3], Fate.OPENED, News.FIRED),
        (1, [2, 3], Fate.CLIMBED, News.CLIMBED),
        (3, [2, 1], Fate.DESCENDED, News.DESCENDED),
        (2, [3, 0], Fate.ENDED, News.RESOLVED),
        (0, [2, 0], Fate.PASSED, None),
        (1, [2, 1], Fate.RETURNED, None),
        (1, [-1], Fate.FLAPPING, News.FLAPPING),
        (-1, [2], Fate.OPENED, News.SETTLED),
        (-1, [0], Fate.ENDED, News.RESOLVED),
    ],
)
def test_letters_about_a_thing_come_to_what_changed_from_first_to_last(before, stands, fate, what):
    found = entry(told(stands, before=before))
    assert found.fate is fate
    assert (found.story.told, found.story.stand) == (before, stands[-1])
    assert what is None or found.story.news is what


def test_a_letter_by_itself_is_told_as_it_is():
    [letter] = told([2])
    [parcel] = parcels([letter], AT)
    assert parcel.content is letter.story


def test_several_letters_about_a_thing_are_one_message_that_tells_the_way_from_first_to_last():
    [parcel] = parcels(told([1, 2, 3]), AT)
    assert isinstance(parcel.content, Story)
    assert (parcel.content.told, parcel.content.stand, parcel.content.news) == (0, 3, News.FIRED)


def test_what_came_and_went_before_it_could_be_told_is_told_as_that():
    [parcel] = parcels(told([2, 0]), AT)
    assert isinstance(parcel.content, Digest)
    assert [each.fate for each in parcel.content.entries] == [Fate.PASSED]
    assert parcel.content.entries[0].gravest is Severity.HIGH
    assert parcel.content.severity is Severity.INFO


def test_a_bundle_is_one_message_with_what_is_still_on_before_what_is_over_and_the_gravest_first():
    night = "quiet nights"
    pieces = [
        *told([1, 0], "a", night, 1),
        *told([1], "b", night, 10),
        *told([3], "c", night, 20),
        *told([2, 3], "d", night, 30, before=1),
        *told([0], "e", night, 40, before=2),
    ]
    [parcel] = parcels(pieces, AT)
    assert isinstance(parcel.content, Digest)
    assert (parcel.content.kind, parcel.content.name) == ("quiet", "nights")
    assert [(each.story.who.key, each.fate) for each in parcel.content.entries] == [
        ("c", Fate.OPENED),
        ("b", Fate.OPENED),
        ("d", Fate.CLIMBED),
        ("a", Fate.PASSED),
        ("e", Fate.ENDED),
    ]
    assert parcel.content.severity is Severity.CRITICAL


def test_a_bundle_of_one_is_the_message_that_it_would_have_been():
    [letter] = told([1], bundle="group account mei")
    [parcel] = parcels([letter], AT)
    assert parcel.content is letter.story


@pytest.mark.parametrize(("things", "late", "messages"), [(FLOOD, LATE * 2, FLOOD), (FLOOD + 1, LATE * 2, 1)])
def test_what_piled_up_is_one_message_from_a_flood_on(things, late, messages):
    pieces = [replace(told([1], f"t{number}")[0], id=number) for number in range(things)]
    found = parcels(pieces, AT + late)
    assert len(found) == messages
    assert messages > 1 or found[0].content.kind == BACKLOG


def test_many_at_once_that_are_not_late_stay_messages_of_their_own():
    pieces = [replace(told([1], f"t{number}")[0], id=number) for number in range(50)]
    assert len(parcels(pieces, AT + timedelta(seconds=5))) == 50


@st.composite
def letters(draw):
    pieces: list[Piece] = []
    stood: dict[str, int] = {}
    steps = st.tuples(st.sampled_from("abcdef"), st.integers(-2, 3), st.sampled_from(["", "quiet n", "digest d"]))
    for number, (thing, stand, bundle) in enumerate(draw(st.lists(steps, max_size=25)), 1):
        pieces += told([stand], thing, bundle, number, stood.get(thing, 0))
        stood[thing] = stand
    return pieces


@given(letters(), st.sampled_from([timedelta(0), LATE * 3]))
def test_each_letter_is_in_one_message_and_a_thing_that_is_told_alone_ends_where_its_last_letter_stands(pieces, late):
    found = parcels(pieces, AT + late)
    assert sorted(piece.id for parcel in found for piece in parcel.pieces) == [piece.id for piece in pieces]
    for parcel in found:
        content = parcel.content
        stories = [content] if isinstance(content, Story) else [each.story for each in content.entries]
        last = {piece.thing: piece.story.stand for piece in parcel.pieces}
        assert {story.who.key: story.stand for story in stories} == last
