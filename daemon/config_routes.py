"""From what the file says of routes, times and people to who hears what, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

from daemon.marked import Where
from daemon.route_models import DelegationModel, DigestModel, MaintenanceModel, QuietModel, RouteModel, TimesModel
from daemon.timers import Strikes, crontab
from rules.book import OWNER
from rules.directory import Delegation, Directory
from rules.posting import Telling
from rules.routes import Quiet, Route, Routes
from rules.selectors import Case, Language, Selector, compile_selector
from rules.spelling import did_you_mean, quoted
from rules.timetable import Once, Span, Times

ALL_WEEK = frozenset(range(1, 8))


class Blame(Protocol):
    """Notes a mistake."""

    def __call__(self, where: Where, text: str, *, offset: int | None = None, at_key: bool = False) -> None:
        """The mistake ``text`` is at the place ``where``, ``offset`` characters into it."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the file says, each with its place where that is not its name; all of one shape already."""

    zone: tzinfo
    channels: Collection[str]
    clients: Collection[str]
    owners: Mapping[str, Sequence[str]]
    operators: Sequence[str]
    holidays: Mapping[str, frozenset[date]]
    times: Mapping[str, TimesModel]
    routes: Sequence[tuple[Where, RouteModel]]
    maintenance: Sequence[tuple[Where, MaintenanceModel]]
    delegations: Sequence[tuple[Where, DelegationModel]]


class RouteReading:
    """One pass, collecting mistakes instead of stopping at the first. ``language`` is what may be asked of alerts."""

    def __init__(self, written: Written, language: Language[Case], blame: Blame) -> None:
        self._written, self._language, self._blame = written, language, blame
        self._times = {name: self._time(("times", name), model) for name, model in written.times.items()}

    def telling(self) -> Telling:
        """All of it; what is wrong is left out, and blamed."""
        written = self._written
        self._check_channels(("operators",), written.operators, owner=False)
        for name, channels in written.owners.items():
            self._check_channels(("owners", name), channels, owner=False)
        routes = tuple(self._route(number, *each) for number, each in enumerate(written.routes, 1))
        return Telling(
            Routes(routes, tuple(written.operators), frozenset(written.clients)),
            Directory(
                {name: tuple(channels) for name, channels in written.owners.items()},
                tuple(self._delegation(*each) for each in written.delegations),
            ),
            tuple(quiet for each in written.maintenance if (quiet := self._maintenance(*each))),
        )

    # --- times --------------------------------------------------------------------------------------------------

    def _time(self, where: Where, model: TimesModel) -> Times:
        own = (model.days, model.begins, model.ends)
        spans = [Span(each.days, each.begins, each.ends) for each in model.spans]
        if any(each is not None for each in own):
            spans.append(Span(model.days or ALL_WEEK, model.begins or time(0), model.ends or time(0)))
        if not spans and not model.also:
            self._blame(where, "these times have no days, no hours, and no holidays", at_key=True)
        also, never = (self._holidays((*where, key), names) for key, names in _holidays_of(model))
        return Times(model.zone or self._written.zone, tuple(spans), also, never)

    def _holidays(self, where: Where, names: Sequence[str]) -> frozenset[date]:
        known = self._written.holidays
        for position, name in enumerate(names):
            self._check_name((*where, position), name, "holidays", known)
        return frozenset().union(*(known.get(name, frozenset()) for name in names))

    def _named_times(self, where: Where, name: str) -> Times | None:
        self._check_name(where, name, "times", self._written.times)
        return self._times.get(name)

    # --- routes -------------------------------------------------------------------------------------------------

    def _route(self, number: int, where: Where, model: RouteModel) -> Route:
        self._check_channels((*where, "to"), model.to)
        self._check_channels((*where, "escalate_to"), model.escalate_to)
        return Route(
            name=model.name or f"route {number}",
            match=self._match((*where, "match"), model.match),
            times=self._named_times((*where, "times"), model.times) if model.times else None,
            to=tuple(model.to),
            goes_on=model.goes_on,
            group_by=tuple(model.group_by),
            group_wait=model.group_wait,
            digest=self._digest((*where, "digest"), model.digest),
            quiet=self._quiet((*where, "quiet"), model.quiet),
            remind=tuple(sorted(model.remind)),
            escalate_after=model.escalate_after,
            escalate_to=tuple(model.escalate_to),
        )

    def _match(self, where: Where, text: str) -> Selector[Case] | None:
        found = compile_selector(text, self._language) if text else None
        if isinstance(found, list):
            for problem in found:
                self._blame(where, problem.text, offset=problem.offset)
            return None
        return found

    def _digest(self, where: Where, written: DigestModel | str | None) -> Strikes | None:
        if written is None:
            return None
        model = DigestModel(cron=written) if isinstance(written, str) else written
        found = crontab(model.cron, model.zone or self._written.zone)
        if found is None:
            text = 'expected minute, hour, day, month and weekday of a time to come, such as "0 9 * * mon-fri"'
            self._blame(where if isinstance(written, str) else (*where, "cron"), text)
        return found

    def _quiet(self, where: Where, written: QuietModel | str | None) -> Quiet | None:
        if written is None:
            return None
        name, passes = (written, None) if isinstance(written, str) else (written.times, written.passes)
        times = self._named_times(where if isinstance(written, str) else (*where, "times"), name)
        return None if times is None else Quiet(name, times, passes)

    def _maintenance(self, where: Where, model: MaintenanceModel) -> Quiet | None:
        match = self._match((*where, "match"), model.match)
        name = model.why or "maintenance"
        if model.begins is not None and model.ends is not None:
            zone = model.zone or self._written.zone
            return Quiet(name, Once(_instant(model.begins, zone), _instant(model.ends, zone)), model.passes, match)
        times = self._named_times((*where, "times"), model.times)
        return None if times is None else Quiet(name, times, model.passes, match)

    # --- people -------------------------------------------------------------------------------------------------

    def _delegation(self, where: Where, model: DelegationModel) -> Delegation:
        for key, name in (("owner", model.owner), ("to", model.to)):
            self._check_name((*where, key), name, "owner", self._written.owners)
        zone = model.zone or self._written.zone
        begins, ends = (datetime.combine(day, time(0)) for day in (model.begins, model.ends + timedelta(days=1)))
        return Delegation(model.owner, model.to, _instant(begins, zone), _instant(ends, zone))

    def _check_channels(self, where: Where, names: Sequence[str], *, owner: bool = True) -> None:
        known = {*self._written.channels, *([OWNER] if owner else [])}
        for position, name in enumerate(names):
            self._check_name((*where, position), name, "channel", known)

    def _check_name(self, where: Where, name: str, what: str, known: Iterable[str]) -> None:
        names = frozenset(known)
        if name not in names:
            self._blame(where, f"unknown {what}{quoted(name)}{did_you_mean(name, names)}")


def _holidays_of(model: TimesModel) -> Iterable[tuple[str, Sequence[str]]]:
    return (("also", model.also), ("but_not", model.but_not))


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
