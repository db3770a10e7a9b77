"""What is owed of an alert after a look: to whom, which way, and what is remembered of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from rules.book import Rule
from rules.posting import Slot, Telling, slot
from rules.routes import Route, passes
from rules.selectors import Case
from rules.telling import escalates, is_first, owed, reminders, standing
from rules.values import Alert, News, Target


class Hearing(NamedTuple):
    """Who may be told of alerts on a target at a moment.

    ``muted`` says why nothing new is to be told of an alert, in words ("" if it is), ``acked`` up to which level
    somebody said that they know of it (0: of none).
    """

    target: Target
    telling: Telling
    muted: Callable[[Rule, Case], str]
    acked: Callable[[Alert], int]
    at: datetime

    def case(self, rule: Rule, alert: Alert, level: int) -> Case:
        """An alert as routes see it, as grave as a level."""
        return rule.case(self.target, alert.labels, level)

    def ways(self, rule: Rule, alert: Alert) -> Mapping[str, Route]:
        """The channels that hear of an alert now, each with its way; also those that it has escalated to."""
        owners, case = self.telling.owners(self.target, self.at), self.case(rule, alert, alert.stand)
        return self.telling.routes.ways(rule, case, owners, self.at, escalated=alert.past.escalated)


class Due(NamedTuple):
    """News for a channel, and the slot of its letter."""

    channel: str
    news: News
    slot: Slot


def settle(rule: Rule, before: Alert, after: Alert, hearing: Hearing) -> tuple[Alert, Sequence[Due]]:
    """The alert with what is remembered of telling it, and the news that is told now."""
    alert = replace(after, past=standing(after.past, before.stand, after.stand, hearing.at))
    ways = hearing.ways(rule, alert) if alert.stand and not rule.shadow else {}
    is_known = 0 < alert.stand <= hearing.acked(alert)
    if not is_known and escalates(alert, ways, hearing.at) and not alert.past.escalated:
        alert = replace(alert, past=replace(alert.past, escalated=True))
        ways = hearing.ways(rule, alert)
    news = list(owed(alert, rule, ways))
    again = [] if is_known or rule.shadow else reminders(alert, ways, hearing.at)
    why = hearing.muted(rule, hearing.case(rule, alert, alert.stand)) if news or again else ""
    held = ""
    if why:
        told = list(owed(alert, rule, ways, muted=True))
        held = (alert.past.held or why) if len(told) < len(news) else ""
        news = told
    elif again:
        alert = replace(alert, past=replace(alert.past, reminded=hearing.at))
        news += [(channel, News.REMINDED) for channel in again]
    if held != alert.past.held:
        alert = replace(alert, past=replace(alert.past, held=held))
    return alert, [_due(rule, before, alert, hearing, ways, *each) for each in news]


def _due(
    rule: Rule, before: Alert, alert: Alert, hearing: Hearing, ways: Mapping[str, Route], channel: str, what: News
) -> Due:
    """News waits as long as the gravest level that it speaks of may."""
    telling, told = hearing.telling, before.told.get(channel, 0)
    case = hearing.case(rule, alert, max(abs(told), abs(alert.stand)))
    route = ways.get(channel) or telling.way(channel, rule, case, hearing.at)
    holds = () if passes(case, rule.passes_quiet) else telling.holds(route)
    return Due(channel, what, slot(route, case, hearing.at, holds, is_first=is_first(alert, rule, what)))
