"""What followed of a replay, counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from daemon.post import Letter
from daemon.tally import Difference, Incident, Journal, Tally, added, difference
from rules.outcomes import Outcome, Owed, Transition
from rules.values import NO_LABELS, Alert, Change, Firing, Ok, Severity, Subject, Target
from tests.told import a_story

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
MEI = Target("tiktok/account/1", Subject.ACCOUNT, "Mei", "tiktok", owner="lin")


def outcome(change, level, at, news=None):
    state = Firing(level, at, at, level) if level else Ok()
    story = a_story(severity=Severity.INFO)
    letters = [] if news is None else [Owed("console", level, story)]
    return Outcome(Alert("points", MEI.key, NO_LABELS, state), [Transition(change, at, 0, level, "")], letters)


def journal(*steps):
    found = Journal({MEI.key: MEI}, NOW)
    for hour, change, level, *news in steps:
        at = NOW + hour * HOUR
        found.enter([outcome(change, level, at, *news)], at)
    found.close({})
    return found


def incident(begun, ended, rule="points", target=MEI.key):
    times = (NOW + begun * HOUR, None if ended is None else NOW + ended * HOUR)
    return Incident(rule, target, "lin", NO_LABELS, *times, 1)


def tally(*incidents, told=()):
    return Tally(NOW, incidents, told, {})


def test_an_alert_has_a_beginning_an_end_and_the_highest_level_between():
    found = journal(
        (1, Change.B_FIRED, 1), (2, Change.E_CLIMBED, 3), (3, Change.F_DESCENDED, 1), (4, Change.G_RESOLVED, 0)
    )
    assert found.incidents == [Incident("points", MEI.key, "lin", NO_LABELS, NOW + HOUR, NOW + 4 * HOUR, 3)]


def test_what_was_over_before_the_time_that_counts_is_left_out_and_what_was_on_is_not():
    over = journal((-3, Change.B_FIRED, 1, "told"), (-2, Change.G_RESOLVED, 0, "told"))
    still_on = journal((-3, Change.C_CONFIRMED, 1, "told"))
    assert (over.incidents, over.told) == ([], [])
    (on,) = still_on.incidents
    assert (on.began, on.ended, still_on.told) == (NOW - 3 * HOUR, None, [])
    found = added([over, still_on], NOW)
    assert (found.begun(), found.on("points")) == ([], 1)


def test_what_is_only_pending_or_dismissed_is_no_incident():
    assert journal((1, Change.A_PENDING, 0), (2, Change.D_DISMISSED, 0), (3, Change.X_GONE, 0)).incidents == []


def test_letters_of_a_bundle_are_a_message_until_it_is_quiet_for_a_minute_or_ten_have_passed():
    def at(seconds, bundle="first-sight", channel="console"):
        when = NOW + timedelta(seconds=seconds)
        about = "points", f"video {seconds} {bundle}", NO_LABELS, a_story(told=0, stand=1)
        return Letter(channel, *about, when, when, bundle, timedelta(seconds=60 if bundle else 0))

    together = tally(told=[at(0), at(50), at(100), at(161, ""), at(161), at(0, channel="other")])
    assert [each - NOW for each in together.messages("console")] == [
        timedelta(seconds=160),
        timedelta(seconds=161),
        timedelta(seconds=221),
    ]
    endless = tally(told=[at(30 * number) for number in range(40)])
    assert [each - NOW for each in endless.messages("console")] == [timedelta(seconds=600), timedelta(seconds=1200)]


def test_two_books_agree_on_an_alert_that_was_on_at_the_same_moment_under_both():
    first = tally(incident(1, 3), incident(10, 12), incident(20, None))
    second = tally(incident(2, 5), incident(13, 14), incident(15, None, target="tiktok/account/2"))
    assert difference(first, second, "points") == Difference(
        first=3, second=3, both=1, only_first=2, only_second=2, opens=1, closes=1
    )
    assert difference(first, second, "other") == Difference(0, 0, 0, 0, 0, 0, 0)
