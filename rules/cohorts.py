"""How a rule sees a video among others of the same age.

What videos had at each age of comparison is written down by the daemon, and put into the views of all that are watched:
the video's own numbers as one window, whose times are ages in seconds, and those of its account's newest videos as a
window an age, whose times are ranks. The latter are the same windows in the views of all videos of an account.
"""

from __future__ import annotations

from bisect import bisect_left

from rules.detector_baseline import DAY_S
from rules.detector_peers import cohort, milestone
from rules.detectors import Finding
from rules.values import NO_LABELS, Labels, View, Window
from rules.windows import newest

COHORT = "cohort"
"""The function of the language."""

PUBLISHED_AT = "published_at"
"""The metric that says when a video was published."""

KEPT = 30
"""Of so many videos of an account, the newest, it is kept what they had at an age."""

PASSING_S = 4 * DAY_S
"""What a video had at an age is read off its window soon after: twice the longest interval up to the last age."""


def own(metric: str) -> str:
    """Under which name a view has what the video itself had at each age."""
    return f"{metric}_at_age"


def peers(metric: str) -> str:
    """Under which name a view has what videos of the account had, by ``at`` an age; the video may be among them."""
    return f"{metric}_of_peers"


def at(age_s: float) -> Labels:
    """The labels of an age."""
    return (("age_s", f"{age_s:.0f}"),)


def among_peers(metric: str, window: Window, view: View, at_s: float) -> Finding | None:
    """How a video does against others at the newest age of comparison that it was seen at.

    Unknown where its number (``window``) is, while its age is, before the first such age, where nothing was seen around
    that, and with too few others.
    """
    born = view.get(PUBLISHED_AT, {}).get(NO_LABELS)
    born_s = None if born is None else newest(born, at_s)
    age_s = None if born_s is None or newest(window, at_s) is None else milestone(window.times_s[-1] - born_s)
    value = None if age_s is None else _had(view.get(own(metric), {}).get(NO_LABELS), age_s)
    if age_s is None or value is None:
        return None
    passed = view.get(peers(metric), {}).get(at(age_s))
    others = [] if passed is None else list(passed.values)
    if value in others:
        others.remove(value)  # its own
    return cohort(value, age_s, others)


def _had(window: Window | None, age_s: float) -> float | None:
    if window is None:
        return None
    place = bisect_left(window.times_s, age_s)
    return window.values[place] if place < len(window.times_s) and window.times_s[place] == age_s else None
