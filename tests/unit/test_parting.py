"""How an alert ends whose rule is no more: in the words that its readers know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.outcomes import Outcome, Owed
from rules.parting import in_words_of
from rules.story import Amount, Change, Ending, Who
from rules.values import Alert, Farthest, Firing, News, Ok, Severity, Unit
from tests.told import NOON, a_story

FAR = Farthest("violation_score", 7.0)
BEFORE = Alert("points", "tiktok/account/mei", (), Firing(1, NOON, NOON, 2, farthest=FAR), {"lin": 1, "wu": 1}, id=5)
POINTS = Change("violation_score", Unit.COUNT, Amount(3.0, Unit.COUNT), old=7.0)
LAST = a_story(
    "Mei has 3 points",
    level="warned",
    ladder=("warned", "banned", "gone"),
    scheme="points",
    changes=(POINTS,),
    condition="violation_score >= 3",
    effect="look why",
    measured=NOON,
    told=2,
    stand=1,
)
END = a_story(
    "tiktok/account/mei: points level 1",
    news=News.RESOLVED,
    severity=Severity.INFO,
    level="level 1",
    ladder=("level 1", "level 2"),
    told=1,
    ending=Ending(3600.0, "level 2"),
    reason="it is no longer watched",
)


def ended(told, before=BEFORE):
    owed = [Owed(channel, 0, END) for channel in ("lin", "wu")]
    found = in_words_of(told, Outcome(replace(before, state=Ok(), told={}), (), owed), before)
    assert [each.channel for each in found.owed] == ["lin", "wu"]
    assert found.owed[0].story == found.owed[1].story
    return found.owed[0].story


def test_who_was_told_that_it_is_on_reads_its_end_in_the_same_words_with_the_worst_and_the_last_number():
    last = replace(LAST, who=Who("Mei", "tiktok/account/mei"))
    story = ended({5: last})
    assert (story.headline, story.who, story.scheme, story.measured) == (last.headline, last.who, "points", NOON)
    assert (story.level, story.ladder) == ("warned", last.ladder)
    assert story.changes == (replace(POINTS, old=None, peak=7.0),)
    assert story.ending == Ending(3600.0, "banned")
    assert (story.news, story.severity, story.told, story.stand) == (News.RESOLVED, Severity.INFO, 1, 0)
    assert (story.condition, story.effect, story.reason) == ("", "", "it is no longer watched")


def test_an_alert_of_which_no_letter_is_known_ends_in_the_words_that_there_are():
    assert ended({4: LAST}) == END
    assert ended({5: LAST}, replace(BEFORE, id=None)) == END


@pytest.mark.parametrize(
    ("changes", "peaks"),
    [
        ((POINTS, replace(POINTS, metric="views")), [7.0, None]),
        ((POINTS, replace(POINTS, label="7")), [None, None]),
        ((replace(POINTS, metric="views"),), [None]),
        ((), []),
    ],
)
def test_of_several_numbers_the_one_that_went_so_far_is_named_and_not_guessed(changes, peaks):
    assert [each.peak for each in ended({5: replace(LAST, changes=changes)}).changes] == peaks
