"""The life of an alert: one look, one step. docs/alert-states.md draws it; the letters are its transitions.

::

              A true, to be confirmed          C held for `for` and `for_polls`
    Ok ------------------------------> Rising -----------------------------------> Firing --+ E climbed
     ^ <------------------------------   |                                          ^  |  <-+ F descended
     |        D no longer true           +-- (unknown: stays)                       |  |
     |                                                                              |  |
     +------------------------------------------------------------------------------|--+ G clear for `keep_firing`
                                          B true, nothing to confirm ---------------+    X what it was about is gone

Unknown moves nothing: time spent not knowing does not count towards `for`, and `keep_firing` begins anew after it. A
look that brings no newer observation than the last one is no look at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rules.book import Rule
from rules.values import Change, Firing, Ok, Rising, State, Verdict

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a look; ``change`` is None where the state may have aged but nothing happened."""

    state: State
    change: Change | None = None
    reason: str = ""


def step(state: State, verdict: Verdict, rule: Rule, at: datetime) -> Step:
    """What one look makes of a state. ``at`` is when the looked-at numbers were seen; an older one changes nothing."""
    if verdict.at_least == 0 < verdict.at_most:
        return Step(_unseen(state))
    if not isinstance(state, Ok) and at <= state.seen:
        return Step(state)
    match state:
        case Ok():
            return _from_ok(verdict, rule, at)
        case Rising():
            return _from_rising(state, verdict, rule, at)
        case Firing():
            return _from_firing(state, verdict, rule, at)


def end(reason: str) -> Step:
    """X: the target, the record or the rule is gone."""
    return Step(Ok(), Change.X_GONE, reason)


def _unseen(state: State) -> State:
    """Unknown: everything stays; what is being confirmed notes the gap, an end must be seen to last."""
    match state:
        case Rising(blind=False):
            return replace(state, blind=True)
        case Firing():
            return replace(state, rising=_blinded(state.rising), easing=None)
    return state


def _from_ok(verdict: Verdict, rule: Rule, at: datetime) -> Step:
    if verdict.at_least == 0:
        return Step(Ok())
    rising = Rising(verdict.at_least, since=at, seen=at)
    if _confirmed(rising, rule, at):
        return Step(_fire(verdict.at_least, at), Change.B_FIRED, "the condition holds")
    return Step(rising, Change.A_PENDING, "the condition holds; to be confirmed")


def _from_rising(state: Rising, verdict: Verdict, rule: Rule, at: datetime) -> Step:
    if verdict.at_most == 0:
        return Step(Ok(), Change.D_DISMISSED, "the condition no longer holds")
    rising = _seen_again(state, verdict.at_least, at)
    if _confirmed(rising, rule, at):
        return Step(_fire(rising.level, at), Change.C_CONFIRMED, "the condition held long enough")
    return Step(rising)


def _from_firing(state: Firing, verdict: Verdict, rule: Rule, at: datetime) -> Step:
    if verdict.at_least > state.level:
        return _climbing(state, verdict, rule, at)
    if verdict.at_most == 0:
        return _easing(state, verdict, rule, at)
    if verdict.at_most < state.level:
        lower = replace(state, level=verdict.at_most, seen=at, rising=None, easing=None)
        return Step(lower, Change.F_DESCENDED, "the higher level no longer holds")
    return Step(_aged(state, at, _unsure(state.rising, verdict), None))


def _climbing(state: Firing, verdict: Verdict, rule: Rule, at: datetime) -> Step:
    started = Rising(verdict.at_least, since=at, seen=at)
    rising = started if state.rising is None else _seen_again(state.rising, verdict.at_least, at)
    if not _confirmed(rising, rule, at):
        return Step(_aged(state, at, rising, None))
    peak = max(state.peak, rising.level)
    climbed = Firing(rising.level, state.since, seen=at, peak=peak)
    return Step(climbed, Change.E_CLIMBED, "a higher level holds")


def _easing(state: Firing, verdict: Verdict, rule: Rule, at: datetime) -> Step:
    """No level holds: it ends if the clear condition holds too, and has for ``keep_firing``."""
    if verdict.clear is not True:
        return Step(_aged(state, at, None, None))
    since = state.easing or at
    if at - since >= rule.keep_firing:
        return Step(Ok(), Change.G_RESOLVED, "the condition no longer holds")
    return Step(_aged(state, at, None, since))


def _aged(state: Firing, at: datetime, rising: Rising | None, easing: datetime | None) -> Firing:
    """The same level, with what is under way; the very same state if nothing is, so that nothing needs storing."""
    if state.rising == rising and state.easing == easing:
        return state
    return replace(state, seen=at, rising=rising, easing=easing)


def _confirmed(rising: Rising, rule: Rule, at: datetime) -> bool:
    return at - rising.since >= rule.hold_for and rising.polls >= rule.for_polls


def _fire(level: int, at: datetime) -> Firing:
    return Firing(level, since=at, seen=at, peak=level)


def _seen_again(rising: Rising, level: int, at: datetime) -> Rising:
    """One more look that says so. A lower level than before keeps its time; a higher one has only begun to be true."""
    gap = at - rising.seen if rising.blind else ZERO
    return Rising(min(level, rising.level), rising.since + gap, seen=at, polls=rising.polls + 1)


def _unsure(rising: Rising | None, verdict: Verdict) -> Rising | None:
    """A higher level that may still hold waits; one that does not is forgotten."""
    return None if rising is None or verdict.at_most < rising.level else _blinded(rising)


def _blinded(rising: Rising | None) -> Rising | None:
    return None if rising is None else replace(rising, blind=True)
