"""Who hears of an alert, and how. The first route that matches decides; one that goes on lets later ones add theirs.

A rule that names its channels decides who, and the route only how. What is the operators' business (cookies, providers,
the daemon itself) goes to them, and to no client, whoever is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rules.book import OWNER, Rule
from rules.selectors import Case, Selector
from rules.timetable import Once, Times
from rules.values import Severity, Subject

OPERATORS_OWN = frozenset({Subject.COOKIE, Subject.PROVIDER, Subject.DAEMON})

GRAVITY = {severity: position for position, severity in enumerate(Severity)}


def passes(case: Case, least: Severity | None) -> bool:
    """Whether an alert is as grave as ``least`` (None: nothing is)."""
    return least is not None and GRAVITY[case.severity] >= GRAVITY[least]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Times when news of the alerts that ``match`` (None: all) waits, but for what is as grave as ``passes``."""

    name: str
    times: Times | Once
    passes: Severity | None = None
    match: Selector[Case] | None = None

    def until(self, case: Case, at: datetime) -> datetime | None:
        """Until when news of an alert waits; None if it does not."""
        if passes(case, self.passes):
            return None
        return self.times.until(at) if self.match is None or self.match.matches(case) else None


@dataclass(frozen=True, slots=True)
class Route:
    """A way for alerts that ``match`` (None: all), at certain ``times`` (None: always).

    ``to`` are names of channels and ``owner``. News is sent together with what else is alike in ``group_by`` and comes
    within ``group_wait``, or only at the next ``digest``. While it stands where it stands, and nobody says that they
    know, it is told again after each of ``remind``, and ``escalate_to`` are told too after ``escalate_after``.
    """

    name: str = ""
    match: Selector[Case] | None = None
    times: Times | None = None
    to: tuple[str, ...] = ()
    goes_on: bool = False
    group_by: tuple[str, ...] = ()
    group_wait: timedelta = timedelta(seconds=30)
    digest: Callable[[datetime], datetime] | None = None
    quiet: Quiet | None = None
    remind: tuple[timedelta, ...] = ()
    escalate_after: timedelta | None = None
    escalate_to: tuple[str, ...] = ()

    def takes(self, case: Case, at: datetime) -> bool:
        """Whether an alert goes this way at ``at``."""
        return (self.match is None or self.match.matches(case)) and (self.times is None or self.times.hold(at))

    @property
    def is_operators(self) -> bool:
        """Whether it asks what an alert is on, and so may be meant for the operators' own."""
        return self.match is not None and any(name == "on" for name, _ in self.match.compared)


STRAIGHT = Route()
"""How news goes that no route has: at once, each by itself."""


@dataclass(frozen=True, slots=True)
class Routes:
    """All of them. ``clients`` are the channels that people outside read, ``staff`` the others.

    ``instead`` are those that stand in for others.
    """

    routes: tuple[Route, ...] = ()
    operators: tuple[str, ...] = ()
    clients: frozenset[str] = frozenset()
    staff: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)

    def ways(
        self, rule: Rule, case: Case, owners: Sequence[str], at: datetime, *, escalated: timedelta = timedelta(0)
    ) -> Mapping[str, Route]:
        """The channels that hear of an alert, each with the route that says how; ``owners`` are its owner's.

        Also those that are told after ``escalated``, or sooner. That a channel does not work is told by others. What is
        the operators' own is told to somebody of the house, though none of those who are named may hear of it.
        """
        is_own = case.target.subject in OPERATORS_OWN
        broken = dict(case.labels).get("channel", "") if case.target.subject is Subject.DAEMON else ""
        found: dict[str, Route] = {}

        def add(names: Iterable[str], route: Route) -> None:
            for named in spelled_out(names, owners):
                channel = self.instead.get(named, "") if named == broken else named
                if channel and not (is_own and channel in self.clients):
                    found.setdefault(channel, route)

        taken = list(self.taken(case, at))
        for names, route in self._named(rule, taken, is_own):
            add(names, route)
        for others in (self.operators, rule.to, self.staff):
            if is_own and not found:
                add(others, taken[0] if taken else STRAIGHT)
        for route in taken:
            if route.escalate_after is not None and route.escalate_after <= escalated:
                add(route.escalate_to, route)
        return found

    def escalation(self, case: Case, waited: timedelta, at: datetime) -> timedelta:
        """The latest of the escalations of an alert that have come, if it was told so long ago; 0: none has."""
        afters = (route.escalate_after for route in self.taken(case, at))
        return max((each for each in afters if each is not None and each <= waited), default=timedelta(0))

    def escalated_to(
        self, known: Collection[str], case: Case, owners: Sequence[str], escalated: timedelta, at: datetime
    ) -> timedelta:
        """The latest of the escalations up to ``escalated`` that told one of those who are ``known``; 0: none did."""
        told = (e for e in self.taken(case, at) if not set(known).isdisjoint(spelled_out(e.escalate_to, owners)))
        afters = (route.escalate_after for route in told)
        return max((each for each in afters if each is not None and each <= escalated), default=timedelta(0))

    def way_back(self, channel: str, case: Case, owners: Collection[str], at: datetime) -> Route:
        """The way by which a channel may have heard of an alert of which it would hear no more.

        Best a route that names it, and that the alert takes now; ``owners`` are all channels that may ever have been an
        owner's. Whom no route names was named by the rule, or is an operator: they hear of it when the route that is
        taken is not quiet.
        """
        taken = list(self.taken(case, at))
        named = (e for e in (*taken, *self.routes) if channel in spelled_out((*e.to, *e.escalate_to), owners))
        return next(named, replace(STRAIGHT, quiet=taken[0].quiet) if taken else STRAIGHT)

    def taken(self, case: Case, at: datetime) -> Iterator[Route]:
        """The routes that an alert takes, in their order."""
        is_own = case.target.subject in OPERATORS_OWN
        for route in self.routes:
            if route.takes(case, at) and (route.is_operators or not is_own):
                yield route
                if not route.goes_on:
                    return

    def _named(self, rule: Rule, taken: Sequence[Route], is_own: bool) -> Iterable[tuple[Sequence[str], Route]]:
        """Names of channels, with the way to each. What no route has a name for goes to the operators, if need be."""
        named = [(route.to, route) for route in taken if route.to] if rule.routed else []
        if named:
            return named
        left = rule.routed and self.operators and (is_own or self.routes)
        return [(self.operators if left else rule.to, taken[0] if taken else STRAIGHT)]


def spelled_out(names: Iterable[str], owners: Collection[str]) -> Iterable[str]:
    """The channels that are named, where ``owner`` are the owner's; each once."""
    return dict.fromkeys(channel for name in names for channel in (owners if name == OWNER else (name,)))
