"""Who hears of an alert at a moment, by which way and when, and why; and why the other ways are not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.book import OWNER, Rule
from rules.posting import Slot, Telling, slot
from rules.routes import OPERATORS_OWN, Route, passes, spelled_out
from rules.selectors import Case, alerts


@dataclass(frozen=True, slots=True)
class Hearer:
    """A channel that hears of it by a ``route`` ("": by none), and when its letter goes."""

    channel: str
    route: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a route: why it is not taken; "" if it is."""

    route: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Escalation:
    """By a route, while nothing changes and nobody says that they know: told again, and to more after so long."""

    route: str
    remind: tuple[timedelta, ...]
    after: timedelta | None
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears of it. ``notes`` are sentences about who does not, or hears instead."""

    hearers: tuple[Hearer, ...]
    tried: tuple[Tried, ...]
    later: tuple[Escalation, ...]
    notes: tuple[str, ...]


def audience(
    rule: Rule, case: Case, telling: Telling, at: datetime, *, escalated: timedelta = timedelta(0)
) -> Audience:
    """Who hears of an alert as ``case`` has it, also after ``escalated``, or sooner."""
    owners = telling.owners(case.target, at)
    ways = {} if rule.shadow else telling.routes.ways(rule, case, owners, at, escalated=escalated)
    taken = [] if rule.shadow else telling.routes.taken(case, at)
    reminding = {id(route) for route in ways.values()}
    later = [
        Escalation(route.name, remind, route.escalate_after, tuple(spelled_out(route.escalate_to, owners)))
        for route in taken
        if (remind := route.remind if id(route) in reminding else ()) or route.escalate_to
    ]
    return Audience(
        tuple(Hearer(channel, route.name, _slot(rule, case, route, telling, at)) for channel, route in ways.items()),
        tuple(_tried(case, telling, at)),
        tuple(later),
        tuple(_notes(rule, case, telling, owners, ways, at)),
    )


def _slot(rule: Rule, case: Case, route: Route, telling: Telling, at: datetime) -> Slot:
    return slot(route, case, at, () if passes(case, rule.passes_quiet) else telling.holds(route))


def _tried(case: Case, telling: Telling, at: datetime) -> Iterator[Tried]:
    taken, decided = set(map(id, telling.routes.taken(case, at))), ""
    for route in telling.routes.routes:
        if id(route) in taken:
            yield Tried(route.name, "")
            decided = decided or ("" if route.goes_on else route.name)
        else:
            yield Tried(route.name, f"{decided} has decided" if decided else _why_not(route, case, at))


def _why_not(route: Route, case: Case, at: datetime) -> str:
    if route.match is not None and not route.match.matches(case):
        return f"{route.match.text} does not hold: {_facts(route, case)}"
    if route.times is not None and not route.times.hold(at):
        there = at.astimezone(route.times.zone)
        return f"it is not open on {there:%a} at {there:%H:%M} {route.times.zone}"
    return f"it does not ask what an alert is `on`, and so is not for one on {case.target.subject}"


def _facts(route: Route, case: Case) -> str:
    """What an alert has of that which a route asks for."""
    compared = dict.fromkeys(name for name, _ in route.match.compared) if route.match else {}
    ask = alerts("", list(compared)).attributes
    return ", ".join(f"{name} is {' and '.join(filter(None, ask[name](case))) or 'none'}" for name in compared)


def _notes(
    rule: Rule, case: Case, telling: Telling, owners: Sequence[str], ways: Mapping[str, Route], at: datetime
) -> Iterator[str]:
    routes, owner = telling.routes, case.target.owner
    deputy = telling.directory.person(owner, at)
    if deputy != owner:
        yield f"{deputy} stands in for {owner}"
    if rule.only is not None and not rule.only.matches(case.target):
        yield f"{rule.name} does not look at it: `only: {rule.only.text}`"
    if rule.shadow:
        yield "in shadow: told to nobody"
    if not rule.routed and routes.routes:
        yield f"{rule.name} says itself whom it tells; routes say only how"
    if case.target.subject in OPERATORS_OWN and (left := sorted(routes.clients - ways.keys())):
        yield f"for clients it is no business: {', '.join(left)}"
    if OWNER in rule.to and not owners:
        yield f"nobody is known who looks after {case.target.name}"
