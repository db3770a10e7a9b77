"""The end of an alert whose rule or target is no more, in the words in which it was told that it is on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rules.outcomes import Outcome
from rules.story import Change, Story
from rules.values import Alert, Farthest, Firing


def in_words_of(told: Mapping[int, Story], ended: Outcome, before: Alert) -> Outcome:
    """The same end of an alert, that was as ``before``: it is told by the names and numbers that its readers know.

    ``told`` is what was told last of alerts (their ids) while they were on.
    """
    last = None if before.id is None else told.get(before.id)
    if last is None:
        return ended
    far = before.state.farthest if isinstance(before.state, Firing) else None
    return replace(ended, owed=[replace(each, story=_parted(each.story, last, far)) for each in ended.owed])


def _parted(end: Story, last: Story, far: Farthest | None) -> Story:
    """``end`` knows when and why, and of levels only their numbers; the ``last`` story has the rest, as it was then."""
    names = dict(zip(end.ladder, last.ladder, strict=False))
    ending = end.ending
    return replace(
        end,
        who=last.who,
        headline=last.headline,
        level=names.get(end.level, end.level),
        ladder=last.ladder,
        scheme=last.scheme,
        changes=tuple(_changes(last, far)),
        ending=ending and replace(ending, peak=names.get(ending.peak, ending.peak)),
        measured=last.measured,
        polled=last.polled,
    )


def _changes(last: Story, far: Farthest | None) -> Iterator[Change]:
    """The numbers as they were then, and how far the one went that is known to have; of series alike nobody knows."""
    metrics = [each.metric for each in last.changes]
    for each in last.changes:
        is_known = far is not None and far.metric == each.metric and metrics.count(each.metric) == 1
        yield replace(each, old=None, peak=far.number if far and is_known else None)
