"""When a letter goes, and with which others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rules.book import Rule
from rules.directory import Directory
from rules.routes import Quiet, Route, Routes, passes
from rules.selectors import Case, id_of
from rules.timetable import LOOKED_AHEAD
from rules.values import Target

FIRST_SIGHT, GROUP, DIGEST, QUIET, FALLBACK = "first-sight", "group", "digest", "quiet", "fallback"
OPEN = "open"
"""The kinds of bundles."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Who hears what, and when: ``maintenance`` are the times when news of some alerts waits."""

    routes: Routes = field(default_factory=Routes)
    directory: Directory = field(default_factory=Directory)
    maintenance: tuple[Quiet, ...] = ()

    def holds(self, route: Route) -> tuple[Quiet, ...]:
        """What may hold news that goes this way."""
        return self.maintenance if route.quiet is None else (*self.maintenance, route.quiet)

    def owners(self, target: Target, at: datetime) -> tuple[str, ...]:
        """The channels by which the owner of a target is told, or who stands in for them."""
        return self.directory.told(target.owner, at) or target.channels

    def way(self, channel: str, rule: Rule, case: Case, at: datetime) -> Route:
        """The way of news of an alert to a channel that was told of it: by which it would hear of it now, if it would.

        Else by which it may have heard of it.
        """
        owners = self.owners(case.target, at)
        ways = self.routes.ways(rule, case, owners, at, escalated=timedelta.max)
        people = itertools.chain(owners, *self.directory.channels.values())
        return ways.get(channel) or self.routes.way_back(channel, case, frozenset(people), at)

    def due(self, channel: str, rule: Rule, case: Case, at: datetime, until: datetime) -> datetime:
        """When news of an alert that waits ``until`` then is to go to a channel that is told of it.

        That is no later than if it were written ``at``, but for what holds it when it would be sent.
        """
        route = self.way(channel, rule, case, at)
        holds = () if passes(case, rule.passes_quiet) else self.holds(route)
        return _held(case, min(until, slot(route, case, at, holds).due), holds)[0]


STRAIGHTFORWARD = Telling()
"""Everybody at once whom a rule names."""

SETTLED = timedelta(minutes=1)
"""How long is waited for more of what is seen for the first time."""


@dataclass(frozen=True, slots=True)
class Slot:
    """When a letter is due, which bundle it belongs to ("": none), and how long more of that is waited for."""

    due: datetime
    bundle: str = ""
    wait: timedelta = timedelta(0)

    @property
    def is_held(self) -> bool:
        """Whether it waits for the end of quiet hours, or of maintenance."""
        return self.bundle.startswith(QUIET)


def slot(
    route: Route, case: Case, at: datetime, holds: Sequence[Quiet], *, is_first: bool = False, is_open: bool = False
) -> Slot:
    """The slot of a letter about ``case``; ``is_first``: it tells what was on at first sight.

    ``is_open``: it tells what was on before, as it was: to somebody who did not hear of it yet, or once more. At the
    end of a shift, or of a night, that may be many at once.

    What ``holds`` it longest decides, else the next digest, else the group it is in. What holds news when it would be
    sent holds it too.
    """
    until, name = _held(case, at, holds)
    if name:
        return Slot(until, f"{QUIET} {name}")
    own = _own_slot(route, case, at, is_first=is_first, is_open=is_open)
    until, name = _held(case, own.due, holds)
    if not name:
        return own
    return replace(own, due=until) if route.digest is not None else Slot(until, f"{QUIET} {name}")


def _held(case: Case, at: datetime, holds: Sequence[Quiet]) -> tuple[datetime, str]:
    """Until when news is held that would be sent ``at``, and by what in the first place ("": by nothing)."""
    until, name, last = at, "", at + LOOKED_AHEAD
    while until < last and (ends := [(end, quiet.name) for quiet in holds if (end := quiet.until(case, until))]):
        until, longest = max(ends)
        name = name or longest
    return until, name


def _own_slot(route: Route, case: Case, at: datetime, *, is_first: bool, is_open: bool) -> Slot:
    """The slot of what nothing holds."""
    if route.digest is not None:
        return Slot(route.digest(at), f"{DIGEST} {route.name}")
    if is_first:
        return Slot(at + SETTLED, FIRST_SIGHT, SETTLED)
    if is_open:
        return Slot(at, OPEN)
    if route.group_by:
        alike = ", ".join(_of(case, name) for name in route.group_by)
        return Slot(at + route.group_wait, f"{GROUP} {alike}", route.group_wait)
    return Slot(at)


def _of(case: Case, name: str) -> str:
    if name == "rule":
        return case.rule
    return case.target.owner if name == "owner" else id_of(case.target.account) or case.target.name
