"""The life of an alert: one look, one step. docs/alert-states.md draws it; the letters are its transitions.

::

              A true, to be confirmed          C held for `for` and `for_polls`
    Ok ------------------------------> Rising -----------------------------------> Firing --+ E climbed
     ^ <------------------------------   |                                          ^  |  <-+ F descended
     |        D no longer true           +-- (unknown: stays)                       |  |
     |                                                                              |  |
     +------------------------------------------------------------------------------|--+ G clear for `keep_firing`
                                          B true, nothing to confirm ---------------+    X what it was about is gone

    besides: H it began too often, and now counts as coming and going; I it was still, and counts as it is again

Unknown moves nothing: time spent not knowing does not count towards `for`, and `keep_firing` begins anew after it. A
look that brings no newer observation than the last one is no look at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rules.book import Flapping, Rule
from rules.durations import say_duration
from rules.values import Change, Firing, Flaps, Ok, Past, Rising, Severity, State, Verdict

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a look; ``change`` is None where the state may have aged but nothing happened.

    ``refetch``: a critical level has begun to be confirmed, and one more look with newer numbers would decide it.
    ``begins``: it began, or climbed again to a level that it had left.
    """

    state: State
    change: Change | None = None
    reason: str = ""
    refetch: bool = False
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a look was taken: ``at`` is its time for all that must last, ``polled`` that of its newest numbers.

    They differ where time alone can change what is true. ``anew``: the rule says something else than at the last look,
    so the same numbers may say something else too.
    """

    at: datetime
    polled: datetime
    anew: bool = False


def step(state: State, verdict: Verdict, rule: Rule, seen: Sighting) -> Step:
    """What one look makes of a state. One that is not newer than the last changes nothing, but for one that is anew."""
    if verdict.unknown:
        return Step(_unseen(state, rule, seen))
    if not isinstance(state, Ok) and seen.at <= state.seen and not seen.anew:
        return Step(state)
    match state:
        case Ok():
            return _from_ok(verdict, rule, seen)
        case Rising():
            return _from_rising(state, verdict, rule, seen)
        case Firing():
            return _from_firing(state, verdict, rule, seen)


def end(reason: str) -> Step:
    """X: the target, the record or the rule is gone."""
    return Step(Ok(), Change.X_GONE, reason)


def _unseen(state: State, rule: Rule, seen: Sighting) -> State:
    """Unknown: everything stays; what is being confirmed notes the gap, an end must be seen to last."""
    match state:
        case Rising():
            return _blinded(state, rule, seen)
        case Firing():
            rising = None if state.rising is None else _blinded(state.rising, rule, seen)
            return replace(state, rising=rising, easing=None)
    return state


def _from_ok(verdict: Verdict, rule: Rule, seen: Sighting) -> Step:
    if verdict.at_least == 0:
        return Step(Ok())
    rising = _started(verdict, seen)
    level, refetch = _confirmed(rising, verdict, rule, seen.at), _buys(rule, rising)
    if level:
        return Step(_fire(level, rising, verdict, seen), Change.B_FIRED, _because(verdict), refetch, begins=True)
    return Step(rising, Change.A_PENDING, f"{_because(verdict)}; to be confirmed", refetch)


def _from_rising(state: Rising, verdict: Verdict, rule: Rule, seen: Sighting) -> Step:
    if verdict.at_most == 0:
        return Step(Ok(), Change.D_DISMISSED, "the condition no longer holds")
    rising = _seen_again(state, verdict.at_least, rule, seen)
    level = _confirmed(rising, verdict, rule, seen.at)
    if level:
        fired = _fire(level, rising, verdict, seen)
        refetch = _buys(rule, fired.rising, rising)
        return Step(fired, Change.C_CONFIRMED, f"{_because(verdict)}, and did long enough", refetch, begins=True)
    return Step(rising)


def _from_firing(state: Firing, verdict: Verdict, rule: Rule, seen: Sighting) -> Step:
    if verdict.at_least > state.level:
        return _climbing(state, verdict, rule, seen)
    floor = verdict.floor(state.level)
    if floor == 0:
        return _easing(state, verdict, rule, seen.at)
    if floor < state.level:
        lower = replace(state, level=floor, seen=seen.at, rising=None, easing=None)
        return Step(lower, Change.F_DESCENDED, "the higher level no longer holds")
    return Step(_aged(state, seen.at, _unsure(state.rising, verdict, rule, seen), None))


def _climbing(state: Firing, verdict: Verdict, rule: Rule, seen: Sighting) -> Step:
    before = state.rising
    rising = _started(verdict, seen) if before is None else _seen_again(before, verdict.at_least, rule, seen)
    under_way = None if before is None else rising
    level = _confirmed(rising, verdict, rule, seen.at)
    if level <= state.level:
        return Step(_aged(state, seen.at, rising, None), refetch=_buys(rule, rising, under_way))
    fired = _fire(level, rising, verdict, seen)
    climbed = replace(fired, since=state.since, peak=max(state.peak, level))
    refetch = _buys(rule, fired.rising, under_way)
    return Step(climbed, Change.E_CLIMBED, "a higher level holds", refetch, begins=level <= state.peak)


def _easing(state: Firing, verdict: Verdict, rule: Rule, at: datetime) -> Step:
    """Every level may be left: it ends if the clear condition holds too, and has for ``keep_firing``."""
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


def _because(verdict: Verdict) -> str:
    return "it is not known, which counts as true" if verdict.guessed else "the condition holds"


# --- confirming ---------------------------------------------------------------------------------------------------


def _started(verdict: Verdict, seen: Sighting) -> Rising:
    return Rising(verdict.at_least, since=seen.at, seen=seen.at, polled=seen.polled)


def must_confirm(rule: Rule, level: int) -> bool:
    """Whether a level needs a second look. The daemon's own states do not: there is nothing to buy, or to wait for."""
    return rule.confirm and not rule.lasting and rule.severity(level) is Severity.CRITICAL


def _buys(rule: Rule, rising: Rising | None, under_way: Rising | None = None) -> bool:
    """Whether a look is bought for what rises now: a critical level, if its confirmation was not ``under_way``."""
    if rising is None or rising is under_way or rule.shadow:
        return False
    return must_confirm(rule, rising.level)


def _confirmed(rising: Rising, verdict: Verdict, rule: Rule, at: datetime) -> int:
    """The level that has held long and often enough: the rising one, a lower one meanwhile, or none (0)."""
    if at - rising.since < rule.hold_for or rising.polls < rule.for_polls:
        return 0
    twice = rising.polls > 1 or not must_confirm(rule, rising.level)
    return rising.level if twice else verdict.sure


def _fire(level: int, rising: Rising, verdict: Verdict, seen: Sighting) -> Firing:
    """On, at ``level``; what is higher goes on rising, or begins to."""
    above = rising if level < rising.level else _started(verdict, seen) if level < verdict.at_least else None
    return Firing(level, since=seen.at, seen=seen.at, peak=level, rising=above)


def _seen_again(rising: Rising, level: int, rule: Rule, seen: Sighting) -> Rising:
    """One more look that says so. A lower level than before keeps its time; a higher one has only begun to be true.

    Time alone does not confirm: only a look with newer numbers is counted, by the clock until there are enough. If it
    changes nothing the very same is given back, so that nothing needs storing.
    """
    enough = rule.by_clock and rising.polls >= max(rule.for_polls, 2)
    newer, lower = seen.polled > rising.polled and not enough, min(level, rising.level)
    if not newer and not rising.blind and lower == rising.level:
        return rising
    gap = max(ZERO, seen.at - rising.seen) if rising.blind else ZERO
    polled = max(seen.polled, rising.polled)
    return Rising(lower, rising.since + gap, seen=seen.at, polled=polled, polls=rising.polls + newer)


def _unsure(rising: Rising | None, verdict: Verdict, rule: Rule, seen: Sighting) -> Rising | None:
    """A higher level that may still hold waits; one that does not is forgotten."""
    return None if rising is None or verdict.at_most < rising.level else _blinded(rising, rule, seen)


def _blinded(rising: Rising, rule: Rule, seen: Sighting) -> Rising:
    """Not seen any more. By the clock it was until now: looks that change nothing are not noted."""
    if rising.blind:
        return rising
    return replace(rising, blind=True, seen=seen.at if rule.by_clock else rising.seen)


# --- what is remembered besides the state -------------------------------------------------------------------------

_TURNS = {
    Change.B_FIRED,
    Change.C_CONFIRMED,
    Change.E_CLIMBED,
    Change.F_DESCENDED,
    Change.G_RESOLVED,
    Change.X_GONE,
}


def remember(past: Past, stepped: Step, verdict: Verdict, rule: Rule, at: datetime, first: bool = False) -> Past:
    """What is remembered of an alert after a step. ``first``: its target is judged by this rule for the first time.

    The N-th beginning within the rule's time makes it one that comes and goes; it is that until no level was reached or
    left for as long. Unknown changes nothing here either.
    """
    if verdict.unknown:
        return past
    flapping = rule.flapping
    begun = () if flapping is None else _begun(past, stepped, flapping, at)
    flaps = None if flapping is None else _flaps(past, begun, stepped, flapping, at)
    return replace(past, begun=begun, flaps=flaps, first=_first(past, stepped, verdict, first))


def changes(stepped: Step, before: Past, after: Past, rule: Rule) -> list[tuple[Change, str]]:
    """The transitions of a look, and why: that of the state, and H or I where coming and going began or ended."""
    made = [(stepped.change, stepped.reason)] if stepped.change else []
    if rule.flapping is not None:
        if before.flaps is None and after.flaps is not None:
            made.append((Change.H_FLAPPING, f"it {how_often(rule, rule.flapping)}"))
        if before.flaps is not None and after.flaps is None and stepped.change not in _TURNS:
            within = say_duration(rule.flapping.within.total_seconds())
            made.append((Change.I_SETTLED, f"it was still for {within}"))
    return made


def how_often(rule: Rule, flapping: Flapping) -> str:
    """What makes an alert of a rule one that comes and goes: "began 4 times in 6 h"."""
    did = "began" if len(rule.levels) == 1 else "began or climbed again"
    return f"{did} {flapping.times} times in {say_duration(flapping.within.total_seconds())}"


def _begun(past: Past, stepped: Step, flapping: Flapping, at: datetime) -> tuple[datetime, ...]:
    if stepped.begins:
        recent = [begun for begun in past.begun if at - begun <= flapping.within]
        return (*recent, at)[-flapping.times :]
    over = not past.begun or at - past.begun[-1] > flapping.within
    return () if over else past.begun


def _flaps(past: Past, begun: tuple[datetime, ...], stepped: Step, flapping: Flapping, at: datetime) -> Flaps | None:
    level = stepped.state.level if isinstance(stepped.state, Firing) else 0
    if past.flaps is None:
        often = stepped.begins and len(begun) >= flapping.times
        return Flaps(at, level) if often else None
    if stepped.change in _TURNS:
        return Flaps(at, max(past.flaps.peak, level))
    still = at - past.flaps.stirred >= flapping.within
    return None if still else replace(past.flaps, peak=max(past.flaps.peak, level))


def _first(past: Past, stepped: Step, verdict: Verdict, first: bool) -> int:
    if isinstance(stepped.state, Ok):
        return 0
    return verdict.at_least if first and stepped.change in {Change.A_PENDING, Change.B_FIRED} else past.first
