"""When a letter goes, and with which others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rules.book import Rule
from rules.directory import Directory
from rules.routes import Quiet, Route, Routes
from rules.selectors import Case, id_of
from rules.values import Target

FIRST_SIGHT, GROUP, DIGEST, QUIET, FALLBACK = "first-sight", "group", "digest", "quiet", "fallback"
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
        ways = self.routes.ways(rule, case, owners, at, escalated=True)
        people = itertools.chain(owners, *self.directory.channels.values())
        return ways.get(channel) or self.routes.way_back(channel, case, frozenset(people), at)


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


def slot(route: Route, case: Case, at: datetime, holds: Iterable[Quiet], *, is_first: bool = False) -> Slot:
    """The slot of a letter about ``case``; ``is_first``: it tells what was on at first sight.

    What ``holds`` it longest decides, else the next digest, else the group it is in.
    """
    held = [(until, quiet.name) for quiet in holds if (until := quiet.until(case, at))]
    if held:
        until, name = max(held)
        return Slot(until, f"{QUIET} {name}")
    if route.digest is not None:
        return Slot(route.digest(at), f"{DIGEST} {route.name}")
    if is_first:
        return Slot(at + SETTLED, FIRST_SIGHT, SETTLED)
    if route.group_by:
        alike = ", ".join(_of(case, name) for name in route.group_by)
        return Slot(at + route.group_wait, f"{GROUP} {alike}", route.group_wait)
    return Slot(at)


def _of(case: Case, name: str) -> str:
    if name == "rule":
        return case.rule
    return case.target.owner if name == "owner" else id_of(case.target.account) or case.target.name
