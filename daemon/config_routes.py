"""From what the file says of routes, times and people to who hears what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from daemon.blame import Blame
from daemon.config_models import ChannelModel, FileModel, Readers
from daemon.marked import Where
from daemon.route_models import (
    DelegationModel,
    DigestModel,
    MaintenanceModel,
    QuietModel,
    RouteModel,
    TimesModel,
)
from daemon.timers import Strikes, crontab
from rules.book import OWNER
from rules.directory import Delegation, Directory
from rules.posting import Telling
from rules.routes import Quiet, Route, Routes
from rules.selectors import Case, Selector, alerts, compile_selector
from rules.spelling import did_you_mean, quoted
from rules.timetable import Once, Span, Times
from rules.values import Metric

ALL_WEEK = frozenset(range(1, 8))
HOURS = ("days", "from", "to", "spans", "also")
"""What times are made of."""


class RouteReading:
    """One pass over what a file says of routes, times and people; mistakes are blamed, and what is wrong is left out.

    ``channels`` are those that it has, None where nobody can tell; ``metrics`` are those that alerts may be about.
    """

    def __init__(
        self, file: FileModel, channels: Mapping[str, ChannelModel] | None, metrics: Iterable[Metric], blame: Blame
    ) -> None:
        self._file, self._channels, self._blame, self._zone = file, channels, blame, ZoneInfo(file.zone)
        self._language = alerts("`match`", sorted({label for metric in metrics for label in metric.labels}))
        self._holidays = {name: frozenset[date]().union(*days) for name, days in file.holidays.items()}
        self._times = {name: self._time(("times", name), each) for name, each in file.times.items()}

    def telling(self) -> Telling:
        """Who hears what, and when."""
        file, clients = self._file, (self._channels or {}).items()
        self._check_channels(("operators",), file.operators, owner=False)
        for name, channels in file.owners.items():
            self._check_channels(("owners", name), channels, owner=False)
        routes = list(self._blame.items(RouteModel, ("routes",), file.routes))
        self._check_unique(routes)
        maintenance = self._blame.items(MaintenanceModel, ("maintenance",), file.maintenance)
        delegations = self._blame.items(DelegationModel, ("delegations",), file.delegations)
        return Telling(
            Routes(
                tuple(self._route(*each) for each in routes),
                tuple(file.operators),
                frozenset(name for name, each in clients if each.audience is Readers.CLIENTS),
                tuple(name for name, each in clients if each.audience is Readers.STAFF),
                {name: each.fallback for name, each in clients if each.fallback},
            ),
            Directory(
                {name: tuple(channels) for name, channels in file.owners.items()},
                tuple(self._delegation(*each) for each in delegations),
            ),
            tuple(quiet for each in maintenance if (quiet := self._maintenance(*each))),
        )

    # --- times --------------------------------------------------------------------------------------------------

    def _time(self, where: Where, written: object) -> Times | None:
        model = self._blame.model(TimesModel, where, written)
        if model is None:
            return None
        spans = [Span(_week(each.days), each.begins, each.ends) for each in model.spans]
        if any(each is not None for each in (model.days, model.begins, model.ends)):
            spans.append(Span(_week(model.days), model.begins or time(0), model.ends or time(0)))
        if isinstance(written, dict) and not any(written.get(key) for key in HOURS):
            self._blame.add(where, "these times have no days, no hours, and no holidays", at_key=True)
        also, never = (self._of_holidays((*where, key), names) for key, names in _holidays_of(model))
        return Times(model.zone or self._zone, tuple(spans), also, never)

    def _of_holidays(self, where: Where, names: Sequence[str]) -> frozenset[date]:
        for position, name in enumerate(names):
            self._check_name((*where, position), name, "holidays", self._holidays)
        return frozenset().union(*(self._holidays.get(name, frozenset()) for name in names))

    def _named_times(self, where: Where, name: str) -> Times | None:
        self._check_name(where, name, "times", self._times)
        return self._times.get(name)

    # --- routes -------------------------------------------------------------------------------------------------

    def _route(self, where: Where, model: RouteModel) -> Route:
        self._check_channels((*where, "to"), model.to)
        self._check_channels((*where, "escalate_to"), model.escalate_to)
        return Route(
            name=model.name or f"route {int(where[-1]) + 1}",
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

    def _check_unique(self, routes: Iterable[tuple[Where, RouteModel]]) -> None:
        first: dict[str, int] = {}
        for number, (where, model) in enumerate(routes, 1):
            if model.name and first.setdefault(model.name, number) != number:
                self._blame.add((*where, "name"), f"a route of this name exists already (route {first[model.name]})")

    def _match(self, where: Where, text: str) -> Selector[Case] | None:
        found = compile_selector(text, self._language) if text else None
        if isinstance(found, list):
            for problem in found:
                self._blame.add(where, problem.text, offset=problem.offset)
            return None
        return found

    def _digest(self, where: Where, written: DigestModel | str | None) -> Strikes | None:
        if written is None:
            return None
        model = DigestModel(cron=written) if isinstance(written, str) else written
        found = crontab(model.cron, model.zone or self._zone)
        if found is None:
            text = 'expected minute, hour, day, month and weekday of a time to come, such as "0 9 * * mon-fri"'
            self._blame.add(where if isinstance(written, str) else (*where, "cron"), text)
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
            zone = model.zone or self._zone
            return Quiet(name, Once(_instant(model.begins, zone), _instant(model.ends, zone)), model.passes, match)
        times = self._named_times((*where, "times"), model.times or "")
        return None if times is None else Quiet(name, times, model.passes, match)

    # --- people -------------------------------------------------------------------------------------------------

    def _delegation(self, where: Where, model: DelegationModel) -> Delegation:
        for key, name in (("owner", model.owner), ("to", model.to)):
            self._check_name((*where, key), name, "owner", self._file.owners)
        zone = model.zone or self._zone
        begins, ends = (datetime.combine(day, time(0)) for day in (model.begins, model.ends + timedelta(days=1)))
        return Delegation(model.owner, model.to, _instant(begins, zone), _instant(ends, zone))

    def _check_channels(self, where: Where, names: Sequence[str], *, owner: bool = True) -> None:
        if self._channels is None:
            return
        known = {*self._channels, *([OWNER] if owner else [])}
        for position, name in enumerate(names):
            self._check_name((*where, position), name, "channel", known)

    def _check_name(self, where: Where, name: str, what: str, known: Iterable[str]) -> None:
        names = frozenset(known)
        if name not in names:
            self._blame.add(where, f"unknown {what}{quoted(name)}{did_you_mean(name, names)}")


def _week(days: Sequence[frozenset[int]] | None) -> frozenset[int]:
    return ALL_WEEK if days is None else frozenset().union(*days)


def _holidays_of(model: TimesModel) -> Iterable[tuple[str, Sequence[str]]]:
    return (("also", model.also), ("but_not", model.but_not))


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
